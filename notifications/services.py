"""Writing notifications. All other code, the site's too, goes through here.

    from notifications.services import notify, notify_many

    notify(post.author, "like", f"{user} liked your post", actor=user, post_id=f"post_{post.pk}")
    notify_many(User.objects.filter(is_staff=True), "maintenance", "Back at 9:00")

Both may be called anywhere: in a request, a Celery task, a shell. Inside a
transaction they take part in it: what is rolled back is told to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from notifications import arguments, inboxes
from notifications.events import (
    CHANNEL,
    NotificationRead,
    NotificationReadAll,
    wire_id,
)
from notifications.models import Inbox, Notification
from realtime import log, protocol
from realtime.errors import not_found
from realtime.users import parse_user_id

BATCH = 1000

# How often one coalesced notification is announced at most.
ANNOUNCE_INTERVAL = timedelta(seconds=5)


def notify(
    recipient: AbstractBaseUser | object,
    type: str,
    message: str,
    *,
    actor: AbstractBaseUser | None = None,
    post_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Notification | None:
    """Notify one user.

    Args:
        recipient: the user, or the user's primary key.
        type: what has happened, as `like` or `comment`; at most 64 characters.
        message: the text that people read.
        actor: who did it. Nobody is notified of their own acts.
        post_id: the wire id of what it is about, as `post_7`.
        extra: further JSON for the site's own clients.

    Returns:
        The notification, or None if the recipient is the actor.

    Raises:
        ValueError: a text is empty, too long, or cannot be stored.
    """
    created = _notify_batch([arguments.user_key(recipient)], type, message, actor, post_id, extra)
    return created[0] if created else None


def notify_many(
    recipients: Iterable[AbstractBaseUser | object],
    type: str,
    message: str,
    *,
    actor: AbstractBaseUser | None = None,
    post_id: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> int:
    """Notify many users; see `notify` for the arguments.

    Written in batches of 1,000, each in a transaction of its own unless there
    is one around the call. A user named twice in a batch is notified once.

    Inboxes stay locked to the end of the transaction, as rows that were written
    do. Within a batch they are locked in one order; a transaction that notifies
    several times should do so in the same order everywhere, or be ready to be
    tried again.

    Returns:
        How many notifications were written.
    """
    written = 0
    for batch in arguments.batches(map(arguments.user_key, recipients), BATCH):
        written += len(_notify_batch(batch, type, message, actor, post_id, extra))
    return written


def _notify_batch(
    keys: Iterable[Any],
    type: str,
    message: str,
    actor: AbstractBaseUser | None,
    post_id: str | None,
    extra: Mapping[str, Any] | None,
) -> list[Notification]:
    arguments.check(type, message, post_id, extra)
    recipients = sorted({key for key in keys if actor is None or key != actor.pk})
    if not recipients:
        return []
    with _atomic():
        unread = inboxes.lock(recipients)
        created = inboxes.create(
            recipients,
            actor=actor,
            type=type,
            message=message,
            post_id=post_id or "",
            extra=dict(extra or {}),
            created_at=protocol.now(),
        )
        inboxes.announce(created, {key: count + 1 for key, count in unread.items()})
    return created


def notify_coalesced(
    recipients: Iterable[AbstractBaseUser | object],
    type: str,
    message: str,
    *,
    key: str,
    actor: AbstractBaseUser | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Notify of something that goes on, as the messages of a conversation.

    Each recipient has one unread notification for `key`: announced when it
    becomes unread, then brought up to date in place and announced at most once
    in 5 s. See `notify` for the other arguments.

    Args:
        key: what goes on, as `conversation:conv_7`; 1 to 100 characters.

    Raises:
        ValueError: a text is empty, too long, or cannot be stored.
    """
    arguments.check(type, message, None, extra)
    arguments.check_key(key)
    keys = {arguments.user_key(user) for user in recipients}
    if actor is not None:
        keys.discard(actor.pk)
    if not keys:
        return
    now = protocol.now()
    content = {"actor": actor, "type": type, "message": message, "extra": dict(extra or {})}
    with _atomic():
        unread = inboxes.lock(keys)
        due = _bring_up_to_date(_unread_of(keys, key), content, now)
        fresh = sorted(keys - set(_unread_of(keys, key).values_list("recipient_id", flat=True)))
        created = inboxes.create(
            fresh, **content, coalesce_key=key, announced_at=now, created_at=now
        )
        unread.update({user: unread[user] + 1 for user in fresh})
        inboxes.announce(created + due, unread)


