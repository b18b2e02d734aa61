"""How notifications are written, counted and told: under the locks of their inboxes.

Used by `notifications.services` only, inside its transactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F

from notifications.events import CHANNEL, notification_payload
from notifications.models import Inbox, Notification
from realtime import log


def lock(keys: Iterable[Any]) -> dict[Any, int]:
    """Lock the inboxes of these users, in one order for all writers: their unread counts."""
    wanted = sorted(keys)
    inboxes = Inbox.objects.filter(user_id__in=wanted)
    known = set(inboxes.values_list("user_id", flat=True))
    # Before the locks, not after: whoever waits for another's new row holds no lock yet.
    if missing := [key for key in wanted if key not in known]:
        Inbox.objects.bulk_create([Inbox(user_id=key) for key in missing], ignore_conflicts=True)
    locked = inboxes.select_for_update().order_by("user_id")
    return dict(locked.values_list("user_id", "unread"))


def create(keys: list[Any], **content: Any) -> list[Notification]:
    """A notification with this content for each of these users, counted in the inboxes."""
    if not keys:
        return []
    Inbox.objects.filter(user_id__in=keys).update(unread=F("unread") + 1)
    return Notification.objects.bulk_create(
        [Notification(recipient_id=key, **content) for key in keys]
    )


def announce(rows: Iterable[Notification], unread: Mapping[Any, int]) -> None:
    """Tell each recipient; `unread` has their counts after it."""
    log.append_many(
        log.Draft(
            "notification",
            notification_payload(row, unread_count=unread[row.recipient_id]),
            channel=CHANNEL,
            recipients=[row.recipient_id],
        )
        for row in rows
    )
