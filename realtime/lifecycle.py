"""This process as a node: starts the engine, keeps its lease, drains it.

uvicorn (and any server with ASGI's lifespan) starts it before the first
connection. Daphne has no lifespan: there the first connection or poll does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from django.contrib.auth import get_user_model
from rest_framework_simplejwt.settings import api_settings

from realtime import (
    admission,
    database,
    draining,
    ephemeral,
    hints,
    log,
    metrics,
    registry,
    sessions,
    stats,
    throttling,
)
from realtime.admission import Admission, Applicant
from realtime.authentication import Identity
from realtime.batching import Batcher
from realtime.conf import conf
from realtime.connection import Connection
from realtime.database import Work
from realtime.errors import CloseCode, ErrorCode, RealtimeError
from realtime.hub import Hub
from realtime.layer import LayerLink
from realtime.lean import collect_garbage_less_often
from realtime.relay import Relay
from realtime.reports import Reporter, Standing
from realtime.ticks import Ticks
from realtime.users import parse_user_id
from realtime.waiting import WaitingPolls
from realtime.watch import ConnectionWatch

logger = logging.getLogger("realtime.lifecycle")

RETRY = 1.0
STOP_TIMEOUT = 5.0
CANCEL_AGAIN = 0.1
PROBE_SECONDS = 2.0
USER_CHECK_BATCH = 1000

Message = dict[str, Any]


class LocalNode:
    """The engine in this process, bound to the event loop that it was started in.

    Attributes:
        hub: hands out the events of the log.
        layer: its link to the other nodes.
        draining: it accepts nobody any more.
        polls: the polls that wait here.
        watch: tells apps whose connections have changed.
    """

    def __init__(self) -> None:
        self.id: UUID = uuid4()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.hub = Hub()
        self.hub.on_topic = Ticks(self.hub, self._spawn).topic_changed
        self.draining = False
        self.polls = WaitingPolls()
        self.watch = ConnectionWatch()
        self._relay = Relay(self._on_moved)
        self._loop = asyncio.get_running_loop()
        self.layer = LayerLink(self.id, self._take_hint, self.hub.subscribers.signal)
        self._stats = stats.Reporter(self, self._hand_out, self.layer.tell)
        self._connections: dict[UUID, Connection] = {}
        self._admissions = Batcher(
            Work.ENTRY, partial(admission.admit, self.id), admission.BATCH, self._not_taken
        )
        self._ended: dict[UUID, str] = {}
        self._freeing = asyncio.Event()
        self._lost: set[UUID] = set()
        self._registering = asyncio.Lock()
        self._holds = ephemeral.Holds(self._loop)
        self._reporter = Reporter(self.id)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    # --- start and stop ------------------------------------------------------------------

    async def start(self) -> None:
        """Enter the registry and begin to relay and to tail.

        Raises:
            django.db.Error: the database cannot be reached, or is not migrated.
        """
        await database.run(Work.ENGINE, sessions.register_node, self.id, self.name)
        await self.hub.start()
        hints.listen(self._on_committed)
        ephemeral.listen(self._on_signal)
        ephemeral.add_holds(self._holds)
        options = conf()
        self._spawn(self._relay.run())
        self._spawn(self.hub.run())
        self._spawn(self._free_slots())
        self._spawn(self.watch.tell_observers())
        self._spawn(self._every(options.PRESENCE_IDLE / 10, self._watch_idle))
        self._spawn(self._every(options.POLL_LEASE / 10, self.watch.end_polls))
        for job in registry.upkeep():
            self._spawn(self._every(job.seconds, _upkeep(job)))
        self._spawn(self._every(options.LEASE_INTERVAL, self._renew))
        self._spawn(self._every(options.LEASE_INTERVAL, self._report))
        self._spawn(self._every(PROBE_SECONDS, _probe_cache))
        self._spawn(self._every(stats.INTERVAL, self._stats.report))
        self._spawn(self._every(stats.CHECK_SECONDS, self._stats.check))
        self._spawn(self._every(options.PRUNE_INTERVAL, self._prune))
        self._spawn(self._every(options.USER_CHECK_INTERVAL, self._check_users))
        for link in self.layer.jobs():
            self._spawn(link)
        draining.catch_signals(self, self._loop)

    async def stop(self) -> bool:
        """End the engine's tasks and leave the registry. Safe to call twice.

        Returns:
            Whether all of it worked in time.
        """
        if self._stopped:
            return True
        self._stopped = self.draining = True
        hints.unlisten(self._on_committed)
        ephemeral.unlisten(self._on_signal)
        ephemeral.remove_holds(self._holds)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await _end(self._tasks)
                leaving = {connection.user_id for connection in self._connections.values()}
                leaving.update(self._ended.values())
                await database.run(Work.ENGINE, sessions.end_node, self.id)
                await self.watch.tell_last(leaving)
                await asyncio.to_thread(database.close)
        except Exception as error:
            logger.warning("Could not leave the registry, the lease will run out: %r", error)
            return False
        return True

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._loop.create_task(coroutine))

    # --- connections ---------------------------------------------------------------------

    def connections(self) -> list[Connection]:
        """The open sockets on this node."""
        return list(self._connections.values())

    @property
    def connection_count(self) -> int:
        """Open sockets on this node."""
        return len(self._connections)

    async def admit(self, token: str | None, address: str) -> tuple[Identity, UUID]:
        """Check who comes, and take a slot for the new socket.

        Returns:
            Who it is, and the session's id, to be given to `enter` and `release`.

        Raises:
            RealtimeError: as `authenticate` raises, or MAX_CONNECTIONS, or the node
                is draining.
        """
        if self.draining:
            raise draining_error()
        admitted = await self._admissions.submit(Applicant(token, address))
        identity, session_id = admitted.identity, admitted.session_id
        if session_id is None:
            await self._register_again()
            session_id = await self._open_session(identity.user_id, address)
        return identity, session_id

    def _not_taken(self, admitted: Admission) -> None:
        """Who was let in had gone by then."""
        if admitted.session_id is not None:
            self.release(admitted.session_id, admitted.identity.user_id)

    async def _open_session(
        self, user_id: str, address: str, session_id: UUID | None = None
    ) -> UUID:
        return await database.run(
            Work.ENTRY,
            sessions.open_session,
            user_id,
            self.id,
            address,
            session_id=session_id,
        )

    def enter(self, session_id: UUID, connection: Connection) -> None:
        """The socket of this session is open."""
        self._connections[session_id] = connection
        metrics.CONNECTIONS.inc()
        self.watch.touch([connection.user_id])

    def release(self, session_id: UUID, user_id: str) -> None:
        """The socket of this session has ended: its slot will be freed."""
        if self._connections.pop(session_id, None) is not None:
            metrics.CONNECTIONS.dec()
        self.watch.forget(session_id)
        self._reporter.forget(session_id)
        self._ended[session_id] = user_id
        self._freeing.set()
        self._holds.end_connection(user_id, str(session_id))

    async def _free_slots(self) -> None:
        """Delete the rows of sessions that have ended, those of one moment together."""
        while True:
            await self._freeing.wait()
            self._freeing.clear()
            ended = dict(self._ended)
            try:
                await database.run(Work.ENTRY, sessions.close_sessions, list(ended))
            except Exception as error:
                logger.warning("Could not free %d slots, trying again: %s", len(ended), error)
                self._freeing.set()
                await asyncio.sleep(RETRY)
            else:
                for session_id in ended:
                    del self._ended[session_id]
                self.watch.touch(ended.values())

    # --- signals and hints ----------------------------------------------------------------

    def _on_signal(self, signal: ephemeral.Signal) -> None:
        """Called in any thread of this process that sends a signal."""
        try:
            self._loop.call_soon_threadsafe(self._hand_out, signal)
        except RuntimeError:  # the loop was closed without a word
            ephemeral.unlisten(self._on_signal)

    def _hand_out(self, signal: ephemeral.Signal) -> None:
        self.hub.subscribers.signal(signal)
        self.layer.send(signal)

    def _on_committed(self) -> None:
        """Called in any thread of this process after a commit with events."""
        try:
            self._loop.call_soon_threadsafe(self._relay.wake)
        except RuntimeError:  # the loop was closed without a word
            hints.unlisten(self._on_committed)

    def _on_moved(self) -> None:
        self.hub.wake()
        self.layer.announce()

    def _take_hint(self, hint: Message) -> None:
        if hint["type"] == stats.WATCHED:
            self._stats.watched_by(hint["user_ids"])
            return
        if hint["type"] == hints.PENDING["type"]:
            self._relay.wake()
        self.hub.wake()

    # --- upkeep --------------------------------------------------------------------------

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            # A little off the beat, so that nodes started together spread out.
            await asyncio.sleep(seconds * random.uniform(0.9, 1.1))
            try:
                await work()
            except Exception as error:
                logger.warning("%s failed, will be tried again: %s", work.__name__, error)

    async def _renew(self) -> None:
        if not await database.run(Work.ENGINE, sessions.renew_lease, self.id):
            await self._register_again()
        await self._open_again()
        metrics.BACKLOG.set(await database.run(Work.ENGINE, log.backlog))
        # Not by the tail alone: of one that is stuck nobody would see how far behind it is.
        metrics.LOG_HEAD.set((await database.run(Work.ENGINE, log.read_head)).sequence)
        self.watch.touch((await database.run(Work.ENGINE, sessions.sweep)).user_ids)

    async def _report(self) -> None:
        standing = Standing(self.hub.position, len(self.polls), self.draining)
        await self._reporter.report(standing, self._connections)

    async def _watch_idle(self) -> None:
        await self.watch.mark_idle(self._connections)

    async def _register_again(self) -> None:
        """We were thought dead (frozen, or cut off from the database): all slots were freed."""
        async with self._registering:
            if await database.run(Work.ENGINE, sessions.renew_lease, self.id):
                return  # another task has done it
            self._lost = set(self._connections)
            logger.warning("The lease had run out, opening %d sessions again", len(self._lost))
            await database.run(Work.ENGINE, sessions.register_node, self.id, self.name)

    async def _open_again(self) -> None:
        """Open the sessions again that were lost with the lease; what fails now, next time."""
        for session_id in list(self._lost):
            if connection := self._connections.get(session_id):
                try:
                    await self._open_session(connection.user_id, connection.address, session_id)
                except RealtimeError:
                    connection.close(CloseCode.RECONNECT, "slot_taken")
                if session_id not in self._connections:
                    self.release(session_id, connection.user_id)  # it ended meanwhile
                self.watch.forget(session_id)  # its new row is not marked idle
                self._reporter.forget(session_id)
                self.watch.touch([connection.user_id])
            self._lost.discard(session_id)

    async def _prune(self) -> None:
        await database.run(Work.ENGINE, log.prune, timedelta(seconds=conf().RETENTION))

    async def _check_users(self) -> None:
        """`QuerySet.update(is_active=False)` sends no signal: look from time to time."""
        user_ids = self.hub.subscribers.user_ids()
        for start in range(0, len(user_ids), USER_CHECK_BATCH):
            batch = user_ids[start : start + USER_CHECK_BATCH]
            for user_id in await database.run(Work.ENGINE, _inactive, batch):
                self.hub.subscribers.end_user(
                    user_id, CloseCode.ACCOUNT_DISABLED, "account_disabled"
                )


def draining_error() -> RealtimeError:
    """The answer to who comes while the node is going."""
    return RealtimeError(
        ErrorCode.INTERNAL_ERROR,
        "The server is shutting down: connect again, another one will answer",
        status=503,
        retry_after=1,
    )


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them until they have ended.

    Once is not enough: `wait_for` of Python 3.11, which redis-py uses, loses a
    cancellation that comes in the same moment as what it waits for.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN)


def _upkeep(job: registry.Upkeep) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        await database.run(Work.APPS, job.work)

    work.__name__ = getattr(job.work, "__qualname__", "upkeep")
    return work


async def _probe_cache() -> None:
    # A thread of its own: it may hang in a Redis that does not answer.
    await asyncio.to_thread(throttling.probe_cache)


def _inactive(user_ids: list[str]) -> list[str]:
    users = get_user_model()._default_manager.in_bulk([parse_user_id(key) for key in user_ids])
    return [
        user_id
        for user_id in user_ids
        if not api_settings.USER_AUTHENTICATION_RULE(users.get(parse_user_id(user_id)))
    ]


# --- the node of this process -------------------------------------------------------------

_nodes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[LocalNode]] = WeakKeyDictionary()


async def local_node() -> LocalNode:
    """The running node of this process, started if it is not.

    Raises:
        django.db.Error: it could not be started now.
    """
    if (node := running_node()) is not None:
        return node
    loop = asyncio.get_running_loop()
    task = _nodes.get(loop)
    if task is None or (task.done() and (task.cancelled() or task.exception())):
        task = _nodes[loop] = loop.create_task(_start())
    return await asyncio.shield(task)


def local_nodes() -> list[LocalNode]:
    """The nodes of all event loops of this process; outside tests there is one."""
    tasks = [task for task in _nodes.values() if task.done() and not task.cancelled()]
    return [task.result() for task in tasks if task.exception() is None]


def running_node() -> LocalNode | None:
    """The node of this process, if it is up."""
    try:
        task = _nodes.get(asyncio.get_running_loop())
    except RuntimeError:
        return None
    if task is None or not task.done() or task.cancelled() or task.exception():
        return None
    return task.result()


async def _start() -> LocalNode:
    node = LocalNode()
    await node.start()
    return node


async def lifespan(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """ASGI's lifespan protocol: the node lives from startup to shutdown.

    A database that cannot be reached does not stop the start: `/readyz` says
    so, and the first connection after it has come back starts the node.
    """
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            collect_garbage_less_often()
            try:
                await local_node()
            except Exception as error:
                logger.error("Not ready: %s", error)
            await send({"type": "lifespan.startup.complete"})
        else:
            if node := running_node():
                await node.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
