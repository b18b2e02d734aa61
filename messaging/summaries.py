"""A conversation at a glance: for its list, and for who subscribes to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from msgspec import Struct

from messaging.access import active, conversations_of, is_read, with_read_marks
from messaging.events import (
    ConversationId,
    MessagePayload,
    Title,
    channel,
    conversation_id,
    message_payload,
)
from messaging.models import Message, Participant
from messaging.notices import muted_channels
from realtime.conf import UserDescription
from realtime.users import describe

# The list shows who is in a group by these; all are at `conversations/{id}/participants`.
SHOWN_PARTICIPANTS = 10


class ConversationSummary(Struct):
    """One entry of the list. `last_message` is the newest since the user came in."""

    id: ConversationId
    title: Title
    is_group: bool
    participants: list[UserDescription]
    participant_count: int
    last_message: MessagePayload | None
    last_position: int
    last_read_position: int
    unread_count: int
    muted: bool
    created_at: datetime
    last_activity_at: datetime


class ConversationSnapshot(Struct):
    """What goes with the ack of `subscribe`; the events bring it up to date."""

    conversation_id: ConversationId
    title: Title
    participants: list[UserDescription]
    unread_count: int
    last_position: int
    last_read_position: int


def summaries(stays: list[Any]) -> list[ConversationSummary]:
    """The user's stays, from `access.conversations_of`, as entries of the list.

    Three queries, however many there are.
    """
    if not stays:
        return []
    muted = muted_channels(str(stays[0].user_id))
    last = _last_messages(stays)
    people = _participants([stay.conversation_id for stay in stays])
    return [
        ConversationSummary(
            id=conversation_id(stay.conversation_id),
            title=stay.conversation.title,
            is_group=not stay.conversation.pair,
            participants=[describe(person.user) for person in people[stay.conversation_id]],
            participant_count=people[stay.conversation_id][0].total,
            last_message=last.get(stay.conversation_id),
            last_position=stay.conversation.last_position,
            last_read_position=stay.last_read_position,
            unread_count=stay.unread_count,
            muted=channel(stay.conversation_id) in muted,
            created_at=stay.conversation.created_at,
            last_activity_at=stay.conversation.last_activity_at,
        )
        for stay in stays
    ]


def snapshots(user_id: str, conversation_pks: Iterable[int]) -> list[ConversationSnapshot]:
    """The state of those of the conversations in which the user takes part.

    Two queries, however many there are.
    """
    stays: list[Any] = list(conversations_of(user_id).filter(conversation__in=conversation_pks))
    people = defaultdict(list)
    present = Participant.objects.filter(
        conversation__in=[stay.conversation_id for stay in stays], left_at=None
    )
    for other in present.select_related("user").order_by("pk"):
        people[other.conversation_id].append(describe(other.user))
    return [
        ConversationSnapshot(
            conversation_id=conversation_id(stay.conversation_id),
            title=stay.conversation.title,
            participants=people[stay.conversation_id],
            unread_count=stay.unread_count,
            last_position=stay.conversation.last_position,
            last_read_position=stay.last_read_position,
        )
        for stay in stays
    ]


def participants(conversation_pk: int) -> list[UserDescription]:
    """All who take part now, in the order in which they joined."""
    return [describe(stay.user) for stay in active(conversation_pk).select_related("user")]


def _last_messages(stays: list[Any]) -> dict[int, MessagePayload]:
    by_conversation = {stay.conversation_id: stay for stay in stays}
    newest = Message.objects.filter(
        conversation__in=by_conversation, position=F("conversation__last_position")
    )
    found = {}
    for message in with_read_marks(newest, stays[0].user_id):
        stay = by_conversation[message.conversation_id]
        if message.position > stay.joined_position:
            read = is_read(message, stay.user_id, stay.last_read_position)
            found[stay.conversation_id] = message_payload(message, message.sender, is_read=read)
    return found


def _participants(conversation_pks: list[int]) -> dict[int, list[Any]]:
    """The first who joined each conversation, and in each `total` how many there are."""
    ranked = (
        Participant.objects.filter(conversation__in=conversation_pks, left_at=None)
        .annotate(
            rank=Window(RowNumber(), partition_by=F("conversation"), order_by="pk"),
            total=Window(Count("pk"), partition_by=F("conversation")),
        )
        .filter(rank__lte=SHOWN_PARTICIPANTS)
    )
    found = defaultdict(list)
    for stay in ranked.select_related("user").order_by("pk"):
        found[stay.conversation_id].append(stay)
    return found
