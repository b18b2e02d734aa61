"""The long poll: the same log, the same hub as a socket's, one answer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable
from typing import Annotated, Any, Protocol

from msgspec import UNSET, Meta, Raw, Struct

from realtime import database, joining, log, protocol, registry
from realtime.authentication import Identity
from realtime.conf import conf
from realtime.database import Work
from realtime.ephemeral import Signal, make_signal
from realtime.errors import RealtimeError, invalid
from realtime.hub import Reading, read_log
from realtime.lifecycle import LocalNode
from realtime.log import Head, LogGapError, LoggedEvent, Page
from realtime.protocol import MissedAnswer, PollAnswer, PollEvent, Position, ServerEnvelope
from realtime.subscribers import wants
from realtime.waiting import PollChannels, PollWait

MAX_LIMIT = 100
TokenUser = Annotated[str | int, Meta(description="The token's user", examples=["7"])]
LastSeen = Annotated[
    Position,
    Meta(description="Where to go on; 0 is the oldest event kept", examples=[456]),
]
Timeout = Annotated[
    float, Meta(ge=0, description="Seconds to wait for an event; more than 30 are 30")
]
Limit = Annotated[
    int, Meta(ge=1, description=f"How many events; more than {MAX_LIMIT} are {MAX_LIMIT}")
]
ChannelNames = Annotated[
    str | list[str],
    Meta(
        description="Beside notifications and conversations, with commas between them",
        examples=["presence,feed:updates"],
    ),
]
Epoch = Annotated[
    str | None,
    Meta(description="Of the log that the position is from; another one is a `resync`"),
]


class PollRequest(Struct):
    """The parameters of `poll`; `timeout` in seconds."""

    user_id: TokenUser
    last_poll_id: LastSeen = 0
    timeout: Timeout = 30.0
    limit: Limit = MAX_LIMIT
    channels: ChannelNames = ""
    epoch: Epoch = None


class MissedRequest(Struct):
    """The parameters of `poll/missed`."""

    user_id: TokenUser
    last_sequence: LastSeen
    limit: Limit = MAX_LIMIT
    channels: ChannelNames = ""
    epoch: Epoch = None


class Reader(Protocol):
    """Where a poll reads: a hub, or the log itself."""

    position: int
    epoch: str

    async def read(
        self,
        user_id: str,
        *,
        after: int,
        channels: Container[str],
        topics: Iterable[str],
        epoch: str | None,
        limit: int,
        zero_is_oldest: bool,
    ) -> Page:
        """A page of what the user has missed."""


class LogReader:
    """Reads the log itself, in a process that has no hub: under WSGI."""

    def __init__(self, head: Head) -> None:
        self.position, self.epoch = head.sequence, head.epoch

    @classmethod
    async def open(cls) -> LogReader:
        return cls(await database.run(Work.ENTRY, log.read_head))

    async def read(
        self,
        user_id: str,
        *,
        after: int,
        channels: Container[str],
        topics: Iterable[str],
        epoch: str | None,
        limit: int,
        zero_is_oldest: bool,
    ) -> Page:
        upto = max(after, self.position)
        reading = Reading(user_id, after, upto, set(topics), limit)
        [(found, head)] = await database.run(Work.ENTRY, read_log, [reading])
        log.check_reach(after, epoch, head, zero_is_oldest=zero_is_oldest)
        complete = len(found) < limit
        events = [event for event in found if wants(channels, event)]
        return Page(events, upto if complete else found[-1].sequence, complete)


class Poll:
    """One poll: answered as soon as there is something after its position.

    Args:
        node: the node whose hub wakes it; without one it does not wait.
        checked_at: the hub's position before the user's rights were checked.
    """

    __slots__ = (
        "_answer",
        "_channels",
        "_checked_at",
        "_deadline",
        "_epoch",
        "_identity",
        "_limit",
        "_named",
        "_new",
        "_node",
        "_reader",
        "_signals",
    )

    def __init__(
        self,
        reader: Reader,
        identity: Identity,
        request: PollRequest,
        *,
        node: LocalNode | None,
        checked_at: int,
    ) -> None:
        self._reader = reader
        self._identity = identity
        self._node = node
        self._checked_at = checked_at
        self._named = request.channels
        self._epoch = request.epoch
        self._limit = min(request.limit, MAX_LIMIT)
        self._deadline = _deadline(request.timeout if node else 0)
        self._signals: list[Signal] = []
        self._answer = PollAnswer(
            events=[], last_poll_id=request.last_poll_id, has_more=False, epoch=reader.epoch
        )

    async def begin(self) -> PollAnswer | None:
        """The answer, if there is one without waiting.

        Raises:
            RealtimeError: a channel it names does not exist for this user.
        """
        user_id, start = self._identity.user_id, self._answer.last_poll_id
        self._channels = await _channels(user_id, self._named)
        named = self._channels.named
        self._new = self._node.polls.newly_followed(user_id, named) if self._node else []
        if start == 0 < self._reader.position:
            self._new = named
        if self._new:
            self._deadline = 0
        try:
            if await self._reads_nothing() and self._remaining() > 0:
                return None
        except LogGapError:
            self._resync()
        return await self._complete()

    async def wait(self) -> PollAnswer:
        """The answer, when there is one or it is time; `begin` gave none.

        Raises:
            RealtimeError: the user's rights ended meanwhile.
        """
        try:
            while self._remaining() > 0:
                # Nothing is awaited from here to where the hub knows of it.
                if self._answer.last_poll_id >= self._reader.position and not await self._woken():
                    break
                if not await self._reads_nothing():
                    break
        except LogGapError:
            self._resync()
        return await self._complete()

    def _remaining(self) -> float:
        """How many seconds it may still wait."""
        if self._node is None or self._node.draining:
            return 0
        return self._deadline - asyncio.get_running_loop().time()

    async def _woken(self) -> bool:
        """Wait; whether the log is to be read again."""
        assert self._node is not None
        answer, identity = self._answer, self._identity
        wait = await _wait(
            self._node,
            identity,
            self._channels,
            answer.last_poll_id,
            self._checked_at,
            self._remaining(),
        )
        self._signals += wait.signals.values()
        answer.last_poll_id = max(answer.last_poll_id, wait.position)
        if not wait.woken and self._epoch == self._reader.epoch:
            answer.last_poll_id = max(answer.last_poll_id, self._reader.position)
        return wait.woken

    async def _reads_nothing(self) -> bool:
        """Read on to the hub's position, or to where there is something to answer."""
        while True:
            page = await self._reader.read(
                self._identity.user_id,
                after=self._answer.last_poll_id,
                channels=self._channels,
                topics=self._channels.topics,
                epoch=self._epoch,
                limit=self._limit,
                zero_is_oldest=True,
            )
            self._answer.last_poll_id = page.position
            if page.events:
                self._answer.events = [_poll_event(event) for event in page.events]
                self._answer.has_more = not page.complete
                return False
            self._epoch = self._epoch or self._reader.epoch
            if self._answer.last_poll_id >= self._reader.position:
                return True

    def _resync(self) -> None:
        self._answer.resync = True
        self._answer.last_poll_id = self._reader.position
        self._new = self._channels.named

    async def _complete(self) -> PollAnswer:
        """Add what is not logged: signals, and the snapshots of channels that are new."""
        answer, user_id = self._answer, self._identity.user_id
        answer.epoch = self._reader.epoch
        self._signals += await _tick(user_id, answer.events)
        answer.events += [_signal_event(signal, answer.last_poll_id) for signal in self._signals]
        if self._new:
            answer.channels = await joining.snapshots(user_id, self._new)
        return answer


