"""Reading: who has read what, told to the others.

The site calls this through `messaging.services`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet

from messaging.access import active, active_stay, atomic, history, lock
from messaging.events import (
    MAX_MESSAGE_IDS,
    ReadReceiptPayload,
    channel,
    conversation_id,
    message_id,
)
from messaging.models import Message, Participant, ReadReceipt
from notifications.services import mark_read_by_key
from realtime import log, protocol
from realtime.errors import invalid, not_found
from realtime.users import parse_user_id


def mark_read(
    user_id: str,
    conversation_pk: int,
    *,
    message_ids: Collection[int] | None = None,
    position: int | None = None,
) -> ReadReceiptPayload:
    """Mark others' messages read, and with them the conversation's notification.

    Counted as read is everything up to the newest of them. Reading again
    changes nothing.

    Args:
        user_id: who has read them, a participant.
        conversation_pk: the conversation's primary key.
        message_ids: keys of messages, at most 1,000. Without them, everything
            that was unread up to `position`; the newest 1,000 get receipts.
        position: None, up to the end.

    Returns:
        The event that the participants got: the messages newly read. Where it
        names none there was no event.

    Raises:
        RealtimeError: NOT_FOUND, the user does not take part, or may not see one
            of the messages; INVALID_MESSAGE, too many messages.
    """
    if message_ids is not None and len(message_ids) > MAX_MESSAGE_IDS:
        raise invalid(f"At most {MAX_MESSAGE_IDS} messages at once", field="message_ids")
    key = parse_user_id(user_id)
    with atomic():
        conversation = lock(conversation_pk, key)
        stay = active_stay(conversation_pk, key)
        visible = history(conversation_pk, key).messages
        if message_ids is None:
            upto = conversation.last_position
            upto = upto if position is None else min(upto, position)
            found = _unread_upto(visible, stay, upto)
        else:
            found = _named(visible, message_ids, key)
        read = _write_receipts(found, key)
        _advance(stay, found)
        event = ReadReceiptPayload(
            conversation_id=conversation_id(conversation_pk),
            message_ids=[message_id(message.pk) for message in read],
            read_at=protocol.now(),
            user_id=user_id,
            last_read_position=stay.last_read_position,
        )
        if read:
            recipients = _concerned(conversation_pk, read)
            log.append(
                "read_receipt", event, channel=channel(conversation_pk), recipients=recipients
            )
        mark_read_by_key([key], channel(conversation_pk))
    return event


def _advance(stay: Participant, found: list[Message]) -> None:
    """Move the read position to the newest of these, never back.

    No further, over one's own: without a receipt nobody is told of it.
    """
    upto = max((message.position for message in found), default=0)
    if upto > stay.last_read_position:
        stay.last_read_position = upto
        stay.save(update_fields=["last_read_position"])


def _unread_upto(visible: QuerySet[Message], stay: Participant, upto: int) -> list[Message]:
    unread = visible.filter(position__gt=stay.last_read_position, position__lte=upto)
    newest = unread.exclude(sender_id=stay.user_id).order_by("-position")
    return list(newest.only("position", "sender_id")[:MAX_MESSAGE_IDS])


def _named(visible: QuerySet[Message], pks: Collection[int], user_key: Any) -> list[Message]:
    found = visible.filter(pk__in=pks).only("position", "sender_id").in_bulk()
    for pk in pks:
        if pk not in found:
            raise not_found("Message does not exist", message_id=message_id(pk))
    return [message for message in found.values() if message.sender_id != user_key]


def _write_receipts(messages: list[Message], user_key: Any) -> list[Message]:
    """Note who has read them; those that are newly read, oldest first."""
    receipts = ReadReceipt.objects.filter(message__in=messages, user_id=user_key)
    known = set(receipts.values_list("message_id", flat=True))
    new = [message for message in messages if message.pk not in known]
    ReadReceipt.objects.bulk_create(
        ReadReceipt(message=message, user_id=user_key) for message in new
    )
    return sorted(new, key=lambda message: message.position)


def _concerned(conversation_pk: int, read: list[Message]) -> list[Any]:
    """Who may know of these messages: who was there, or wrote one of them."""
    senders = {message.sender_id for message in read}
    return [
        key
        for key, joined in active(conversation_pk).values_list("user_id", "joined_position")
        if joined < read[-1].position or key in senders
    ]
