"""Reading notifications, sending them again, deleting them: each user's count stays right.

The site calls this through `notifications.services`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import router
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from notifications import arguments, inboxes
from notifications.events import (
    CHANNEL,
    NotificationDeleted,
    NotificationRead,
    NotificationReadAll,
    wire_id,
)
from notifications.models import Inbox, Notification
from notifications.reminders import due_at
from realtime import log, protocol
from realtime.compiled import Compiled
from realtime.errors import invalid, not_found
from realtime.users import parse_user_id


def mark_read_by_key(users: Iterable[AbstractBaseUser | object], key: str) -> None:
    """Mark read what `notify_coalesced` wrote for `key`, and tell these users' devices.

    Args:
        users: whose, as instances or primary keys.
        key: as it was given to `notify_coalesced`.
    """
    unread = unread_of({arguments.user_key(user) for user in users}, key)
    # Looked at without a lock first: most of the time there is nothing to do.
    keys = set(unread.values_list("recipient_id", flat=True))
    if not keys:
        return
    with inboxes.atomic():
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


def unread_of(users: Collection[Any], key: str) -> QuerySet[Notification]:
    """What these users have not read under a coalesce key: one at most of each."""
    return Notification.objects.filter(recipient_id__in=users, coalesce_key=key, read_at=None)


def mark_read(user_id: str, notification_id: int) -> NotificationRead:
    """Mark one notification read; reading it again changes nothing.

    Args:
        user_id: whose it is.
        notification_id: its primary key.

    Returns:
        The event that the user's devices got, with the unread count.

    Raises:
        RealtimeError: NOT_FOUND, it is not this user's.
    """
    key = parse_user_id(user_id)
    with inboxes.atomic():
        inbox = _lock_inbox(key)
        notification = _locked(key, notification_id)
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


def mark_unread(user_id: str, notification_id: int) -> None:
    """Mark one notification unread again, and tell the user's devices.

    They are sent the notification once more, as it is then; one that is unread already
    changes nothing.

    Raises:
        RealtimeError: NOT_FOUND, it is not this user's; INVALID_MESSAGE, a newer one with
            its coalesce key is unread.
    """
    key = parse_user_id(user_id)
    with inboxes.atomic():
        inbox = _lock_inbox(key)
        notification = _locked(key, notification_id)
        if notification.read_at is None:
            return
        of = notification.coalesce_key
        if of and unread_of([key], of).exists():
            raise invalid("A newer notification in its place is unread already")
        notification.read_at = None
        if notification.remind_at is not None:  # the site has not been told of it yet
            notification.remind_at = due_at(protocol.now())
        notification.save(update_fields=["read_at", "remind_at"])
        inbox.unread += 1
        inbox.save(update_fields=["unread"])
        inboxes.announce([notification], {key: inbox.unread})


def announce_again(user_id: str, notification_id: int) -> None:
    """Send a notification to the user's devices again, as it is now: read, if it was read.

    It has the id it had, and its event a new one: what a device shows is replaced.

    Raises:
        RealtimeError: NOT_FOUND, it is not this user's.
    """
    key = parse_user_id(user_id)
    with inboxes.atomic():
        inbox = _lock_inbox(key)
        inboxes.announce([_locked(key, notification_id)], {key: inbox.unread})


def _locked(key: Any, notification_id: int) -> Notification:
    """A user's notification, and its lock: its content is not erased meanwhile."""
    rows = Notification.objects.filter(pk=notification_id, recipient_id=key)
    notification = rows.select_for_update().first()
    if notification is None:
        raise not_found("Notification does not exist")
    return notification


def mark_all_read(user_id: str) -> NotificationReadAll:
    """Mark all of a user's notifications read, and tell the user's other devices.

    Returns:
        The event that the devices got.
    """
    key = parse_user_id(user_id)
    with inboxes.atomic():
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
    return unread_counts([user_id])[user_id]


def unread_counts(user_ids: list[str]) -> dict[str, int]:
    """The same for each of these users, in one query."""
    keys = {user_id: parse_user_id(user_id) for user_id in user_ids}
    counts = dict(_unread.rows(router.db_for_read(Inbox), users=keys.values()))
    return {user_id: counts.get(key, 0) for user_id, key in keys.items()}


_unread = Compiled(
    lambda users: Inbox.objects.filter(user__pk__in=users).values_list("user_id", "unread"),
    fields={"users": Inbox._meta.get_field("user")},
)


def uncount(notification: Notification) -> None:
    """A notification is about to be deleted: count without it, and tell the devices.

    What the caller read of it may be old: the row is looked at again, under the
    inbox's lock like every change.
    """
    with inboxes.atomic():
        inbox = _lock_inbox(notification.recipient_id)
        row = Notification.objects.filter(pk=notification.pk).values_list("read_at").first()
        if row is None:  # somebody else was quicker
            return
        if row[0] is None:
            inbox.unread = max(0, inbox.unread - 1)
            inbox.save(update_fields=["unread"])
        event = NotificationDeleted(wire_id(notification.pk), unread_count=inbox.unread)
        _tell("notification_deleted", event, notification.recipient_id)


def _lock_inbox(key: Any) -> Inbox:
    Inbox.objects.get_or_create(user_id=key)
    return Inbox.objects.select_for_update().get(user_id=key)


def _tell(type: str, payload: msgspec.Struct, key: Any) -> None:
    log.append(type, payload, channel=CHANNEL, recipients=[key])
