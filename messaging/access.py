"""Who takes part in a conversation, what they may see of it, what they have not read.

Reads and locks only; `messaging.services` writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connections, router, transaction
from django.db.models import (
    Count,
    Exists,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from messaging.models import Conversation, Message, Participant, ReadReceipt
from realtime.compiled import Compiled
from realtime.errors import ErrorCode, RealtimeError
from realtime.users import parse_user_id


class ConversationNotFoundError(RealtimeError):
    """The one answer for a conversation that is not there or not this user's."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "Conversation does not exist")


def atomic() -> transaction.Atomic:
    """A transaction on the database of conversations."""
    return transaction.atomic(using=router.db_for_write(Conversation))


def lock(conversation_pk: int, user_key: Any) -> Conversation:
    """Lock a conversation in which this user takes part or has taken part.

    Under its lock look again at whether the user still does.

    Raises:
        ConversationNotFoundError: the user never took part: strangers do not
            get to hold its lock.
    """
    stays = Participant.objects.filter(conversation=OuterRef("pk"), user_id=user_key)
    conversation = (
        Conversation.objects.filter(Exists(stays), pk=conversation_pk).select_for_update().first()
    )
    if conversation is None:
        raise ConversationNotFoundError
    return conversation


@dataclass(frozen=True, slots=True)
class LockedConversation:
    """What sending has to know of a conversation."""

    pk: int
    pair: str
    last_position: int


_free = Compiled(
    lambda pks, users, skip: (
        Conversation.objects.filter(
            Exists(Participant.objects.filter(conversation=OuterRef("pk"), user__pk__in=users)),
            pk__in=pks,
        )
        .order_by("pk")
        .select_for_update(skip_locked=skip)
        .values_list("pk", "pair", "last_position")
    ),
    fields={"users": Participant._meta.get_field("user")},
    literal={"skip"},
)
_members = Compiled(
    lambda pks: (
        Participant.objects.filter(conversation__pk__in=pks, left_at=None)
        .order_by("pk")
        .values_list("conversation_id", "user_id")
    )
)


def try_lock(
    conversation_pks: Collection[int], user_keys: Collection[Any]
) -> dict[int, LockedConversation]:
    """Lock those of the conversations that nobody else has locked.

    Left out are those in which none of these users takes part or has taken part.
    """
    using = router.db_for_write(Conversation)
    skip = connections[using].features.has_select_for_update_skip_locked
    rows = _free.rows(using, pks=conversation_pks, users=user_keys, skip=skip)
    return {row[0]: LockedConversation(*row) for row in rows}


def members_of(conversation_pks: Iterable[int]) -> dict[int, list[Any]]:
    """The users who take part now, by conversation, in the order in which they joined."""
    found = defaultdict(list)
    if pks := list(conversation_pks):
        for pk, user in _members.rows(router.db_for_write(Participant), pks=pks):
            found[pk].append(user)
    return found


def active(conversation_pk: int) -> QuerySet[Participant]:
    """The stays of those who take part now."""
    return Participant.objects.filter(conversation_id=conversation_pk, left_at=None).order_by("pk")


def active_keys(conversation_pk: int) -> list[Any]:
    """The keys of the users who take part now, in the order in which they joined."""
    return list(active(conversation_pk).values_list("user_id", flat=True))


def active_stay(conversation_pk: int, user_key: Any) -> Participant:
    """This user's stay.

    Raises:
        ConversationNotFoundError: the user does not take part now.
    """
    stay = active(conversation_pk).filter(user_id=user_key).first()
    if stay is None:
        raise ConversationNotFoundError
    return stay


def takes_part(user_id: str, conversation_pks: Iterable[int]) -> set[int]:
    """The keys of those conversations in which the user takes part now."""
    stays = Participant.objects.filter(user_id=parse_user_id(user_id), left_at=None)
    return set(
        stays.filter(conversation__in=conversation_pks).values_list("conversation_id", flat=True)
    )


@dataclass(frozen=True, slots=True)
class History:
    """What one user may see of a conversation.

    Attributes:
        messages: what was said during the user's stays.
        last_read_position: up to here the user counts as having read it.
    """

    messages: QuerySet[Message]
    last_read_position: int


def history(conversation_pk: int, user_key: Any) -> History:
    """What this user may see: two range bounds, however many stays there were.

    Raises:
        ConversationNotFoundError: the user never took part.
    """
    stays = Participant.objects.filter(conversation_id=conversation_pk, user_id=user_key)
    bounds = stays.aggregate(
        count=Count("pk"),
        first=Min("joined_position"),
        last=Max("left_position"),
        active=Count("pk", filter=Q(left_at=None)),
        read=Max("last_read_position"),
    )
    if not bounds["count"]:
        raise ConversationNotFoundError
    messages = Message.objects.filter(conversation_id=conversation_pk, position__gt=bounds["first"])
    if not bounds["active"]:
        messages = messages.filter(position__lte=bounds["last"])
    if bounds["count"] > 1:
        messages = messages.filter(_said_during(stays))
    return History(messages, bounds["read"])


def _said_during(stays: QuerySet[Participant]) -> Exists:
    """What was said between two stays is in none of them."""
    began = stays.filter(joined_position__lt=OuterRef("position"))
    return Exists(began.filter(Q(left_at=None) | Q(left_position__gte=OuterRef("position"))))


def with_read_marks(messages: QuerySet[Message], user_key: Any) -> QuerySet[Message]:
    """The messages with their senders, and what `is_read` needs."""
    receipts = ReadReceipt.objects.filter(message=OuterRef("pk"))
    return messages.select_related("sender").annotate(
        seen_by_others=Exists(receipts.exclude(user_id=user_key)),
        seen_by_me=Exists(receipts.filter(user_id=user_key)),
    )


def is_read(message: Any, user_key: Any, last_read_position: int) -> bool:
    """Whether one of `with_read_marks` is read: one's own by anybody, others' by oneself."""
    if message.sender_id == user_key:
        return bool(message.seen_by_others)
    return bool(message.seen_by_me) or message.position <= last_read_position


def conversations_of(user_id: str) -> QuerySet[Any]:
    """The user's stays, with their conversations and, each, an `unread_count`."""
    key = parse_user_id(user_id)
    unread = (
        Message.objects.filter(
            conversation=OuterRef("conversation"),
            position__gt=OuterRef("last_read_position"),
            deleted_at=None,
        )
        .exclude(sender_id=key)
        .order_by()
        .values("conversation")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return (
        Participant.objects.filter(user_id=key, left_at=None)
        .select_related("conversation")
        .annotate(unread_count=Coalesce(Subquery(unread, output_field=IntegerField()), 0))
    )


def unread_counts(user_id: str) -> dict[int, int]:
    """How many of others' messages the user has not read, by the conversation's primary key.

    One query, however many conversations; those with nothing unread are there too.
    """
    return dict(conversations_of(user_id).values_list("conversation_id", "unread_count"))
