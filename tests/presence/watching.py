"""Who watches: clients that follow presence on a socket or by polls, and the log itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID, uuid4

import msgspec

from presence.models import Presence
from realtime import log, relay, sessions
from realtime.models import Session
from realtime.users import user_id
from tests.clients import PATIENCE, Frame, Poller, Socket, in_thread, open_poller, open_socket
from tests.servers import Address


class Watcher(Protocol):
    """A client that follows presence. `snapshots`: by channel, as of joining."""

    snapshots: dict[str, Frame]

    async def next(self) -> Frame:
        """The next presence event."""


class SocketWatcher:
    """Over a WebSocket."""

    def __init__(self, socket: Socket, snapshots: dict[str, Frame]) -> None:
        self._socket = socket
        self.snapshots = snapshots

    async def next(self) -> Frame:
        return await self._socket.expect("presence")


class PollWatcher:
    """Over HTTP."""

    def __init__(self, poller: Poller, channels: tuple[str, ...]) -> None:
        self._poller = poller
        self._channels = ",".join(channels)
        self._unread: list[Frame] = []
        self.snapshots: dict[str, Frame] = {}

    async def begin(self) -> None:
        answer = await self._poller.poll(timeout=0, channels=self._channels)
        self._unread = answer["events"]
        self.snapshots = answer["channels"]

    async def next(self) -> Frame:
        async with asyncio.timeout(PATIENCE):
            while not self._unread:
                answer = await self._poller.poll(channels=self._channels)
                self._unread = answer["events"]
        event = self._unread.pop(0)
        assert event["type"] == "presence", event
        return event


@asynccontextmanager
async def watch_by_socket(server: Address, user: Any, *channels: str) -> AsyncIterator[Watcher]:
    """Follow these channels on a socket of `user`."""
    async with open_socket(server, user) as socket:
        snapshots = {}
        for channel in channels:
            ack = await socket.ask("subscribe", {"channel": channel})
            assert ack["type"] == "ack", ack
            snapshots[channel] = ack["payload"]["data"]["snapshot"]
        yield SocketWatcher(socket, snapshots)


@asynccontextmanager
async def watch_by_polls(server: Address, user: Any, *channels: str) -> AsyncIterator[Watcher]:
    """Follow these channels by polls of `user`."""
    async with open_poller(server, user) as poller:
        watcher = PollWatcher(poller, channels)
        await watcher.begin()
        yield watcher


def channel(user: Any) -> str:
    """The channel of this user's presence."""
    return f"presence:{user_id(user)}"


async def status_told(watcher: Watcher) -> str:
    """The status in the next event."""
    return str((await watcher.next())["payload"]["status"])


async def until(check: Callable[[], bool]) -> None:
    """Return when `check`, which looks into the database, says so."""
    async with asyncio.timeout(PATIENCE):
        while not await in_thread(check):
            await asyncio.sleep(0.02)


async def until_shown(user: Any, status: str) -> None:
    """Return when this is the user's status, and no grace is running."""
    shown = Presence.objects.filter(user=user, status=status, offline_at=None)
    await until(shown.exists)


async def until_in_grace(user: Any) -> None:
    """Return when the user's last connection has gone."""
    await until(Presence.objects.filter(user=user, offline_at__isnull=False).exists)


async def until_sockets(user: Any, count: int) -> None:
    """Return when the user has so many sockets."""
    await until(lambda: Session.objects.filter(user=user).count() == count)


# --- without a server ------------------------------------------------------------------


def new_node() -> UUID:
    """A node that has just shown that it is alive."""
    node_id = uuid4()
    sessions.register_node(node_id, "test")
    return node_id


def connect(user: Any, node_id: UUID | None = None) -> UUID:
    """A session of `user`, as an open socket has it."""
    return sessions.open_session(user_id(user), node_id or new_node(), "")


def announced(*users: Any) -> list[tuple[str, str]]:
    """What was announced of these users (of all, if none is named): id and status."""
    relay.drain()
    wanted = {user_id(user) for user in users}
    told = []
    for event in log.read_from(1, 1000):
        if event.type == "presence":
            payload = msgspec.json.decode(event.payload)
            assert (event.topic, event.channel) == ("presence", f"presence:{payload['user_id']}")
            if not wanted or payload["user_id"] in wanted:
                told.append((payload["user_id"], payload["status"]))
    return told


def statuses_announced(user: Any) -> list[str]:
    """The statuses of this user that were announced, oldest first."""
    return [status for _, status in announced(user)]
