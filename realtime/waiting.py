"""Polls that wait: subscribers of the hub, like sockets.

A waiting poll holds no thread and no database connection, only a future.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable

from realtime import registry
from realtime.conf import conf
from realtime.errors import ErrorCode, RealtimeError
from realtime.log import Head, LoggedEvent


class PollChannels:
    """What a poll wants: the channels it names, and those that every poll gets."""

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
        woken: there is something to answer: the log is to be read again.
        ended: nothing more is to be waited for.
    """

    def __init__(self, user_id: str, channels: PollChannels, position: int) -> None:
        self.user_id = user_id
        self.channels = channels
        self.topics = channels.topics
        self.woken = False
        self.ended: RealtimeError | bool = False
        self._position = position
        self._future = asyncio.get_running_loop().create_future()

    def deliver(self, event: LoggedEvent) -> None:
        if event.sequence > self._position:
            self.woken = True
            self._answer()

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
        try:
            await asyncio.wait_for(self._future, seconds)
        except TimeoutError:
            pass


class WaitingPolls:
    """The polls that wait on this node, by user: one too many ends the oldest."""

    def __init__(self) -> None:
        self._by_user: defaultdict[str, deque[PollWait]] = defaultdict(deque)

    def add(self, wait: PollWait) -> None:
        waits = self._by_user[wait.user_id]
        if len(waits) >= conf().MAX_WAITING_POLLS:
            waits[0].release()
        waits.append(wait)

    def remove(self, wait: PollWait) -> None:
        waits = self._by_user[wait.user_id]
        waits.remove(wait)
        if not waits:
            del self._by_user[wait.user_id]

    def __len__(self) -> int:
        return sum(len(waits) for waits in self._by_user.values())

    def release_all(self) -> None:
        """Answer every poll now: the node is going."""
        for waits in list(self._by_user.values()):
            for wait in list(waits):
                wait.release()
