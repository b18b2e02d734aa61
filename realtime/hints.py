"""Hints that something was committed: who has to look sooner than by the clock.

A lost hint costs a moment, never an event: relay and hub look on an interval
anyway. In a server process the relay is woken directly. Any other process
(WSGI, Celery, a shell) sends the hint over the channel layer, from a thread of
its own, so that a publisher never waits for Redis and never sees it fail.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from channels.layers import BaseChannelLayer, InMemoryChannelLayer, channel_layers

from realtime.conf import conf

logger = logging.getLogger("realtime.hints")

GROUP = "realtime.hints"
PENDING = {"type": "realtime.pending"}  # the outbox has rows
LOGGED = {"type": "realtime.logged"}  # the log has rows
SEND_TIMEOUT = 2.0
MAX_WAITING = 1000

_listeners: list[Callable[[], None]] = []
_sender: _Sender | None = None
_lock = threading.Lock()


def shared_layer() -> BaseChannelLayer | None:
    """The channel layer, if it reaches other processes."""
    alias = conf().CHANNEL_LAYER
    if alias not in channel_layers.configs:
        return None
    layer: BaseChannelLayer = channel_layers[alias]
    return None if isinstance(layer, InMemoryChannelLayer) else layer


def listen(wake: Callable[[], None]) -> None:
    """Call `wake`, from any thread, whenever this process has committed events."""
    _listeners.append(wake)


def unlisten(wake: Callable[[], None]) -> None:
    """Undo `listen`; safe to call twice."""
    if wake in _listeners:
        _listeners.remove(wake)


def announce_pending() -> None:
    """Tell a relay that the outbox has committed rows. Never raises, never waits."""
    if _listeners:
        for wake in list(_listeners):
            wake()
    elif shared_layer() is not None:
        send_from_thread(GROUP, PENDING)


def send_from_thread(group: str, message: dict[str, Any]) -> None:
    """Send to a group of the channel layer, from a process without a node.

    Returns at once. While Redis is slow messages wait, and the oldest are
    dropped: they are hints and signals.
    """
    _get_sender().send(group, message)


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up in its own thread: at exit, executors take no work any more."""

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        return socket.getaddrinfo(*args, **kwargs)


class _Sender:
    """A thread with an event loop of its own for the channel layer."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MAX_WAITING)
        self._asked = threading.Event()
        self._idle = threading.Event()
        self._failing = False
        # A command often ends right after its commit.
        atexit.register(self._idle.wait, SEND_TIMEOUT)
        threading.Thread(target=self._run, name="realtime-hints", daemon=True).start()

    def send(self, group: str, message: dict[str, Any]) -> None:
        if (group, message) not in self._waiting:  # one hint does for many commits
            self._waiting.append((group, message))
        self._idle.clear()
        self._asked.set()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            while True:
                self._asked.wait()
                self._asked.clear()
                while self._waiting:
                    runner.run(self._send(*self._waiting.popleft()))
                if not self._asked.is_set():
                    self._idle.set()

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        layer = shared_layer()
        if layer is None:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await layer.group_send(group, message)
        except Exception as error:
            if not self._failing:
                logger.warning("No hints: %r. Events arrive by the clock until it works.", error)
            self._failing = True
        else:
            self._failing = False


def _get_sender() -> _Sender:
    global _sender
    with _lock:
        if _sender is None or _sender.pid != os.getpid():  # threads do not survive a fork
            _sender = _Sender()
        return _sender
