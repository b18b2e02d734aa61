"""What one connection is subscribed to, and may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from realtime import joining, registry
from realtime.conf import conf
from realtime.errors import RealtimeError, invalid

Names = frozenset[str]
NONE: Names = frozenset()
TopicsChanged = Callable[[Names, Names], None]


class Subscriptions:
    """The channels of one connection, and their public topics.

    Args:
        user_id: whose connection it is.
        on_topics: called with the topics that came and those that went.

    Attributes:
        channels: what it is subscribed to.
        topics: the public topics of these channels.
        former: no longer the user's: a replay still gives what was written for the user.
    """

    __slots__ = ("_on_topics", "_user_id", "channels", "former", "topics")

    def __init__(self, user_id: str, on_topics: TopicsChanged) -> None:
        self.channels = _shared(frozenset(registry.automatic_channels()))
        self.topics = self._current_topics()
        self.former = NONE
        self._user_id = user_id
        self._on_topics = on_topics

    async def join(self, channels: Iterable[str]) -> dict[str, RealtimeError]:
        """Join the channels that the user may; returns why for the others."""
        wanted = [channel for channel in dict.fromkeys(channels) if channel not in self.channels]
        if not wanted:
            return {}
        refused = await joining.refusals(self._user_id, wanted)
        for channel in wanted:
            if channel in refused:
                continue
            if len(self.channels) >= conf().MAX_SUBSCRIPTIONS:
                refused[channel] = invalid(
                    f"At most {conf().MAX_SUBSCRIPTIONS} subscriptions on one connection: "
                    "unsubscribe from others first",
                    field="channel",
                )
                continue
            self._add(channel)
        self._follow_topics()
        return refused

    def leave(self, channel: str) -> None:
        """Leave a channel; one that was not joined stays so."""
        self._remove(channel)
        self._follow_topics()

    def lose(self, channel: str, *, replaying: bool) -> None:
        """The order to leave a channel has come; a replay under way goes on with it."""
        if replaying and channel in self.channels:
            self.former |= {channel}
        self.leave(channel)

    def keep_until_told(self, channels: Iterable[str]) -> None:
        """Hear what was written for the user on channels that it has no right to now.

        Who was removed while away is owed what was said until then. It may not even
        be in the log yet: the order to leave comes behind it. Readers are fixed in
        the events, so nobody hears more than that.
        """
        for channel in channels:
            if len(self.channels) < conf().MAX_SUBSCRIPTIONS and registry.carries_own_events(
                channel
            ):
                self._add(channel)

    async def snapshots(self, channels: list[str], *, replaying: bool) -> dict[str, Any]:
        """The state of each channel; leaves those that are no longer the user's.

        Rights are checked again here: they may have ended between the first
        check and the moment the channel was joined.
        """
        found = await joining.snapshots(self._user_id, channels)
        for channel in channels:
            # In a replay private ones end by an order in the log, behind what is still owed.
            if channel not in found and not (replaying and registry.carries_own_events(channel)):
                self._remove(channel)
        self._follow_topics()
        return found

    def _add(self, channel: str) -> None:
        self.channels = _shared(self.channels | {channel})

    def _remove(self, channel: str) -> None:
        self.channels = _shared(self.channels - {channel})

    def _current_topics(self) -> Names:
        topics = (registry.topic_of(channel) for channel in self.channels)
        return _shared(frozenset(topic for topic in topics if topic))

    def _follow_topics(self) -> None:
        current = self._current_topics()
        came, went = current - self.topics, self.topics - current
        self.topics = current
        self._on_topics(came, went)


@lru_cache(maxsize=1024)
def _shared(names: Names) -> Names:
    """The same names as one object: most connections have subscribed to the same."""
    return names
