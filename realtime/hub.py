"""The hub: one per server process, it tails the log and fans out.

It reads the log once for all of this process's subscribers (sockets and waiting
polls), and keeps the recent part of it in a ring so that a short reconnect
reads no table.

Everything between two awaits is one step of the event loop. What the hub
promises rests on that: an event is handed to every subscriber, and the hub's
position moved past it, in one step; a subscriber that has read the log up to
the hub's position and goes live in the same step misses nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from itertools import cycle
from uuid import UUID

import msgspec

from realtime import database, log, metrics
from realtime.batching import Batcher
from realtime.conf import conf
from realtime.database import Work
from realtime.erasure import EraseOrder
from realtime.errors import CloseCode
from realtime.log import Head, LoggedEvent, Page
from realtime.subscribers import Run, Subscribers, runs, wants

logger = logging.getLogger("realtime.hub")

READ_LIMIT = 1000
# So many who come back at one moment share a thread, and one look at the log's head.
READ_TOGETHER = 8
# While one of them waits for the database another's rows are made into events.
READERS = 2
# Farther back than this the log's indexes are quicker than a walk through memory,
# which keeps the event loop from everything else.
RING_WALK = 2000
MAX_ORDERS = 1000
FAILURE_RETRY = 1.0
LEAST_REST = 0.001
MAX_REST = 0.02


class CloseUser(msgspec.Struct):
    """The payload of the control event `log.CLOSE_USER`.

    Attributes:
        connection_id: only this one of the user's connections; empty: all of them.
    """

    code: int
    reason: str
    connection_id: str = ""


class LeaveChannel(msgspec.Struct):
    """The payload of the control event `log.LEAVE_CHANNEL`."""

    channel: str


class Pruned(msgspec.Struct):
    """The payload of the control event `log.PRUNED`."""

    through: int


class Ring:
    """The most recent events, without a hole between the first and the last."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._events: deque[LoggedEvent] = deque()
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._bytes = 0

    def append(self, event: LoggedEvent) -> None:
        self._events.append(event)
        self._bytes += event.size
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._drop()

    def _drop(self) -> None:
        self._bytes -= self._events.popleft().size

    def clear(self) -> None:
        self._events.clear()
        self._bytes = 0

    def forget(self, through: int) -> None:
        """Drop the events up to `through`: they were pruned."""
        while self._events and self._events[0].sequence <= through:
            self._drop()

    def erase(self, order: EraseOrder) -> None:
        """Drop the content of the events that `order` is about."""
        for event in self._events:
            if order.concerns(event):
                self._bytes -= event.size
                event.erase()
                self._bytes += event.size

    def after(self, position: int) -> list[LoggedEvent] | None:
        """The events after `position`; None if the ring does not reach back to it."""
        if not self._events or position < self._events[0].sequence - 1:
            return None
        start = position - self._events[0].sequence + 1
        length = len(self._events)
        if length - start > RING_WALK:
            return None
        # Walk from the nearer end: a deque's middle is far from both.
        return [self._events[-steps] for steps in range(length - start, 0, -1)]


