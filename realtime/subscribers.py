"""The clients of this process, by user and by topic, and the fan-out to them.

Fan-out goes by *runs*: events that follow one another and have the same audience
are handed over together, so that each socket is written to once for all of them.
Writing is what a fan-out costs.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from functools import cached_property
from typing import Protocol

from realtime.ephemeral import Signal
from realtime.errors import CloseCode
from realtime.log import Head, LoggedEvent
from realtime.protocol import Burst, Frame

logger = logging.getLogger("realtime.subscribers")

# A run is one write to each socket: it must not fill a socket's buffer by itself, and
# where frames are sent one by one it must not take the loop for long.
RUN_BYTES = 32 * 1024
RUN_EVENTS = 32
ENVELOPE_BYTES = 250


class Run:
    """Consecutive events of one audience, at least one.

    Attributes:
        events: in the order of their sequence, without a gap.
    """

    def __init__(self, events: list[LoggedEvent]) -> None:
        self.events = events

    @property
    def first(self) -> int:
        """The first event's sequence."""
        return self.events[0].sequence

    @property
    def last(self) -> int:
        """The last event's sequence."""
        return self.events[-1].sequence

    @cached_property
    def burst(self) -> Burst:
        """The events' frames."""
        return Burst([event.frame for event in self.events])


def runs(events: Iterable[LoggedEvent]) -> Iterator[Run]:
    """`events` in their order, those that can be handed over together as one run."""
    current: list[LoggedEvent] = []
    size = 0
    for event in events:
        size += _wire_bytes(event)
        room = size <= RUN_BYTES and len(current) < RUN_EVENTS
        if current and not (room and _continues(current[-1], event)):
            yield Run(current)
            current, size = [], _wire_bytes(event)
        current.append(event)
    if current:
        yield Run(current)


def bursts(events: Iterable[LoggedEvent]) -> Iterator[Burst]:
    """The frames of `events` in their order, in pieces of a bounded size."""
    frames: list[Frame] = []
    size = 0
    for event in events:
        size += _wire_bytes(event)
        if frames and size > RUN_BYTES:
            yield Burst(frames)
            frames, size = [], _wire_bytes(event)
        frames.append(event.frame)
    if frames:
        yield Burst(frames)


def _wire_bytes(event: LoggedEvent) -> int:
    return ENVELOPE_BYTES + len(event.payload)


def _continues(before: LoggedEvent, event: LoggedEvent) -> bool:
    return (
        event.sequence == before.sequence + 1
        and not (event.control or before.control)
        and event.channel == before.channel
        and event.topic == before.topic
        and event.recipients == before.recipients
    )


class Subscriber(Protocol):
    """One client as the hub sees it: a socket, or a poll that waits.

    Attributes:
        id: the socket's in the registry; empty for a poll.
    """

    id: str
    user_id: str

    @property
    def channels(self) -> Container[str]:
        """The channels whose events it wants."""

    @property
    def topics(self) -> Iterable[str]:
        """The public topics of those channels."""

    def deliver(self, run: Run) -> None:
        """Take events, but for those that its position is past. Must not block."""

    def signal(self, signal: Signal) -> None:
        """Take an unlogged frame. Must not block."""

    def leave_channel(self, channel: str) -> None:
        """Its user's right to `channel` has ended."""

    def end(self, code: int, reason: str) -> None:
        """Its user's rights have ended: close with this close code."""

    def resync(self, reason: str, head: Head) -> None:
        """The log has started anew: forget the position."""


class Subscribers:
    """Who is connected to this process, by user and by topic."""

    def __init__(self) -> None:
        self._users: defaultdict[str, set[Subscriber]] = defaultdict(set)
        self._topics: defaultdict[str, set[Subscriber]] = defaultdict(set)

    def join(self, subscriber: Subscriber) -> None:
        """Hand this subscriber its user's events from now on."""
        self._users[subscriber.user_id].add(subscriber)
        for topic in subscriber.topics:
            self._topics[topic].add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """Undo `join`."""
        _discard(self._users, subscriber.user_id, subscriber)
        for topic in subscriber.topics:
            _discard(self._topics, topic, subscriber)

    def join_topic(self, topic: str, subscriber: Subscriber) -> None:
        self._topics[topic].add(subscriber)

    def leave_topic(self, topic: str, subscriber: Subscriber) -> None:
        _discard(self._topics, topic, subscriber)

    def all(self) -> list[Subscriber]:
        return [subscriber for subscribers in self._users.values() for subscriber in subscribers]

    def of_user(self, user_id: str) -> list[Subscriber]:
        return list(self._users.get(user_id, ()))

    def user_ids(self) -> list[str]:
        """The users who have a subscriber here."""
        return list(self._users)

    def topic_users(self, topic: str) -> list[str]:
        """The users who have a subscriber of `topic` here."""
        return list({subscriber.user_id for subscriber in self._topics.get(topic, ())})

    def end_user(self, user_id: str, code: int, reason: str) -> None:
        """Close every subscriber that this user has here."""
        for subscriber in self.of_user(user_id):
            subscriber.end(code, reason)

    def end_connection(self, user_id: str, connection_id: str, code: int, reason: str) -> None:
        """Close one of this user's sockets, if it is here."""
        for subscriber in self.of_user(user_id):
            if subscriber.id == connection_id:
                subscriber.end(code, reason)

    def signal(self, signal: Signal) -> None:
        """Hand an unlogged frame to its recipients' subscribers of its channel."""
        for user_id in signal.recipients - signal.exclude:
            for subscriber in self.of_user(user_id):
                if signal.channel in subscriber.channels:
                    subscriber.signal(signal)

    def deliver(self, run: Run) -> int:
        """Hand events to those whom they concern; to how many."""
        event, handed = run.events[0], 0
        for user_id in event.recipients:
            for subscriber in tuple(self._users.get(user_id, ())):
                if event.channel in subscriber.channels:
                    _hand(subscriber, run)
                    handed += 1
        if event.topic:
            for subscriber in tuple(self._topics.get(event.topic, ())):
                if wants(subscriber.channels, event):
                    _hand(subscriber, run)
                    handed += 1
        return handed


def wants(channels: Container[str], event: LoggedEvent) -> bool:
    """Whether who is subscribed to these channels gets this event."""
    return event.channel in channels or bool(event.topic and event.topic in channels)


def _hand(subscriber: Subscriber, run: Run) -> None:
    try:
        subscriber.deliver(run)
    except Exception:
        # It would miss these events and not know: it has to come back and recover.
        logger.exception("Cannot deliver events %d to %d", run.first, run.last)
        subscriber.end(CloseCode.RECONNECT, "delivery_failed")


def _discard(index: dict[str, set[Subscriber]], key: str, subscriber: Subscriber) -> None:
    if members := index.get(key):
        members.discard(subscriber)
        if not members:
            del index[key]
