"""The long poll: the same log, the same hub as a socket's, one answer at a time."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, Struct

from realtime import database, protocol, registry
from realtime.authentication import Identity
from realtime.conf import conf
from realtime.errors import RealtimeError, invalid
from realtime.hub import Hub
from realtime.lifecycle import LocalNode
from realtime.log import LogGapError, LoggedEvent
from realtime.protocol import MissedAnswer, PollAnswer, PollEvent, Position, ServerEnvelope
from realtime.waiting import PollChannels, PollWait

MAX_LIMIT = 100
Limit = Annotated[int, Meta(ge=1)]


class PollRequest(Struct):
    """The parameters of `poll`; `timeout` in seconds."""

    user_id: str | int
    last_poll_id: Position = 0
    timeout: Annotated[float, Meta(ge=0)] = 30.0
    limit: Limit = MAX_LIMIT
    channels: str | list[str] = ""
    epoch: str | None = None


class MissedRequest(Struct):
    """The parameters of `poll/missed`."""

    user_id: str | int
    last_sequence: Position
    limit: Limit = MAX_LIMIT
    channels: str | list[str] = ""
    epoch: str | None = None


async def poll(node: LocalNode, identity: Identity, request: PollRequest) -> PollAnswer:
    """Answer a poll as soon as there is something after its position.

    Raises:
        RealtimeError: a channel it names does not exist for this user, or the
            user's rights ended while it waited.
    """
    hub = node.hub
    channels = await _channels(identity.user_id, request.channels)
    answer = PollAnswer(
        events=[], last_poll_id=request.last_poll_id, has_more=False, epoch=hub.epoch
    )
    first = request.last_poll_id == 0
    try:
        await _fill(node, identity, request, channels, answer)
    except LogGapError:
        answer.resync = first = True
        answer.last_poll_id = hub.position
    answer.epoch = hub.epoch
    if first and channels.named:
        answer.channels = await database.run(registry.snapshots, identity.user_id, channels.named)
    return answer


async def _fill(
    node: LocalNode,
    identity: Identity,
    request: PollRequest,
    channels: PollChannels,
    answer: PollAnswer,
) -> None:
    hub = node.hub
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(request.timeout, conf().POLL_TIMEOUT)
    epoch = request.epoch
    while True:
        page = await hub.read(
            identity.user_id,
            after=answer.last_poll_id,
            channels=channels,
            topics=channels.topics,
            epoch=epoch,
            limit=min(request.limit, MAX_LIMIT),
        )
        answer.last_poll_id = page.position
        if page.events:
            answer.events = [_poll_event(event) for event in page.events]
            answer.has_more = not page.complete
            return
        epoch = epoch or hub.epoch
        if not page.complete or page.position < hub.position:
            continue
        # Nothing was awaited since the position was found to be the hub's.
        remaining = deadline - loop.time()
        if remaining <= 0 or node.draining:
            return
        wait = await _wait(node, identity, channels, answer.last_poll_id, remaining)
        if isinstance(wait.ended, RealtimeError):
            raise wait.ended
        if not wait.woken:
            if epoch == hub.epoch:
                answer.last_poll_id = max(answer.last_poll_id, hub.position)
            return


async def _wait(
    node: LocalNode, identity: Identity, channels: PollChannels, position: int, seconds: float
) -> PollWait:
    wait = PollWait(identity.user_id, channels, position)
    node.polls.add(wait)
    node.hub.join(wait)
    try:
        await wait.wait(min(seconds, identity.seconds_left()))
    finally:
        node.hub.leave(wait)
        node.polls.remove(wait)
    return wait


async def missed(hub: Hub, identity: Identity, request: MissedRequest) -> MissedAnswer:
    """The events after a sequence, as the envelopes that a socket would have got.

    Raises:
        RealtimeError: a channel it names does not exist for this user.
    """
    channels = await _channels(identity.user_id, request.channels)
    answer = MissedAnswer(
        messages=[], last_sequence=request.last_sequence, has_more=False, epoch=hub.epoch
    )
    try:
        page = await hub.read(
            identity.user_id,
            after=request.last_sequence,
            channels=channels,
            topics=channels.topics,
            epoch=request.epoch,
            limit=min(request.limit, MAX_LIMIT),
        )
    except LogGapError:
        answer.resync = True
        answer.last_sequence, answer.epoch = hub.position, hub.epoch
        return answer
    answer.messages = [_envelope(event) for event in page.events]
    answer.last_sequence = page.position
    answer.has_more = not page.complete
    answer.epoch = hub.epoch
    return answer


async def _channels(user_id: str, named: str | list[str]) -> PollChannels:
    names = named.split(",") if isinstance(named, str) else named
    channels = PollChannels(name.strip() for name in names if name.strip())
    if len(channels.named) > conf().MAX_SUBSCRIPTIONS:
        raise invalid(f"At most {conf().MAX_SUBSCRIPTIONS} channels", field="channels")
    if channels.named:
        refused = await database.run(registry.refusals, user_id, channels.named)
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
