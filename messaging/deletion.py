"""Deleting messages, and what a deleted account has said.

A deleted message keeps its row and its place; its content goes from there, from
the notifications that quoted it, and from the log. The site calls this through
`messaging.services`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from django.db.models import Exists, OuterRef

from messaging.access import active, active_stay, atomic, history, lock
from messaging.events import (
    MAX_MESSAGE_IDS,
    MessageDeleted,
    MessagePayload,
    channel,
    conversation_id,
    message_id,
    message_payload,
)
from messaging.membership import end_stays
from messaging.models import Conversation, Message, Participant
from messaging.notices import notify_of
from notifications import services as notifications
from realtime import erasure, log, protocol
from realtime.errors import ErrorCode, RealtimeError, not_found
from realtime.users import parse_user_id


def delete_message(user_id: str, conversation_pk: int, message_pk: int) -> MessagePayload:
    """Delete a message of one's own. Deleting it again changes nothing.

    Returns:
        The message as it is now.

    Raises:
        RealtimeError: NOT_FOUND, the user does not take part, or may not see the
            message; FORBIDDEN, somebody else has written it.
    """
    key = parse_user_id(user_id)
    with atomic():
        lock(conversation_pk, key)
        active_stay(conversation_pk, key)
        visible = history(conversation_pk, key).messages
        message = visible.select_related("sender").filter(pk=message_pk).first()
        if message is None:
            raise not_found("Message does not exist")
        if message.sender_id != key:
            raise RealtimeError(ErrorCode.FORBIDDEN, "Only who wrote a message deletes it")
        if message.deleted_at is None:
            _delete(conversation_pk, [message])
            message.refresh_from_db(fields=["content", "deleted_at"])
    return message_payload(message, message.sender)


def forget_user(user_key: Any) -> None:
    """The account of this user is about to be deleted: its words go with it.

    It leaves its conversations, which is told, and what it has said in any is deleted.
    """
    said = Message.objects.filter(sender_id=user_key, deleted_at=None)
    stays = Participant.objects.filter(user_id=user_key, left_at=None)
    with atomic():
        # In one order for all who lock several.
        concerned = Conversation.objects.filter(
            Exists(said.filter(conversation=OuterRef("pk")))
            | Exists(stays.filter(conversation=OuterRef("pk")))
        )
        list(concerned.order_by("pk").select_for_update())
        end_stays(stays)
        in_order = said.only("conversation_id", "position").order_by("conversation_id", "position")
        ordered = in_order.iterator()
        for conversation_pk, messages in groupby(ordered, lambda one: one.conversation_id):
            for batch in _batches(messages):
                _delete(conversation_pk, batch, by_account=True)


def tell_deleted(message: Message) -> None:
    """A message's row is about to be deleted, as by the site's own code: tell it first."""
    with atomic():
        list(Conversation.objects.select_for_update().filter(pk=message.conversation_id))
        if Message.objects.filter(pk=message.pk, deleted_at=None).exists():
            _delete(message.conversation_id, [message])


def erase(message: Message) -> None:
    """A message's row is gone, however that came."""
    notifications.erase_subject(message_id(message.pk))
    erasure.erase_subject(message_id(message.pk))


def _delete(conversation_pk: int, messages: list[Message], *, by_account: bool = False) -> None:
    """Delete messages of one conversation, oldest first; the caller holds its lock.

    Args:
        by_account: all that a user is the author of goes from the log anyway.
    """
    now = protocol.now()
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        content="", deleted_at=now
    )
    stays = list(active(conversation_pk).values_list("user_id", "joined_position"))
    stays = [(user, joined) for user, joined in stays if joined < messages[-1].position]
    event = MessageDeleted(
        conversation_id=conversation_id(conversation_pk),
        message_ids=[message_id(message.pk) for message in messages],
        deleted_at=now,
    )
    members = [user for user, _ in stays]
    if members:
        log.append("message_deleted", event, channel=channel(conversation_pk), recipients=members)
    notifications.erase_subject(*event.message_ids)
    if not by_account:
        for subject in event.message_ids:
            erasure.erase_subject(subject)
    _notify_anew(conversation_pk, members)


def _notify_anew(conversation_pk: int, members: list[Any]) -> None:
    """Whoever was notified of what has been erased: of the newest message left, or no more."""
    key = channel(conversation_pk)
    notified = notifications.unread_of(members, key).filter(subject="")
    waiting = set(notified.values_list("recipient_id", flat=True))
    for stay in active(conversation_pk).filter(user_id__in=waiting):
        unread = Message.objects.filter(
            conversation_id=conversation_pk,
            position__gt=stay.last_read_position,
            deleted_at=None,
        ).exclude(sender_id=stay.user_id)
        newest = unread.select_related("sender").order_by("-position").first()
        if newest is not None:
            notify_of(newest, [stay.user_id])
        else:
            notifications.mark_read_by_key([stay.user_id], key)


def _batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    for message in messages:
        batch.append(message)
        if len(batch) == MAX_MESSAGE_IDS:
            yield batch
            batch = []
    if batch:
        yield batch
