"""How notifications are written, counted and told: under the locks of their inboxes.

Used by `notifications.services` only, inside its transactions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from functools import cache
from typing import Any

from django.db import connections, router, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from notifications.events import CHANNEL, notification_payload
from notifications.models import Inbox, Mute, Notification
from notifications.reminders import due_at
from notifications.texts import languages_of
from realtime import log
from realtime.bulk import insert_many, insert_missing
from realtime.compiled import Compiled, CompiledUpdate

_KEYS = {"users": Inbox._meta.get_field("user")}


def _counts(users: Any, skip: bool = False) -> QuerySet[Inbox, Any]:
    """These users' unread counts; locks their inboxes, in one order for all writers."""
    found = Inbox.objects.filter(user__pk__in=users).order_by("user_id")
    return found.select_for_update(skip_locked=skip).values_list("user_id", "unread")


_known = Compiled(
    lambda users: Inbox.objects.filter(user__pk__in=users).values_list("user_id"), fields=_KEYS
)
_locked = Compiled(_counts, fields=_KEYS, literal={"skip"})
_unmuted = Compiled(
    lambda users, type: _counts(users).exclude(
        Exists(Mute.objects.filter(user=OuterRef("user_id"), type=type))
    ),
    fields=_KEYS,
)


@cache
def _added(count: int) -> CompiledUpdate:
    """Adds so many to the unread counts of users."""
    return CompiledUpdate(
        lambda users: Inbox.objects.filter(user__pk__in=users),
        values={"unread": F("unread") + count},
        fields=_KEYS,
    )


def lock(keys: Iterable[Any], *, type: str = "") -> dict[Any, int]:
    """Lock the inboxes of these users, in one order for all writers: their unread counts.

    Those who have muted notifications of this type are left out.
    """
    wanted = sorted(keys)
    using = router.db_for_write(Inbox)
    known = {user for (user,) in _known.rows(using, users=wanted)}
    # Before the locks, not after: whoever waits for another's new row holds no lock yet.
    insert_missing([Inbox(user_id=user) for user in wanted if user not in known], using=using)
    if type:
        return dict(_unmuted.rows(using, users=wanted, type=type))
    return dict(_locked.rows(using, users=wanted, skip=False))


def atomic() -> transaction.Atomic:
    """A transaction on the database of notifications."""
    return transaction.atomic(using=router.db_for_write(Notification))


def try_lock(keys: Iterable[Any]) -> dict[Any, int]:
    """Lock those inboxes of these users that are there and that nobody else has locked."""
    using = router.db_for_write(Inbox)
    skip = connections[using].features.has_select_for_update_skip_locked
    return dict(_locked.rows(using, users=list(keys), skip=skip))


def draft(key: Any, **content: Any) -> Notification:
    """A notification for this user that is not stored yet."""
    return Notification(recipient_id=key, remind_at=due_at(content["created_at"]), **content)


def drafts(keys: Iterable[Any], **content: Any) -> Iterator[Notification]:
    """A notification that is not stored yet for each of these users, the same for all."""
    first = draft(None, **content)
    for key in keys:
        # A model's copy takes half as long as another of it.
        row = copy(first)
        row.recipient_id = key
        yield row


def store(rows: list[Notification]) -> list[Notification]:
    """Write new notifications, and count them in the inboxes, whose locks are held."""
    if not rows:
        return []
    users_by_count = defaultdict(list)
    for user, count in Counter(row.recipient_id for row in rows).items():
        users_by_count[count].append(user)
    for count, users in users_by_count.items():
        _added(count).run(router.db_for_write(Inbox), users=users)
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