async def _tick(user_id: str, events: list[PollEvent]) -> list[Signal]:
    """What the user is told besides of the topics in these events.

    A poll is seldom waiting when its node tells sockets: the event before has
    just answered it.
    """
    told = []
    for channel in {event.channel for event in events if event.channel}:
        if tick := registry.find_tick(channel):
            payloads = await database.run(Work.APPS, tick.payloads, [user_id])
            told += [
                make_signal(tick.frame_type, payload, channel=channel, recipients=[user_id])
                for payload in payloads.values()
            ]
    return told


async def _wait(
    node: LocalNode,
    identity: Identity,
    channels: PollChannels,
    position: int,
    checked_at: int,
    seconds: float,
) -> PollWait:
    """Wait for an event after `position`, or until it is time to answer."""
    wait = PollWait(identity.user_id, channels, position)
    node.polls.add(wait)
    node.hub.subscribers.join(wait)
    try:
        if order := node.hub.ending_since(identity.user_id, checked_at):
            wait.end(order.code, order.reason)
        await wait.wait(min(seconds, identity.seconds_left()))
    finally:
        node.hub.subscribers.leave(wait)
        node.polls.remove(wait)
    if isinstance(wait.ended, RealtimeError):
        raise wait.ended
    return wait


def _deadline(timeout: float) -> float:
    return asyncio.get_running_loop().time() + min(timeout, conf().POLL_TIMEOUT)


