"""The wire types of messaging (API reference, *Messaging Events*)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from msgspec import Meta, Struct

from messaging.models import Message
from realtime.conf import UserDescription
from realtime.protocol import Payload, Position, prefixed_id
from realtime.users import describe, user_id

CHANNEL_KIND = "conversation"
CONVERSATION_PREFIX = "conv"
MESSAGE_PREFIX = "msg"
MAX_MESSAGE_IDS = 1000
MAX_CONTENT = 5000


class MessagePayload(Payload):
    """`message`: something was said. `position` counts within the conversation."""

    id: str
    conversation_id: str
    sender_id: str | None
    content: str
    created_at: datetime
    is_read: bool
    sender: UserDescription | None
    position: int


class Typing(Payload):
    """`typing_start` and `typing_stop`."""

    conversation_id: str
    user_id: str
    username: str
    is_typing: bool


class ReadReceiptPayload(Payload):
    """`read_receipt`: `user_id` has read these messages of others.

    `last_read_position` is the state after it: what that user counts as read.
    """

    conversation_id: str
    message_ids: list[str]
    read_at: datetime
    user_id: str
    last_read_position: int


class ParticipantsAdded(Payload):
    """`participants_added`: they see what comes after `position`."""

    conversation_id: str
    participants: list[UserDescription]
    added_by: str | None
    position: int


class ParticipantLeft(Payload):
    """`participant_left`: by their own will, or removed by somebody."""

    conversation_id: str
    user_id: str
    removed_by: str | None
    position: int


class MessageRequest(Struct):
    """`message`, from a client. The conversation may stand in the envelope's channel."""

    content: str
    conversation_id: str | None = None


class TypingRequest(Struct):
    """`typing_start` and `typing_stop`, from a client."""

    conversation_id: str | None = None


MessageIds = Annotated[list[str], Meta(max_length=MAX_MESSAGE_IDS)]


class ReadReceiptRequest(Struct):
    """`read_receipt`, from a client."""

    message_ids: MessageIds
    conversation_id: str | None = None


class CreateConversationBody(Struct):
    """`POST conversations`."""

    participant_ids: Annotated[list[str | int], Meta(min_length=1, max_length=500)]
    title: str = ""


class SendMessageBody(Struct):
    """`POST conversations/{id}/messages`; the same `client_id` again sends nothing new."""

    content: str
    client_id: UUID | None = None


class ReadBody(Struct):
    """`POST conversations/{id}/read`: these messages, or all up to a position, or all."""

    message_ids: MessageIds | None = None
    position: Position | None = None


class AddParticipantsBody(Struct):
    """`POST conversations/{id}/participants`."""

    participant_ids: Annotated[list[str | int], Meta(min_length=1, max_length=500)]


def conversation_id(pk: int) -> str:
    """A conversation's id on the wire."""
    return prefixed_id(CONVERSATION_PREFIX, pk)


def message_id(pk: int) -> str:
    """A message's id on the wire."""
    return prefixed_id(MESSAGE_PREFIX, pk)


def channel(conversation_pk: int) -> str:
    """The channel that carries a conversation's events."""
    return f"{CHANNEL_KIND}:{conversation_id(conversation_pk)}"


def message_payload(
    message: Message, sender: AbstractBaseUser | None, *, is_read: bool = False
) -> MessagePayload:
    """A message as clients see it.

    Args:
        sender: its sender, unless the account has gone.
        is_read: for the sender: somebody else has read it; for others: they have.
    """
    return MessagePayload(
        id=message_id(message.pk),
        conversation_id=conversation_id(message.conversation_id),
        sender_id=user_id(sender) if sender is not None else None,
        content=message.content,
        created_at=message.created_at,
        is_read=is_read,
        sender=describe(sender) if sender is not None else None,
        position=message.position,
    )