class Hub:
    """Tails the log for the subscribers of this process.

    Args:
        on_topic: called with the topic of each public event handed out.

    Attributes:
        subscribers: the clients of this process.
        position: the last event that was handed out.
        epoch: the epoch that `position` belongs to.
        checked_at: `time.monotonic()` when the log was last read successfully.
    """

    def __init__(self, on_topic: Callable[[str], None] = lambda topic: None) -> None:
        self.on_topic = on_topic
        self.subscribers = Subscribers()
        self.position = 0
        self.epoch = ""
        self.checked_at = 0.0
        self._last_id: UUID | None = None
        # The latest orders to close users, with their sequence and whom they concern.
        self._orders: deque[tuple[int, frozenset[str], CloseUser]] = deque(maxlen=MAX_ORDERS)
        self._ring = Ring(conf().RING_EVENTS, conf().RING_BYTES)
        self._wake = asyncio.Event()
        self._readers: cycle[Batcher[Reading, Found]] = cycle(
            [Batcher(Work.ENTRY, read_log, READ_TOGETHER) for _ in range(READERS)]
        )

    async def start(self) -> None:
        """Take the log's end as the position to tail from."""
        self._take(await database.run(Work.ENGINE, log.ensure_head))

    def _take(self, head: Head) -> None:
        self.position, self.epoch = head.sequence, head.epoch
        metrics.TAIL_POSITION.set(head.sequence)
        metrics.LOG_HEAD.set(head.sequence)
        self._last_id = None
        self.checked_at = time.monotonic()
        self._ring.clear()

    def ending_since(self, user_id: str, position: int) -> CloseUser | None:
        """The order to close this user's connections that came after `position`.

        A client that was checked at `position` and joins now was in no index
        when such an order was obeyed.
        """
        if len(self._orders) == MAX_ORDERS and self._orders[0][0] > position:
            # Too many have been given meanwhile: it is to come again.
            return CloseUser(code=CloseCode.RECONNECT, reason="try_again")
        for sequence, user_ids, order in reversed(self._orders):
            if sequence <= position:
                break
            if user_id in user_ids:
                return order
        return None

    # --- reading -------------------------------------------------------------------

    async def read(
        self,
        user_id: str,
        *,
        after: int,
        channels: Container[str],
        topics: Iterable[str],
        epoch: str | None = None,
        limit: int = READ_LIMIT,
        zero_is_oldest: bool = False,
    ) -> Page:
        """What a reader at `after` has missed, up to the hub's position.

        Args:
            epoch: the epoch of `after`, where the reader knows it.
            limit: the most events that one page may hold.
            zero_is_oldest: see `log.check_reach`.

        Raises:
            LogGapError: the log does not reach back to `after`.
        """
        upto = max(after, self.position)
        wanted = set(topics)
        recent = self._ring.after(after) if epoch in (None, self.epoch) else None
        if after == upto == self.position and epoch in (None, self.epoch):
            recent = []
        if recent is not None and after <= self.position:
            events = [event for event in recent if _may_see(event, user_id, wanted)]
            complete, found = len(events) <= limit, events[:limit]
        else:
            found, head = await next(self._readers).submit(
                Reading(user_id, after, upto, wanted, limit)
            )
            log.check_reach(after, epoch, head, zero_is_oldest=zero_is_oldest)
            complete = len(found) < limit
        position = upto if complete else found[-1].sequence
        return Page([event for event in found if wants(channels, event)], position, complete)

    # --- tailing -------------------------------------------------------------------

    def wake(self) -> None:
        """Read the log now instead of at the next interval."""
        self._wake.set()

    async def run(self) -> None:
        """Tail the log until cancelled. Failures are logged and tried again."""
        failing = False
        while True:
            self._wake.clear()
            try:
                more = await self._tail()
            except Exception as error:
                if not failing:
                    logger.error("Cannot read the log, trying again every second: %s", error)
                failing = True
                await asyncio.sleep(FAILURE_RETRY)
                continue
            if failing:
                logger.info("The log can be read again")
                failing = False
            self.checked_at = time.monotonic()
            if not more:
                # Not wait_for(): Python 3.11's loses a cancellation that comes with the event.
                try:
                    async with asyncio.timeout(conf().TAIL_INTERVAL):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def _tail(self) -> bool:
        tail = await database.run(Work.ENGINE, _read_tail, self.position, self._last_id)
        metrics.LOG_HEAD.set(tail.head.sequence)
        if tail.head.epoch != self.epoch or tail.lost:
            await self._start_anew(tail.head)
            return False
        for run in runs(tail.events):
            if run.first != self.position + 1:
                # The log has no gaps: what is missing was pruned before we read it.
                self._resync_all("pruned", await database.run(Work.ENGINE, log.read_head))
                return True
            began = time.perf_counter()
            self._dispatch(run)
            # As long as a large fan-out took, the loop is everybody else's: sockets are
            # read, and what is committed meanwhile makes one longer run.
            # Timers are in milliseconds: after a small one a pause would be most of the time.
            took = time.perf_counter() - began
            await asyncio.sleep(min(MAX_REST, took) if took >= LEAST_REST else 0)
        return len(tail.events) >= READ_LIMIT

    def _dispatch(self, run: Run) -> None:
        if run.events[0].control:
            self._obey(run.events[0])
        else:
            began = time.perf_counter()
            handed = self.subscribers.deliver(run)
            metrics.FANOUT.observe(time.perf_counter() - began)
            metrics.DELIVERIES.inc(handed * len(run.events))
            self._tell(run)
        for event in run.events:
            self._ring.append(event)
        self.position, self._last_id = run.last, run.events[-1].event_id
        metrics.TAIL_POSITION.set(run.last)

    def _tell(self, run: Run) -> None:
        now = time.time()
        for event in run.events:
            metrics.EVENTS.labels(event.type).inc()
            metrics.LATENCY.observe(max(0.0, now - event.created_at.timestamp()))
        # A public event's topic, or the channel of one with an audience.
        self.on_topic(run.events[0].topic or run.events[0].channel)

    def _obey(self, event: LoggedEvent) -> None:
        try:
            if event.type == log.CLOSE_USER:
                order = msgspec.json.decode(event.payload, type=CloseUser)
                self._obey_close(event, order)
            elif event.type == log.LEAVE_CHANNEL:
                channel = msgspec.json.decode(event.payload, type=LeaveChannel).channel
                for user_id in event.recipients:
                    for subscriber in self.subscribers.of_user(user_id):
                        subscriber.leave_channel(channel)
            elif event.type == log.ERASE:
                self._ring.erase(msgspec.json.decode(event.payload, type=EraseOrder))
            elif event.type == log.PRUNED:
                self._ring.forget(msgspec.json.decode(event.payload, type=Pruned).through)
        except Exception:
            # One order that this version does not understand must not stop the tail.
            logger.exception("Cannot obey event %d, %s", event.sequence, event.type)

    def _obey_close(self, event: LoggedEvent, order: CloseUser) -> None:
        if order.connection_id:  # no right has ended: it concerns nobody who joins later
            for user_id in event.recipients:
                self.subscribers.end_connection(
                    user_id, order.connection_id, order.code, order.reason
                )
            return
        self._orders.append((event.sequence, event.recipients, order))
        for user_id in event.recipients:
            self.subscribers.end_user(user_id, order.code, order.reason)

    async def _start_anew(self, head: Head) -> None:
        if head.epoch == self.epoch:
            # Rows that were read are no longer there: a backup, or a failover.
            logger.error(
                "The log stands at %d and has lost rows up to %d that were read: new epoch",
                head.sequence,
                self.position,
            )
            head = await database.run(
                Work.ENGINE, log.begin_epoch, head.epoch, beyond=self.position
            )
        self._resync_all("epoch", head)

    def _resync_all(self, reason: str, head: Head) -> None:
        self._take(head)
        for subscriber in self.subscribers.all():
            subscriber.resync(reason, head)


