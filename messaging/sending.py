"""Sending messages: one, or those of many senders in one transaction.

The site calls this through `messaging.services`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, router
from django.db.models import F

from messaging.access import (
    ConversationNotFoundError,
    LockedConversation,
    active_keys,
    atomic,
    lock,
    members_of,
    try_lock,
)
from messaging.events import MessagePayload, channel, message_payload
from messaging.membership import check_may_message
from messaging.models import Conversation, Message
from messaging.notices import news_of, notify_of
from messaging.texts import check_content
from notifications.services import publish_coalesced, try_lock_inboxes
from realtime import database, log, protocol
from realtime.bulk import insert_many
from realtime.compiled import CompiledUpdate
from realtime.errors import RealtimeError, invalid
from realtime.together import ALONE, Alone
from realtime.users import parse_user_id, users_by_key


def send_message(
    user_id: str, conversation_pk: int, content: str, client_id: UUID | None = None
) -> MessagePayload:
    """Say something in a conversation.

    Args:
        user_id: who says it, a participant.
        conversation_pk: the conversation's primary key.
        content: 1 to 5,000 characters, not blank.
        client_id: the client's own id for the message. The same again, with the
            same content, sends nothing and returns what the first time did.

    Returns:
        The message, as it is on the wire.

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
        check_may_send(key, members, bool(conversation.pair))
        sender = get_user_model()._default_manager.get(pk=key)
        message = _draft(conversation, sender, content, client_id)
        try:
            with atomic():
                _store([message])
        except IntegrityError:
            if client_id is None:
                raise
            # Sent at this very moment in another conversation, under another lock.
            raise invalid("This id stands for another message already", field="id") from None
        payload = _announce([message], {conversation_pk: members})[0]
        notify_of(message, members)
    return payload


def check_may_send(user_key: Any, members: list[Any], is_pair: bool) -> None:
    """Refuse who does not take part, and in a pair who may not write to the other.

    Raises:
        RealtimeError: NOT_FOUND, or what the site's hook says.
    """
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


def _draft(
    conversation: Conversation | LockedConversation,
    sender: AbstractBaseUser,
    content: str,
    client_id: UUID | None,
) -> Message:
    """A message at the next position; the caller holds the conversation's lock."""
    return Message(
        conversation_id=conversation.pk,
        position=conversation.last_position + 1,
        sender=sender,  # type: ignore[misc]  # AUTH_USER_MODEL, whichever it is
        content=content,
        client_id=client_id,
        created_at=protocol.now(),
    )


def _store(messages: list[Message]) -> None:
    """Write messages, one at most in each conversation."""
    using = router.db_for_write(Message)
    insert_many(messages, using=using)
    _count.run(
        using,
        pks=[one.conversation_id for one in messages],
        now=max(one.created_at for one in messages),
    )


_count = CompiledUpdate(
    lambda pks: Conversation.objects.filter(pk__in=pks),
    values={"last_position": F("last_position") + 1, "last_activity_at": "now"},
    fields={"now": Conversation._meta.get_field("last_activity_at")},
)


def _announce(
    messages: list[Message], members: Mapping[int, Collection[Any]]
) -> list[MessagePayload]:
    payloads = [message_payload(message, message.sender) for message in messages]
    log.append_many(
        log.Draft(
            "message",
            payload,
            channel=channel(message.conversation_id),
            recipients=members[message.conversation_id],
            subject=payload.id,
            author=message.sender_id,
        )
        for message, payload in zip(messages, payloads, strict=True)
    )
    return payloads


# What asking the site's hook may take in a shared transaction, for all together.
HOOK_SECONDS = 0.1


# --- many at once ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """What `send_message` is called with; the content has been checked."""

    user_key: Any
    conversation_pk: int
    content: str
    client_id: UUID | None


Outcome = MessagePayload | Exception | Alone


def send_together(sends: list[Send]) -> list[Outcome]:
    """Send what needs no waiting, in one transaction with about the queries of one message.

    Each is sent wholly or not at all. `ALONE` is the outcome for all that
    `send_message` has to decide: its conversation or an inbox is locked, the id has
    been used, it is refused. If the transaction fails, that is everybody's outcome.
    """
    used: set[tuple[Any, UUID | None]] = set()
    for _ in range(2):
        began_commit = False
        try:
            with atomic():
                database.hurry(router.db_for_write(Conversation))
                outcomes = _send_free(sends, used)
                began_commit = True
            return outcomes
        except IntegrityError:
            # An id that was used before: rare enough to be looked for only now.
            used = _used_ids(sends)
        except Exception:
            if began_commit:
                raise  # perhaps it was committed: doing it again could send it twice
            # A lock, or a hook of the site's that fails for one of them: by itself it
            # will show whose it is.
            break
    return [ALONE] * len(sends)


def _send_free(sends: list[Send], used: set[tuple[Any, UUID | None]]) -> list[Outcome]:
    drafts, members = _drafts(sends, used)
    held = try_lock_inboxes(
        {user for message in drafts.values() for user in members[message.conversation_id]}
    )
    ready = {
        index: message
        for index, message in drafts.items()
        if all(
            user in held or user == message.sender_id for user in members[message.conversation_id]
        )
    }
    messages = list(ready.values())
    outcomes: list[Outcome] = [ALONE] * len(sends)
    if messages:
        _store(messages)
        payloads = _announce(messages, members)
        news = [news_of(message, members[message.conversation_id]) for message in messages]
        publish_coalesced(news, held, protocol.now())
        for index, payload in zip(ready, payloads, strict=True):
            outcomes[index] = payload
    return outcomes


def _drafts(
    sends: list[Send], used: set[tuple[Any, UUID | None]]
) -> tuple[dict[int, Message], dict[int, list[Any]]]:
    """The messages that can be written now, by their place in the list; and the members.

    Of each conversation the first one only: the next needs the position after it.
    """
    users = {send.user_key for send in sends}
    conversations = try_lock({send.conversation_pk for send in sends}, users)
    members = members_of(conversations)
    senders = users_by_key(users)
    drafts: dict[int, Message] = {}
    # The site's hook is asked under everybody's locks: a slow one is asked alone.
    until = monotonic() + HOOK_SECONDS
    for index, send in enumerate(sends):
        if monotonic() > until:
            break
        conversation = conversations.get(send.conversation_pk)
        sender = senders.get(send.user_key)
        if conversation is None or sender is None or (send.user_key, send.client_id) in used:
            continue
        try:
            check_may_send(send.user_key, members[conversation.pk], bool(conversation.pair))
        except RealtimeError:
            continue
        del conversations[send.conversation_pk]
        drafts[index] = _draft(conversation, sender, send.content, send.client_id)
    return drafts, members


def _used_ids(sends: list[Send]) -> set[tuple[Any, UUID | None]]:
    ids = [send.client_id for send in sends if send.client_id is not None]
    sent = Message.objects.filter(
        sender_id__in={send.user_key for send in sends}, client_id__in=ids
    )
    return set(sent.values_list("sender_id", "client_id"))
