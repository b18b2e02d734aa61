"""What the messaging app plugs into the engine; see `realtime.registry`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from messaging import access, services, summaries
from messaging.access import ConversationNotFoundError
from messaging.events import (
    CHANNEL_KIND,
    CONVERSATION_PREFIX,
    MESSAGE_PREFIX,
    MessageDeleted,
    MessagePayload,
    MessageRequest,
    ParticipantLeft,
    ParticipantsAdded,
    ReadReceiptPayload,
    ReadReceiptRequest,
    Typing,
    TypingRequest,
    channel,
    conversation_id,
)
from messaging.sending import Send
from messaging.texts import check_content
from messaging.typists import Typist
from notifications.events import CHANNEL as NOTIFICATIONS
from notifications.texts import register_text
from realtime.errors import RealtimeError, channel_not_found, invalid
from realtime.protocol import DecodeError, parse_prefixed_id
from realtime.registry import (
    Caller,
    ChannelKind,
    Snapshot,
    command,
    register_channel,
    register_event,
)
from realtime.together import ALONE
from realtime.users import parse_user_id


def _parse(argument: str) -> int | None:
    """The key in a channel's argument, in the one form that events carry."""
    try:
        pk = parse_prefixed_id(CONVERSATION_PREFIX, argument, field="channel")
    except DecodeError:
        return None
    return pk if conversation_id(pk) == argument else None


def _authorize(user_id: str, arguments: list[str]) -> set[str]:
    named = [pk for argument in arguments if (pk := _parse(argument)) is not None]
    return {conversation_id(pk) for pk in access.takes_part(user_id, named)}


def _snapshots(user_id: str, arguments: list[str]) -> dict[str, Snapshot]:
    named = [pk for argument in arguments if (pk := _parse(argument)) is not None]
    return {
        found.conversation_id: msgspec.structs.asdict(found)
        for found in summaries.snapshots(user_id, named)
    }


def _members(argument: str) -> list[Any]:
    pk = _parse(argument)
    return [] if pk is None else access.active_keys(pk)


register_channel(
    ChannelKind(
        CHANNEL_KIND,
        authorize_many=_authorize,
        snapshot_many=_snapshots,
        takes_argument=True,
        polled=True,
        members=_members,
    )
)


_CHANNEL = f"{CHANNEL_KIND}:{{id}}"
register_event("message", MessagePayload, logged=True, channel=_CHANNEL)
register_event("message_deleted", MessageDeleted, logged=True, channel=_CHANNEL)
register_event("read_receipt", ReadReceiptPayload, logged=True, channel=_CHANNEL)
register_event(
    "participants_added", ParticipantsAdded, logged=True, channel=f"{_CHANNEL},{NOTIFICATIONS}"
)
register_event("participant_left", ParticipantLeft, logged=True, channel=_CHANNEL)
register_event("typing_start", Typing, logged=False, channel=_CHANNEL)
register_event("typing_stop", Typing, logged=False, channel=_CHANNEL)
# What is said needs no translation.
register_text("message", "%(actor)s: %(excerpt)s")


def _messages(calls: list[tuple[Caller, MessageRequest]]) -> list[Any]:
    """Send those that can be sent at once; the others go through `message`."""

    def read(caller: Caller, request: MessageRequest, pk: int) -> Send:
        check_content(request.content)
        key, client_id = parse_user_id(caller.user_id), _as_uuid(caller.frame_id)
        return Send(key, pk, request.content, client_id)

    return _together(calls, read, services.send_together)


def _typists(calls: list[tuple[Caller, TypingRequest]], *, is_typing: bool) -> list[Any]:
    def read(caller: Caller, request: TypingRequest, pk: int) -> Typist:
        return Typist(caller, pk, is_typing)

    return _together(calls, read, services.typing_together)


def _together(
    calls: list[tuple[Caller, Any]],
    read: Callable[[Caller, Any, int], Any],
    carry_out: Callable[[list[Any]], list[Any]],
) -> list[Any]:
    """Carry out all calls that can be read; those that fail are left to their own handler."""
    found = {}
    for index, (caller, request) in enumerate(calls):
        try:
            with _conversation(caller, request.conversation_id) as pk:
                found[index] = read(caller, request, pk)
        except (RealtimeError, DecodeError):
            continue
    outcomes: list[Any] = [ALONE] * len(calls)
    if found:
        for index, outcome in zip(found, carry_out([*found.values()]), strict=True):
            # The handler knows how to put it to who addressed a channel.
            outcomes[index] = ALONE if isinstance(outcome, RealtimeError) else outcome
    return outcomes


@command("message", MessageRequest, together=_messages)
def message(caller: Caller, request: MessageRequest) -> MessagePayload:
    """Say something; a frame's id that is a UUID makes it safe to repeat."""
    with _conversation(caller, request.conversation_id) as pk:
        return services.send_message(
            caller.user_id, pk, request.content, client_id=_as_uuid(caller.frame_id)
        )


@command("typing_start", TypingRequest, together=partial(_typists, is_typing=True))
def typing_start(caller: Caller, request: TypingRequest) -> Typing:
    """The caller types."""
    with _conversation(caller, request.conversation_id) as pk:
        return services.typing_start(caller, pk)


@command("typing_stop", TypingRequest, together=partial(_typists, is_typing=False))
def typing_stop(caller: Caller, request: TypingRequest) -> Typing:
    """The caller types no longer."""
    with _conversation(caller, request.conversation_id) as pk:
        return services.typing_stop(caller, pk)


@command("read_receipt", ReadReceiptRequest)
def read_receipt(caller: Caller, request: ReadReceiptRequest) -> ReadReceiptPayload:
    """Mark messages read."""
    with _conversation(caller, request.conversation_id) as pk:
        pks = [
            parse_prefixed_id(MESSAGE_PREFIX, value, field="payload.message_ids")
            for value in request.message_ids
        ]
        return services.mark_read(caller.user_id, pk, message_ids=pks)


@contextmanager
def _conversation(caller: Caller, named: str | None) -> Iterator[int]:
    """The conversation that a frame is about: in its payload, or its channel.

    Raises:
        RealtimeError: CHANNEL_NOT_FOUND, it was addressed by a channel that is
            not this user's; INVALID_MESSAGE, it names none, or two.
    """
    if named is not None:
        pk = parse_prefixed_id(CONVERSATION_PREFIX, named, field="payload.conversation_id")
        if caller.channel is not None and caller.channel != channel(pk):
            raise invalid("Payload and channel name different conversations", field="channel")
        yield pk
        return
    if caller.channel is None:
        raise invalid("Say which conversation, in the payload", field="payload.conversation_id")
    kind, _, argument = caller.channel.partition(":")
    found = _parse(argument) if kind == CHANNEL_KIND else None
    if found is None:
        raise channel_not_found(caller.channel)
    try:
        yield found
    except ConversationNotFoundError:
        raise channel_not_found(caller.channel) from None


def _as_uuid(value: str | None) -> UUID | None:
    """A frame's id as a key, if it is a UUID; `msg_123` is none."""
    try:
        return UUID(value) if value is not None else None
    except ValueError:
        return None