@dataclass(frozen=True, slots=True)
class Tail:
    """What is new in the log.

    Attributes:
        lost: the last event that was handed out is no longer there.
    """

    head: Head
    events: list[LoggedEvent]
    lost: bool = False


def _read_tail(position: int, last_id: UUID | None) -> Tail:
    # The head is read first: what is then read after `position` holds at least
    # everything up to it.
    head = log.read_head()
    if head.sequence < position:
        return Tail(head, [], lost=True)
    if head.sequence == position and last_id is None:
        return Tail(head, [])
    # One more: the first is the one that was handed out last. An idle node looks at
    # it, too: after a failover another event may have its number.
    events = log.read_from(position, READ_LIMIT + 1)
    if not events or events[0].sequence != position:
        kept = last_id is not None and position > head.pruned_through
        # Pruned between the two reads is no loss: the next look will tell.
        return Tail(head, events, lost=kept and log.read_head().pruned_through < position)
    replaced = last_id is not None and events[0].event_id != last_id
    return Tail(head, events[1:], lost=replaced)


def _may_see(event: LoggedEvent, user_id: str, topics: set[str]) -> bool:
    return not event.control and (user_id in event.recipients or event.topic in topics)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader wants of the log; see `log.read_for`."""

    user_id: str
    after: int
    upto: int
    topics: set[str]
    limit: int


Found = tuple[list[LoggedEvent], Head]


def read_log(readings: list[Reading]) -> list[Found]:
    """The events of each reader, and the head as it was after all of them were read."""
    found = [
        log.read_for(
            one.user_id, after=one.after, upto=one.upto, topics=one.topics, limit=one.limit
        )
        for one in readings
    ]
    head = log.read_head()
    return [(events, head) for events in found]