async def missed(reader: Reader, identity: Identity, request: MissedRequest) -> MissedAnswer:
    """The events after a sequence, as the envelopes that a socket would have got.

    Raises:
        RealtimeError: a channel it names does not exist for this user.
    """
    channels = await _channels(identity.user_id, request.channels)
    answer = MissedAnswer(
        messages=[], last_sequence=request.last_sequence, has_more=False, epoch=reader.epoch
    )
    try:
        page = await reader.read(
            identity.user_id,
            after=request.last_sequence,
            channels=channels,
            topics=channels.topics,
            epoch=request.epoch,
            limit=min(request.limit, MAX_LIMIT),
            zero_is_oldest=True,
        )
    except LogGapError:
        answer.resync = True
        answer.last_sequence, answer.epoch = reader.position, reader.epoch
        return answer
    answer.messages = [_envelope(event) for event in page.events]
    answer.last_sequence = page.position
    answer.has_more = not page.complete
    answer.epoch = reader.epoch
    return answer


async def _channels(user_id: str, named: str | list[str]) -> PollChannels:
    names = named.split(",") if isinstance(named, str) else named
    channels = PollChannels(name.strip() for name in names if name.strip())
    if len(channels.named) > conf().MAX_SUBSCRIPTIONS:
        raise invalid(f"At most {conf().MAX_SUBSCRIPTIONS} channels", field="channels")
    if channels.named:
        refused = await joining.refusals(user_id, channels.named)
        for error in refused.values():
            raise error
    return channels


def _poll_event(event: LoggedEvent) -> PollEvent:
    return PollEvent(
        id=event.sequence,
        event_id=str(event.event_id),
        type=event.type,
        channel=event.channel or None,
        payload=Raw(event.payload),
        timestamp=event.created_at,
        sequence=event.sequence,
    )


def _signal_event(signal: Signal, position: int) -> PollEvent:
    return PollEvent(
        id=position,
        event_id=signal.id,
        type=signal.type,
        channel=signal.channel,
        payload=Raw(signal.payload),
        timestamp=signal.timestamp,
        sequence=None,
    )


def _envelope(event: LoggedEvent) -> ServerEnvelope:
    return ServerEnvelope(
        id=str(event.event_id),
        type=event.type,
        payload=Raw(event.payload),
        timestamp=event.created_at,
        channel=event.channel or UNSET,
        sequence=event.sequence,
    )


def parse(request_type: type[Any], values: dict[str, Any]) -> Any:
    """Parameters as `request_type`.

    Raises:
        RealtimeError: INVALID_MESSAGE, naming the field.
    """
    try:
        return protocol.convert(values, request_type)
    except protocol.DecodeError as error:
        raise invalid(str(error), field=error.field) from None
