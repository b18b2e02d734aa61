"""How notifications are written, counted and told: under the locks of their inboxes.

Used by `notifications.services` only, inside its transactions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import router, transaction
from django.db.models import Exists, F, OuterRef, Q

from notifications.events import CHANNEL, notification_payload
from notifications.models import Inbox, Mute, Notification
from notifications.reminders import due_at
from notifications.texts import languages_of
from realtime import log


def lock(keys: Iterable[Any], *, type: str = "", key: str = "") -> dict[Any, int]:
    """Lock the inboxes of these users, in one order for all writers: their unread counts.

    Those who have muted the notification's type or coalesce key are left out.
    """
    wanted = sorted(keys)
    inboxes = Inbox.objects.filter(user_id__in=wanted)
    muted = Mute.objects.filter(user_id=OuterRef("user_id")).filter(
        Q(type=type, key="") | Q(type="", key=key)
    )
    known = dict(inboxes.annotate(muted=Exists(muted)).values_list("user_id", "muted"))
    # Before the locks, not after: whoever waits for another's new row holds no lock yet.
    if missing := [user for user in wanted if user not in known]:
        Inbox.objects.bulk_create([Inbox(user_id=user) for user in missing], ignore_conflicts=True)
    willing = [user for user in wanted if not known.get(user)]
    locked = Inbox.objects.filter(user_id__in=willing).select_for_update().order_by("user_id")
    return dict(locked.values_list("user_id", "unread"))


def atomic() -> transaction.Atomic:
    """A transaction on the database of notifications."""
    return transaction.atomic(using=router.db_for_write(Notification))


def create(keys: list[Any], **content: Any) -> list[Notification]:
    """A notification with this content for each of these users, counted in the inboxes."""
    if not keys:
        return []
    Inbox.objects.filter(user_id__in=keys).update(unread=F("unread") + 1)
    remind_at = due_at(content["created_at"])
    return Notification.objects.bulk_create(
        [Notification(recipient_id=key, remind_at=remind_at, **content) for key in keys]
    )


def announce(rows: Collection[Notification], unread: Mapping[Any, int]) -> None:
    """Tell each recipient, in their language; `unread` has their counts after it."""
    translated = [row.recipient_id for row in rows if row.params is not None]
    languages = languages_of(translated)
    log.append_many(
        log.Draft(
            "notification",
            notification_payload(
                row,
                language=languages.get(row.recipient_id),
                unread_count=unread[row.recipient_id],
            ),
            channel=CHANNEL,
            recipients=[row.recipient_id],
            subject=row.subject,
            author=row.actor_id,
        )
        for row in rows
    )
