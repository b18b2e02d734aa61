"""Polls that wait: subscribers of the hub, like sockets.

A waiting poll holds no thread and no database connection, only a future.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable

from realtime import metrics, registry
from realtime.conf import conf
from realtime.ephemeral import Signal
from realtime.errors import ErrorCode, RealtimeError
from realtime.log import Head
from realtime.subscribers import Run

# A poller that has not come back for this long begins anew.
FOLLOWED_SECONDS = 90.0
FOLLOWED_MAX = 10_000
SIGNAL_PATIENCE = 2.0
MAX_SIGNALS = 100


class PollChannels:
    """What a poll wants: the channels it names, and those that every poll gets."""

    __slots__ = ("named",)

    def __init__(self, named: Iterable[str]) -> None:
        self.named = list(dict.fromkeys(named))

    def __contains__(self, channel: object) -> bool:
        return channel in self.named or registry.is_polled(str(channel))

    @property
    def topics(self) -> set[str]:
        """The public topics of the named channels."""
        return {topic for name in self.named if (topic := registry.topic_of(name))}


class PollWait:
    """A poll that waits, as the hub sees it.

    Attributes:
        position: nothing up to here is for it; what woke it comes next.
        woken: there is something to answer: the log is to be read again.
        ended: nothing more is to be waited for.
        signals: unlogged frames that came meanwhile.
    """

    id = ""  # it is no socket

    __slots__ = (
        "_began",
        "_future",
        "_loop",
        "_timer",
        "channels",
        "ended",
        "position",
        "signals",
        "topics",
        "user_id",
        "woken",
    )

    def __init__(self, user_id: str, channels: PollChannels, position: int) -> None:
        self.user_id = user_id
        self.channels = channels
        self.topics = channels.topics
        self.woken = False
        self.ended: RealtimeError | bool = False
        self.signals: dict[str, Signal] = {}
        self.position = position
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._future = self._loop.create_future()

    def deliver(self, run: Run) -> None:
        if run.last <= self.position or self.woken:
            return
        # It has been asked about every event since it began to wait: of the others none
        # is for it. They may be thousands, which nobody has to look through again.
        self.position = max(self.position, run.first - 1)
        self.woken = True
        self._answer()

    def signal(self, signal: Signal) -> None:
        """Keep it for the answer: of what has one key, the last will do."""
        key = signal.coalesce or signal.id
        if key in self.signals or len(self.signals) < MAX_SIGNALS:
            self.signals.pop(key, None)
            self.signals[key] = signal
        # Alone it answers only a poll that has waited a while: typing would
        # otherwise have a client poll all the time.
        delay = self._began + SIGNAL_PATIENCE - self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(max(0.0, delay), self._answer)

    def leave_channel(self, channel: str) -> None:
        """Events of it are no longer written for this user; nothing is to be done."""

    def end(self, code: int, reason: str) -> None:
        self.ended = RealtimeError(ErrorCode.INVALID_TOKEN, "invalid token", reason=reason)
        self._answer()

    def resync(self, reason: str, head: Head) -> None:
        self.woken = True
        self._answer()

    def release(self) -> None:
        """Answer now, with nothing."""
        self.ended = True
        self._answer()

    def _answer(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Return when there is something to answer, at the latest after `seconds`."""
        timeout = self._loop.call_later(seconds, self._answer)
        try:
            await self._future
        finally:
            timeout.cancel()
            metrics.POLL_WAITS.observe(self._loop.time() - self._began)
            if self._timer is not None:
                self._timer.cancel()


class WaitingPolls:
    """The polls that wait on this node, by user: one too many ends the oldest."""

    def __init__(self) -> None:
        self._by_user: defaultdict[str, deque[PollWait]] = defaultdict(deque)
        self._followed: dict[tuple[str, str], float] = {}

    def add(self, wait: PollWait) -> None:
        waits = self._by_user[wait.user_id]
        if len(waits) >= conf().MAX_WAITING_POLLS:
            waits.popleft().release()
            metrics.WAITING_POLLS.dec()
        waits.append(wait)
        metrics.WAITING_POLLS.inc()

    def remove(self, wait: PollWait) -> None:
        waits = self._by_user.get(wait.user_id)
        if waits and wait in waits:  # released ones have been taken out
            waits.remove(wait)
            metrics.WAITING_POLLS.dec()
        if not waits:
            self._by_user.pop(wait.user_id, None)

    def newly_followed(self, user_id: str, channels: Iterable[str]) -> list[str]:
        """Those of the named channels that no poll of this user has named lately.

        Their snapshots go with the answer. Another node does not know of it
        and sends them once more, which does no harm.
        """
        now = time.monotonic()
        if len(self._followed) > FOLLOWED_MAX:
            self._followed = {key: until for key, until in self._followed.items() if until > now}
        keys = [(user_id, channel) for channel in channels]
        new = [key[1] for key in keys if self._followed.get(key, 0.0) < now]
        self._followed.update(dict.fromkeys(keys, now + FOLLOWED_SECONDS))
        return new

    def __len__(self) -> int:
        return sum(len(waits) for waits in self._by_user.values())

    def release_all(self) -> None:
        """Answer every poll now: the node is going."""
        for waits in list(self._by_user.values()):
            for wait in list(waits):
                wait.release()
