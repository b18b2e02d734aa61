"""Signals for a client that is behind: of each state it gets the last, when it has caught up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from realtime.ephemeral import Signal
from realtime.protocol import Frame

# Of more, the oldest go.
MAX_KEPT = 100
RETRY = 0.05


class SlowOutbound(Protocol):
    """What is to be known of the way out."""

    @property
    def behind(self) -> bool:
        """Whether the client has not taken what was written before."""

    def caught_up(self) -> Awaitable[None]:
        """Return when the client is not behind, or nothing can be sent any more."""


class LateSignals:
    """Writes signals, at once or when the client has taken what came before.

    Args:
        write: sends a frame.
        may_write: False while a replay is under way, which must not be interrupted.
    """

    __slots__ = ("_kept", "_may_write", "_outbound", "_task", "_write")

    def __init__(
        self,
        outbound: SlowOutbound,
        write: Callable[[Frame], None],
        may_write: Callable[[], bool],
    ) -> None:
        self._outbound = outbound
        self._write = write
        self._may_write = may_write
        self._kept: dict[str, Signal] = {}
        self._task: asyncio.Task[None] | None = None

    def send(self, signal: Signal) -> None:
        """Send it now, or keep it in place of an older one with its key."""
        if not self._kept and not self._outbound.behind:
            self._write(signal.frame)
            return
        key = signal.coalesce or signal.id
        self._kept.pop(key, None)  # what is newest goes last
        self._kept[key] = signal
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        if self._task is None:
            self._task = asyncio.create_task(self._send_kept())

    async def _send_kept(self) -> None:
        try:
            while self._kept:
                await self._outbound.caught_up()
                if self._may_write():
                    kept, self._kept = self._kept, {}
                    for signal in kept.values():
                        self._write(signal.frame)
                else:
                    await asyncio.sleep(RETRY)
        finally:
            self._task = None

    def stop(self) -> None:
        """The connection has ended."""
        self._kept.clear()
        if self._task is not None:
            self._task.cancel()
