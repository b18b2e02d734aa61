"""Writing messages and conversations. All other code, the site's too, goes through here.

    from messaging.services import create_conversation, send_message

    conversation, _ = create_conversation(str(alice.pk), [bob.pk])
    send_message(str(alice.pk), conversation.pk, "Hello Bob")

Everything that happens in a conversation happens under the lock of its row, in
one transaction with its event: positions are gapless, events come in their
order, and who gets an event is who takes part at that moment.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError

from messaging.access import (
    ConversationNotFoundError,
    active,
    active_keys,
    active_stay,
    atomic,
    lock,
    unread_counts,
)
from messaging.deletion import delete_message, forget_user
from messaging.events import (
    MessagePayload,
    Typing,
    channel,
    conversation_id,
    message_payload,
)
from messaging.membership import (
    add_participants,
    check_may_message,
    create_conversation,
    leave,
    remove_participant,
)
from messaging.models import Conversation, Message
from messaging.notices import mute, notify_of, unmute
from messaging.receipts import mark_read
from messaging.texts import check_content
from realtime import ephemeral, log, protocol
from realtime.errors import invalid
from realtime.registry import Caller
from realtime.users import describe, parse_user_id

__all__ = [
    "add_participants",
    "create_conversation",
    "delete_message",
    "forget_user",
    "leave",
    "mark_read",
    "mute",
    "remove_participant",
    "send_message",
    "typing_start",
    "typing_stop",
    "unmute",
    "unread_counts",
]

TYPING_SECONDS = 10


def send_message(
    user_id: str, conversation_pk: int, content: str, client_id: UUID | None = None
) -> MessagePayload:
    """Say something in a conversation.

    Args:
        content: 1 to 5,000 characters, not blank.
        client_id: the client's own id for the message. The same again, with the
            same content, sends nothing and returns what the first time did.

    Raises:
        RealtimeError: NOT_FOUND, the user does not take part in it; FORBIDDEN,
            the site's hook `MAY_MESSAGE` says no; INVALID_MESSAGE, the content
            cannot be sent, or the client id stands for another message.
    """
    check_content(content)
    key = parse_user_id(user_id)
    with atomic():
        conversation = lock(conversation_pk, key)
        if client_id is not None and (first := _sent_as(key, client_id)):
            return _repeated(first, conversation_pk, content)
        members = active_keys(conversation_pk)
        _check_may_send(key, members, bool(conversation.pair))
        sender = get_user_model()._default_manager.get(pk=key)
        message = _store(conversation, sender, content, client_id)
        payload = message_payload(message, sender)
        log.append(
            "message",
            payload,
            channel=channel(conversation_pk),
            recipients=members,
            subject=payload.id,
            author=key,
        )
        notify_of(message, members)
    return payload


def _check_may_send(user_key: Any, members: list[Any], is_pair: bool) -> None:
    if user_key not in members:
        raise ConversationNotFoundError
    if is_pair:
        for other in members:
            if other != user_key:
                check_may_message(user_key, other)


def _sent_as(sender_key: Any, client_id: UUID) -> Message | None:
    sent = Message.objects.filter(sender_id=sender_key, client_id=client_id)
    return sent.select_related("sender").first()


def _repeated(first: Message, conversation_pk: int, content: str) -> MessagePayload:
    same = first.deleted_at is not None or first.content == content
    if first.conversation_id != conversation_pk or not same:
        raise invalid("This id stands for another message already", field="id")
    return message_payload(first, first.sender)


def _store(
    conversation: Conversation, sender: AbstractBaseUser, content: str, client_id: UUID | None
) -> Message:
    """Write a message at the next position; the caller holds the conversation's lock."""
    message = Message(
        conversation=conversation,
        position=conversation.last_position + 1,
        sender=sender,  # type: ignore[misc]  # AUTH_USER_MODEL, whichever it is
        content=content,
        client_id=client_id,
        created_at=protocol.now(),
    )
    if client_id is None:
        message.save(force_insert=True)
    else:
        try:
            with atomic():
                message.save(force_insert=True)
        except IntegrityError:
            # Sent at this very moment in another conversation, under another lock.
            raise invalid("This id stands for another message already", field="id") from None
    conversation.last_position = message.position
    conversation.last_activity_at = message.created_at
    conversation.save(update_fields=["last_position", "last_activity_at"])
    return message


# --- typing ------------------------------------------------------------------------


def typing_start(caller: Caller, conversation_pk: int) -> Typing:
    """Show the others that the caller types, for 10 s or until told otherwise.

    Raises:
        RealtimeError: NOT_FOUND, the caller does not take part; FORBIDDEN, the
            site's hook `MAY_MESSAGE` says no.
    """
    key = parse_user_id(caller.user_id)
    stays = list(active(conversation_pk).values_list("user_id", "conversation__pair"))
    members = [member for member, _ in stays]
    _check_may_send(key, members, any(pair for _, pair in stays))
    sender = get_user_model()._default_manager.get(pk=key)
    others = [member for member in members if member != key]
    started = _typing(sender, conversation_pk, is_typing=True)
    stopped = _typing(sender, conversation_pk, is_typing=False)

    def tell(event: Typing) -> None:
        ephemeral.send_signal(
            "typing_start" if event.is_typing else "typing_stop",
            event,
            channel=channel(conversation_pk),
            recipients=others,
            coalesce=f"typing:{conversation_pk}:{caller.user_id}",
        )

    ephemeral.hold(
        caller,
        _typing_key(conversation_pk),
        lambda: tell(started),
        lambda: tell(stopped),
        seconds=TYPING_SECONDS,
    )
    return started


def typing_stop(caller: Caller, conversation_pk: int) -> Typing:
    """The caller types no longer.

    Raises:
        RealtimeError: NOT_FOUND, the caller does not take part.
    """
    key = parse_user_id(caller.user_id)
    active_stay(conversation_pk, key)
    ephemeral.release(caller, _typing_key(conversation_pk))
    sender = get_user_model()._default_manager.get(pk=key)
    return _typing(sender, conversation_pk, is_typing=False)


def _typing_key(conversation_pk: int) -> str:
    return f"typing:{conversation_pk}"


def _typing(user: AbstractBaseUser, conversation_pk: int, *, is_typing: bool) -> Typing:
    return Typing(
        conversation_id=conversation_id(conversation_pk),
        user_id=str(user.pk),
        username=describe(user)["username"],
        is_typing=is_typing,
    )
