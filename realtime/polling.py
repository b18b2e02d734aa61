"""The long poll: the same log, the same hub as a socket's, one answer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable
from typing import Annotated, Any, Protocol

from msgspec import UNSET, Meta, Raw, Struct

from realtime import database, log, protocol, registry
from realtime.authentication import Identity
from realtime.conf import conf
from realtime.database import Work
from realtime.ephemeral import Signal, make_signal
from realtime.errors import RealtimeError, invalid
from realtime.hub import read_log
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
        found, head = await database.run(
            Work.ENTRY, read_log, user_id, after=after, upto=upto, topics=set(topics), limit=limit
        )
        log.check_reach(after, epoch, head, zero_is_oldest=zero_is_oldest)
        complete = len(found) < limit
        events = [event for event in found if wants(channels, event)]
        return Page(events, upto if complete else found[-1].sequence, complete)


async def poll(
    reader: Reader,
    identity: Identity,
    request: PollRequest,
    *,
    node: LocalNode | None,
    checked_at: int,
) -> PollAnswer:
    """Answer a poll as soon as there is something after its position.

    Args:
        node: the node whose hub wakes it; without one it does not wait.
        checked_at: the hub's position before the user's rights were checked.

    Raises:
        RealtimeError: a channel it names does not exist for this user, or the
            user's rights ended while it waited.
    """
    channels = await _channels(identity.user_id, request.channels)
    answer = PollAnswer(
        events=[], last_poll_id=request.last_poll_id, has_more=False, epoch=reader.epoch
    )
    new = node.polls.newly_followed(identity.user_id, channels.named) if node else []
    if request.last_poll_id == 0 < reader.position:
        new = channels.named
    deadline = _deadline(0 if new or node is None else request.timeout)
    epoch = request.epoch
    signals: list[Signal] = []
    try:
        while not await _read(reader, identity, request, channels, epoch, answer):
            epoch = epoch or reader.epoch
            if answer.last_poll_id < reader.position:
                continue
            # Nothing was awaited since the position was found to be the hub's.
            remaining = deadline - asyncio.get_running_loop().time()
            if node is None or remaining <= 0 or node.draining:
                break
            wait = await _wait(node, identity, channels, answer.last_poll_id, checked_at, remaining)
            signals += wait.signals.values()
            answer.last_poll_id = max(answer.last_poll_id, wait.position)
            if not wait.woken:
                if epoch == reader.epoch:
                    answer.last_poll_id = max(answer.last_poll_id, reader.position)
                break
    except LogGapError:
        answer.resync = True
        answer.last_poll_id = reader.position
        new = channels.named
    answer.epoch = reader.epoch
    await _complete(answer, identity.user_id, signals, new)
    return answer


async def _complete(
    answer: PollAnswer, user_id: str, signals: list[Signal], new: list[str]
) -> None:
    """Add what is not logged: signals, and the snapshots of channels that are `new`."""
    signals += await _tick(user_id, answer.events)
    answer.events += [_signal_event(signal, answer.last_poll_id) for signal in signals]
    if new:
        answer.channels = dict(await database.run(Work.ENTRY, registry.snapshots, user_id, new))


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


async def _read(
    reader: Reader,
    identity: Identity,
    request: PollRequest,
    channels: PollChannels,
    epoch: str | None,
    answer: PollAnswer,
) -> bool:
    """Read on from the answer's position; whether there is something to answer."""
    page = await reader.read(
        identity.user_id,
        after=answer.last_poll_id,
        channels=channels,
        topics=channels.topics,
        epoch=epoch,
        limit=min(request.limit, MAX_LIMIT),
        zero_is_oldest=True,
    )
    answer.last_poll_id = page.position
    answer.events = [_poll_event(event) for event in page.events]
    answer.has_more = bool(page.events) and not page.complete
    return bool(page.events)


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
        refused = await database.run(Work.ENTRY, registry.refusals, user_id, channels.named)
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
