"""The wire types of messaging (API reference, *Messaging Events*)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from msgspec import UNSET, Meta, Struct, UnsetType

from messaging.models import Message
from realtime.conf import UserDescription
from realtime.protocol import Payload, Position, UserId, prefixed_id
from realtime.users import describe, user_id

CHANNEL_KIND = "conversation"
CONVERSATION_PREFIX = "conv"
MESSAGE_PREFIX = "msg"
MAX_MESSAGE_IDS = 1000
MAX_CONTENT = 5000
MAX_TITLE = 200

ConversationId = Annotated[str, Meta(examples=["conv_1"])]
MessageId = Annotated[str, Meta(examples=["msg_1"])]
Title = Annotated[str, Meta(examples=["Trip"])]
# The length is `texts` to check, in its own words: it is only told here.
Content = Annotated[
    str,
    Meta(examples=["Hello!"], extra_json_schema={"minLength": 1, "maxLength": MAX_CONTENT}),
]
MessageIds = Annotated[list[MessageId], Meta(max_length=MAX_MESSAGE_IDS)]
ParticipantIds = Annotated[list[str | int], Meta(min_length=1, max_length=500, examples=[["7"]])]


class MessagePayload(Payload):
    """`message`: something was said. `position` counts within the conversation.

    `deleted_at` is there, in REST, where it was deleted: `content` is empty then.
    """

    id: MessageId
    conversation_id: ConversationId
    sender_id: UserId | None
    content: Annotated[str, Meta(examples=["Hello!"])]
    created_at: datetime
    is_read: bool
    sender: UserDescription | None
    position: int
    deleted_at: datetime | UnsetType = UNSET


class MessageDeleted(Payload):
    """`message_deleted`: these messages have lost their content, and count as unread no more."""

    conversation_id: ConversationId
    message_ids: list[MessageId]
    deleted_at: datetime


class Typing(Payload):
    """`typing_start` and `typing_stop`."""

    conversation_id: ConversationId
    user_id: UserId
    username: str
    is_typing: bool


class ReadReceiptPayload(Payload):
    """`read_receipt`: `user_id` has read these messages of others.

    `last_read_position` is the state after it: what that user counts as read.
    """

    conversation_id: ConversationId
    message_ids: list[MessageId]
    read_at: datetime
    user_id: UserId
    last_read_position: int


class ParticipantsAdded(Payload):
    """`participants_added`: they see what comes after `position`.

    On the conversation's channel for who was there; on `notifications` for those
    who come in, and in a new conversation for all.
    """

    conversation_id: ConversationId
    participants: list[UserDescription]
    added_by: UserId | None
    position: int


class ParticipantLeft(Payload):
    """`participant_left`: by their own will, or removed by somebody."""

    conversation_id: ConversationId
    user_id: UserId
    removed_by: UserId | None
    position: int


class MessageRequest(Struct):
    """`message`, from a client. The conversation may stand in the envelope's channel."""

    content: Content
    conversation_id: ConversationId | None = None


class TypingRequest(Struct):
    """`typing_start` and `typing_stop`, from a client."""

    conversation_id: ConversationId | None = None


class ReadReceiptRequest(Struct):
    """`read_receipt`, from a client."""

    message_ids: MessageIds
    conversation_id: ConversationId | None = None


class CreateConversationBody(Struct):
    """`POST conversations`."""

    participant_ids: ParticipantIds
    title: Annotated[Title, Meta(extra_json_schema={"maxLength": MAX_TITLE})] = ""


class SendMessageBody(Struct):
    """`POST conversations/{id}/messages`; the same `client_id` again sends nothing new."""

    content: Content
    client_id: UUID | None = None


class ReadBody(Struct):
    """`POST conversations/{id}/read`: these messages, or all up to a position, or all."""

    message_ids: MessageIds | None = None
    position: Position | None = None


class AddParticipantsBody(Struct):
    """`POST conversations/{id}/participants`."""

    participant_ids: ParticipantIds


class Participants(Struct):
    """All who take part, in the order in which they joined."""

    participants: list[UserDescription]


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
        deleted_at=message.deleted_at or UNSET,
    )
