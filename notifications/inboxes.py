"""How notifications are written, counted and told: under the locks of their inboxes.

Used by `notifications.services` only, inside its transactions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import connections, router, transaction
from django.db.models import Exists, F, OuterRef

from notifications.events import CHANNEL, notification_payload
from notifications.models import Inbox, Mute, Notification
from notifications.reminders import due_at
from notifications.texts import languages_of
from realtime import log
from realtime.bulk import insert_many
from realtime.compiled import Compiled


def lock(keys: Iterable[Any], *, type: str = "") -> dict[Any, int]:
    """Lock the inboxes of these users, in one order for all writers: their unread counts.

    Those who have muted notifications of this type are left out.
    """
    wanted = sorted(keys)
    inboxes = Inbox.objects.filter(user_id__in=wanted)
    known = set(inboxes.values_list("user_id", flat=True))
    # Before the locks, not after: whoever waits for another's new row holds no lock yet.
    if missing := [user for user in wanted if user not in known]:
        Inbox.objects.bulk_create([Inbox(user_id=user) for user in missing], ignore_conflicts=True)
    if type:
        inboxes = inboxes.exclude(Exists(Mute.objects.filter(user=OuterRef("user_id"), type=type)))
    return dict(inboxes.select_for_update().order_by("user_id").values_list("user_id", "unread"))


def atomic() -> transaction.Atomic:
    """A transaction on the database of notifications."""
    return transaction.atomic(using=router.db_for_write(Notification))


_free = Compiled(
    lambda users, skip: (
        Inbox.objects.filter(user__pk__in=users)
        .order_by("user_id")
        .select_for_update(skip_locked=skip)
        .values_list("user_id", "unread")
    ),
    fields={"users": Inbox._meta.get_field("user")},
    literal={"skip"},
)


def try_lock(keys: Iterable[Any]) -> dict[Any, int]:
    """Lock those inboxes of these users that are there and that nobody else has locked."""
    users = list(keys)
    if not users:
        return {}
    using = router.db_for_write(Inbox)
    skip = connections[using].features.has_select_for_update_skip_locked
    return dict(_free.rows(using, users=users, skip=skip))


def draft(key: Any, **content: Any) -> Notification:
    """A notification for this user that is not stored yet."""
    return Notification(recipient_id=key, remind_at=due_at(content["created_at"]), **content)


def store(rows: list[Notification]) -> list[Notification]:
    """Write new notifications, and count them in the inboxes, whose locks are held."""
    if not rows:
        return []
    users_by_count = defaultdict(list)
    for user, count in Counter(row.recipient_id for row in rows).items():
        users_by_count[count].append(user)
    for count, users in users_by_count.items():
        Inbox.objects.filter(user_id__in=users).update(unread=F("unread") + count)
    insert_many(rows, using=router.db_for_write(Notification))
    return rows


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
