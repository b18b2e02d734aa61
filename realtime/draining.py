"""Draining: on SIGTERM clients are sent away before the server hears of it.

uvicorn would close its listener and cut every socket off at once. Here the
signal is taken first: readiness turns red, who comes gets 503, and who is there
is told and closed, spread over the drain time, so that the fleet does not come
down on the next server all at once. Then the signal is passed on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from realtime.conf import conf
from realtime.connection import Connection
from realtime.errors import CloseCode
from realtime.waiting import WaitingPolls

logger = logging.getLogger("realtime.draining")

# A few clients need not be spread over the whole drain time.
WIDEST_SPACING = 0.05
# Who is told to go comes back within this time, unless it knows better.
RETURN_SECONDS = 1.0
# For what was going on when the last client was told.
GRACE = 5.0
POLL = 0.01


class Drained(Protocol):
    """A node, as draining sees it."""

    draining: bool
    polls: WaitingPolls

    def connections(self) -> list[Connection]:
        """The open sockets."""

    async def stop(self) -> bool:
        """End the engine's tasks and leave the registry; False: it did not work in time."""


async def drain(node: Drained, seconds: float) -> None:
    """Send every client of a node away, spread over at most `seconds`."""
    node.draining = True
    node.polls.release_all()
    leaving = node.connections()
    random.shuffle(leaving)
    spacing = min(WIDEST_SPACING, seconds / max(1, len(leaving)))
    going = []
    for connection in leaving:
        going.append(asyncio.create_task(_send_away(connection)))
        await asyncio.sleep(spacing)
    try:
        async with asyncio.timeout(2 * GRACE):
            if going:
                await asyncio.wait(going)
            while node.connections() or node.polls:
                await asyncio.sleep(POLL)
    except TimeoutError:
        logger.warning("%d connections did not end in time", len(node.connections()))


async def _send_away(connection: Connection) -> None:
    try:
        async with asyncio.timeout(GRACE):
            await connection.quiet()
    except TimeoutError:
        pass  # the client will send the command again, and it takes effect once
    connection.close(
        CloseCode.GOING_AWAY,
        "server_shutdown",
        reconnect_after_ms=random.randint(0, int(RETURN_SECONDS * 1000)),
    )


def catch_signals(node: Drained, loop: asyncio.AbstractEventLoop) -> None:
    """Drain before the server hears of SIGTERM or SIGINT."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)
        if callable(previous):
            signal.signal(number, _Drainer(node, loop, previous))


class _Drainer:
    """A signal handler that drains the node, then passes the signal on."""

    def __init__(
        self,
        node: Drained,
        loop: asyncio.AbstractEventLoop,
        previous: Callable[[int, FrameType | None], Any],
    ) -> None:
        self._node = node
        self._loop = loop
        self._previous = previous
        self._task: asyncio.Task[None] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._node.draining or self._loop.is_closed():
            self._previous(number, frame)  # asked twice: at once, then
        else:
            self._node.draining = True
            self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        self._task = self._loop.create_task(self._drain(number))

    async def _drain(self, number: int) -> None:
        seconds = conf().DRAIN_SECONDS if number == signal.SIGTERM else 0.0
        try:
            await drain(self._node, seconds)
            if not await self._node.stop():
                _leave_anyway()
        finally:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        server: Any = getattr(self._previous, "__self__", None)
        if hasattr(server, "should_exit"):
            # uvicorn would raise the signal once more at its end and so die of it.
            # It was obeyed in full: the exit status is to be 0.
            server.should_exit = True
        else:
            self._previous(number, None)


def _leave_anyway() -> None:
    """End the process even if threads are stuck in a database that does not answer.

    Python waits for them before it exits, and they might wait for hours. Nobody is
    connected any more, and what has no answer has no effect that anybody was told of.
    """

    def leave() -> None:
        logger.error("The database does not answer, leaving without it")
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(GRACE, leave)
    timer.daemon = True
    timer.start()