def mark_read_by_key(users: Iterable[AbstractBaseUser | object], key: str) -> None:
    """Mark read what `notify_coalesced` wrote for `key`, and tell these users' devices."""
    unread = _unread_of({arguments.user_key(user) for user in users}, key)
    # Looked at without a lock first: most of the time there is nothing to do.
    keys = set(unread.values_list("recipient_id", flat=True))
    if not keys:
        return
    with _atomic():
        counts = inboxes.lock(keys)
        rows = dict(unread.values_list("recipient_id", "pk"))
        now = protocol.now()
        Notification.objects.filter(pk__in=rows.values()).update(read_at=now)
        Inbox.objects.filter(user_id__in=rows).update(unread=Greatest(F("unread") - 1, 0))
        log.append_many(
            log.Draft(
                "notification_read",
                NotificationRead(wire_id(pk), now, unread_count=max(0, counts[user] - 1)),
                channel=CHANNEL,
                recipients=[user],
            )
            for user, pk in rows.items()
        )


def _unread_of(users: Collection[Any], key: str) -> QuerySet[Notification]:
    return Notification.objects.filter(recipient_id__in=users, coalesce_key=key, read_at=None)


def _bring_up_to_date(
    rows: QuerySet[Notification], content: Mapping[str, Any], now: datetime
) -> list[Notification]:
    """Give unread notifications their new content; those that are to be announced again."""
    if not rows.update(**content):
        return []
    before = now - ANNOUNCE_INTERVAL
    due = list(rows.filter(announced_at__lte=before).select_related("actor"))
    if due:
        rows.filter(announced_at__lte=before).update(announced_at=now)
    return due


def mark_read(user_id: str, notification_id: int) -> NotificationRead:
    """Mark one notification read; reading it again changes nothing.

    Raises:
        RealtimeError: NOT_FOUND, it is not this user's.
    """
    key = parse_user_id(user_id)
    with _atomic():
        inbox = _lock_inbox(key)
        notification = Notification.objects.filter(pk=notification_id, recipient_id=key).first()
        if notification is None:
            raise not_found("Notification does not exist")
        if notification.read_at is not None:
            return NotificationRead(
                wire_id(notification.pk), notification.read_at, unread_count=inbox.unread
            )
        notification.read_at = protocol.now()
        notification.save(update_fields=["read_at"])
        inbox.unread = max(0, inbox.unread - 1)
        inbox.save(update_fields=["unread"])
        event = NotificationRead(
            wire_id(notification.pk), notification.read_at, unread_count=inbox.unread
        )
        _tell("notification_read", event, key)
    return event


def mark_all_read(user_id: str) -> NotificationReadAll:
    """Mark all of a user's notifications read, and tell the user's other devices."""
    key = parse_user_id(user_id)
    with _atomic():
        inbox = _lock_inbox(key)
        event = NotificationReadAll(read_at=protocol.now(), unread_count=0)
        unread = Notification.objects.filter(recipient_id=key, read_at=None)
        if unread.update(read_at=event.read_at) or inbox.unread:
            inbox.unread = 0
            inbox.save(update_fields=["unread"])
            _tell("notification_read_all", event, key)
    return event


def unread_count(user_id: str) -> int:
    """How many notifications the user has not read; one row, however many there are."""
    unread = Inbox.objects.filter(user_id=parse_user_id(user_id)).values_list("unread").first()
    return unread[0] if unread else 0


def uncount(notification: Notification) -> None:
    """A notification is about to be deleted: it no longer counts as unread.

    What the caller read of it may be old: the row is looked at again, under the
    inbox's lock like every change.
    """
    with _atomic():
        inbox = Inbox.objects.filter(user_id=notification.recipient_id)
        list(inbox.select_for_update())
        if Notification.objects.filter(pk=notification.pk, read_at=None).exists():
            inbox.update(unread=Greatest(F("unread") - 1, 0))


def _lock_inbox(key: Any) -> Inbox:
    Inbox.objects.get_or_create(user_id=key)
    return Inbox.objects.select_for_update().get(user_id=key)


def _tell(type: str, payload: msgspec.Struct, key: Any) -> None:
    log.append(type, payload, channel=CHANNEL, recipients=[key])


def _atomic() -> transaction.Atomic:
    return transaction.atomic(using=router.db_for_write(Notification))
