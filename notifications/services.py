"""Writing notifications. All other code, the site's too, goes through here.

    from notifications.services import notify, notify_many

    notify(post.author, "like", f"{user} liked your post", actor=user, post_id=f"post_{post.pk}")
    notify_many(User.objects.filter(is_staff=True), "maintenance", "Back at 9:00")

Both may be called anywhere: in a request, a Celery task, a shell. Inside a
transaction they take part in it: what is rolled back is told to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import msgspec
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from notifications.events import (
    CHANNEL,
    NotificationRead,
    NotificationReadAll,
    notification_payload,
    wire_id,
)
from notifications.models import Inbox, Notification
from realtime import log, protocol
from realtime.errors import not_found
from realtime.users import parse_user_id

T = TypeVar("T")

BATCH = 1000

# An escaped NUL in JSON: an odd number of backslashes before u0000.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


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
    created = _notify_batch([_key(recipient)], type, message, actor, post_id, extra)
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
    for batch in _batches(map(_key, recipients), BATCH):
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
    _check(type, message, post_id, extra)
    recipients = sorted({key for key in keys if actor is None or key != actor.pk})
    if not recipients:
        return []
    with _atomic():
        unread = _count_one_more(recipients)
        now = protocol.now()
        created = Notification.objects.bulk_create(
            [
                Notification(
                    recipient_id=key,
                    actor_id=actor.pk if actor else None,
                    type=type,
                    message=message,
                    post_id=post_id or "",
                    extra=dict(extra or {}),
                    created_at=now,
                )
                for key in recipients
            ]
        )
        for row in created:
            row.actor = actor  # type: ignore[assignment]  # AUTH_USER_MODEL, whichever it is
        log.append_many(
            log.Draft(
                "notification",
                notification_payload(row, unread_count=unread[row.recipient_id]),
                channel=CHANNEL,
                recipients=[row.recipient_id],
            )
            for row in created
        )
    return created


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
        inboxes = Inbox.objects.filter(user_id=notification.recipient_id)
        list(inboxes.select_for_update())
        if Notification.objects.filter(pk=notification.pk, read_at=None).exists():
            inboxes.update(unread=Greatest(F("unread") - 1, 0))


def _count_one_more(keys: list[Any]) -> dict[Any, int]:
    """Lock the inboxes, in one order for all writers, and count one more in each."""
    inboxes = Inbox.objects.filter(user_id__in=keys)
    known = set(inboxes.values_list("user_id", flat=True))
    if missing := [key for key in keys if key not in known]:
        Inbox.objects.bulk_create([Inbox(user_id=key) for key in missing], ignore_conflicts=True)
    locked = inboxes.select_for_update().order_by("user_id")
    counts: dict[Any, int] = dict(locked.values_list("user_id", "unread"))
    inboxes.update(unread=F("unread") + 1)
    return {key: count + 1 for key, count in counts.items()}


def _lock_inbox(key: Any) -> Inbox:
    Inbox.objects.get_or_create(user_id=key)
    return Inbox.objects.select_for_update().get(user_id=key)


def _tell(type: str, payload: msgspec.Struct, key: Any) -> None:
    log.append(type, payload, channel=CHANNEL, recipients=[key])


def _atomic() -> transaction.Atomic:
    return transaction.atomic(using=router.db_for_write(Notification))


def _check(type: str, message: str, post_id: str | None, extra: Mapping[str, Any] | None) -> None:
    for name, text in (("type", type), ("message", message)):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"notify: {name} must be a text that is not blank")
    for name, text, longest in (("type", type, 64), ("post_id", post_id or "", 64)):
        if len(text) > longest:
            raise ValueError(f"notify: {name} has {len(text)} characters, at most {longest}")
    if NUL.search(protocol.encode([type, message, post_id, extra]).decode()):
        raise ValueError("notify: NUL characters cannot be stored")


def _key(user: AbstractBaseUser | object) -> Any:
    if isinstance(user, get_user_model()):
        return user.pk
    return parse_user_id(user if isinstance(user, int) else str(user))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
