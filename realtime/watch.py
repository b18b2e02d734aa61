"""Whose connections have changed: told to the apps that asked, as presence does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from functools import partial
from uuid import UUID

from realtime import database, registry, sessions
from realtime.conf import conf
from realtime.connection import Connection
from realtime.database import Work

logger = logging.getLogger("realtime.watch")

RETRY = 1.0
# A user's poll lease is written at most this often.
POLL_RENEWAL = 10.0


class ConnectionWatch:
    """One node's part in knowing who is connected, and who is idle."""

    def __init__(self) -> None:
        self._changed: set[str] = set()
        self._change = asyncio.Event()
        self._idle: set[UUID] = set()
        self._idle_users: dict[UUID, str] = {}
        self._polled: dict[str, float] = {}
        self._to_renew: set[str] = set()
        self._writer: asyncio.Task[None] | None = None

    def touch(self, user_ids: Iterable[str]) -> None:
        """Connections of these users have changed."""
        self._changed.update(user_ids)
        if self._changed:
            self._change.set()

    def poll_seen(self, user_id: str) -> None:
        """This user polls: it counts as connected for a while."""
        now = time.monotonic()
        renewal = min(POLL_RENEWAL, conf().POLL_LEASE / 3)
        if now - self._polled.get(user_id, -renewal) >= renewal:
            self._polled[user_id] = now
            self._to_renew.add(user_id)
            self.touch([user_id])

    async def tell_observers(self) -> None:
        """Tell apps whose connections have changed, those of one moment together."""
        while True:
            await self._change.wait()
            self._change.clear()
            changed, self._changed = self._changed, set()
            renewed, self._to_renew = self._to_renew, set()
            try:
                await database.run(Work.APPS, _observe, sorted(changed), sorted(renewed))
            except Exception as error:
                logger.warning("Observers of connections failed, trying again: %s", error)
                self._to_renew |= renewed
                self.touch(changed)
                await asyncio.sleep(RETRY)

    async def tell_last(self, user_ids: Iterable[str]) -> None:
        """This node ends, and with it the connections of these users."""
        self._changed.update(user_ids)
        if self._changed:
            await database.run(Work.APPS, _observe, sorted(self._changed), [])

    async def end_polls(self) -> None:
        """Find the poll leases that have run out, this node's and others'."""
        now = time.monotonic()
        self._polled = {
            user_id: at for user_id, at in self._polled.items() if now - at < conf().POLL_LEASE
        }
        self.touch(await database.run(Work.ENGINE, sessions.end_poll_leases))

    # --- idle sockets ---------------------------------------------------------------------

    async def mark_idle(self, connections: Mapping[UUID, Connection]) -> None:
        """Mark the sockets that have been silent for long."""
        silent_since = time.monotonic() - conf().PRESENCE_IDLE
        silent = {
            session_id: connection
            for session_id, connection in connections.items()
            if session_id not in self._idle and connection.active_at < silent_since
        }
        for session_id, connection in silent.items():
            self._idle.add(session_id)
            connection.on_active = partial(self._on_active, session_id, connection.user_id)
        try:
            await self._write({key: connection.user_id for key, connection in silent.items()})
        except Exception:
            self._idle.difference_update(silent)  # to be marked the next time
            raise

    def forget(self, session_id: UUID) -> None:
        """This socket has ended."""
        self._idle.discard(session_id)

    def _on_active(self, session_id: UUID, user_id: str) -> None:
        self._idle.discard(session_id)
        self._idle_users[session_id] = user_id
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_active())

    async def _write_active(self) -> None:
        while self._idle_users:
            active, self._idle_users = self._idle_users, {}
            try:
                await self._write(active)
            except Exception as error:
                logger.warning("Could not mark sockets active, trying again: %s", error)
                self._idle_users = {**active, **self._idle_users}
                await asyncio.sleep(RETRY)

    async def _write(self, sockets: Mapping[UUID, str]) -> None:
        for idle in (True, False):
            ids = [session_id for session_id in sockets if (session_id in self._idle) is idle]
            if ids:
                await database.run(Work.ENGINE, sessions.mark_idle, ids, idle=idle)
        self.touch(sockets.values())


def _observe(changed: list[str], renewed: list[str]) -> None:
    sessions.renew_poll_leases(renewed)
    for observe in registry.connection_observers():
        observe(changed)
