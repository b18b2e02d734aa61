"""Notifications of what goes on: one for each recipient and key, for as long as it is unread.

Used by `notifications.services` only, inside its transactions. What it costs in queries
does not depend on how many keys there are, nor on how many recipients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.db import connections, router
from django.db.models import Field, Q

from notifications import inboxes
from notifications.models import Mute, Notification
from realtime.compiled import Compiled

# How often one coalesced notification is announced at most.
ANNOUNCE_INTERVAL = timedelta(seconds=5)

Slot = tuple[Any, str]  # a recipient's key, and the coalesce key


@dataclass(frozen=True, slots=True)
class News:
    """The newest of what goes on under one key.

    Attributes:
        key: what goes on.
        recipients: keys of the users who are to be notified.
        content: the fields that all their notifications share.
    """

    key: str
    recipients: Collection[Any]
    content: Mapping[str, Any]


def publish(news: Collection[News], unread: dict[Any, int], now: datetime) -> None:
    """Bring unread notifications up to date, write those that are missing, announce both.

    Args:
        news: at most one for each key.
        unread: the recipients' unread counts; the caller holds their inboxes' locks.
            Who is not in it is not notified.
    """
    muted = _muted(news, unread)
    content = {
        (user, one.key): one.content
        for one in news
        for user in one.recipients
        if user in unread and not muted & {(user, one.key), (user, one.content["type"])}
    }
    known = _bring_up_to_date(news, content, now - ANNOUNCE_INTERVAL)
    now_unread = {"announced_at": now, "created_at": now}
    fresh = [
        inboxes.draft(user, **one.content, coalesce_key=one.key, **now_unread)
        for one in news
        for user in sorted(one.recipients)
        if (user, one.key) in content and (user, one.key) not in known
    ]
    created = inboxes.store(fresh)
    added = Counter(row.recipient_id for row in created)
    counts = {user: count + added[user] for user, count in unread.items()}
    inboxes.announce([*created, *_announced_again(known, now)], counts)


def _muted(news: Iterable[News], users: Collection[Any]) -> set[tuple[Any, str]]:
    """What of this is muted: users, each with a type or a key."""
    types = {one.content["type"] for one in news}
    keys = {one.key for one in news}
    if not users:
        return set()
    rows = _mutes.rows(router.db_for_write(Mute), types=types, keys=keys, users=users)
    return {(user, type or key) for user, type, key in rows}


_mutes = Compiled(
    lambda types, keys, users: (
        Mute.objects.filter(Q(type__in=types) | Q(key__in=keys), user__pk__in=users)
        .order_by()
        .values_list("user_id", "type", "key")
    ),
    fields={"users": Mute._meta.get_field("user")},
)


# Django has no UPDATE that takes its values from another table.
_UPDATE = """
WITH news ({names}) AS (VALUES {news})
UPDATE {table} SET {assignments} FROM news
WHERE {table}.coalesce_key = news.coalesce_key AND {table}.read_at IS NULL
    AND ({table}.recipient_id, {table}.coalesce_key) IN (VALUES {slots})
RETURNING {table}.recipient_id, {table}.coalesce_key, {table}.id,
    {table}.announced_at IS NULL OR {table}.announced_at <= %s
"""


def _bring_up_to_date(
    news: Iterable[News], content: Mapping[Slot, Mapping[str, Any]], stale: datetime
) -> dict[Slot, tuple[int, bool]]:
    """Give unread notifications their new content.

    Returns:
        Those that there are: their key, and whether they were announced no later than
        `stale`, or not at all, as their content was erased meanwhile.
    """
    if not content:
        return {}
    connection = connections[router.db_for_write(Notification)]
    wanted = [one for one in news if any(slot[1] == one.key for slot in content)]
    fields = [_field(name) for name in ("coalesce_key", *wanted[0].content)]
    types = {str(field.column): field.cast_db_type(connection) for field in fields}
    values: list[Any] = []
    for one in wanted:
        row = Notification(coalesce_key=one.key, **one.content)
        values += [
            field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields
        ]
    recipient = _field("recipient")
    for user, key in content:
        values += [recipient.get_db_prep_value(user, connection), key]
    values.append(_field("announced_at").get_db_prep_value(stale, connection))
    statement = _UPDATE.format(
        table=connection.ops.quote_name(Notification._meta.db_table),
        names=", ".join(types),
        news=", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(wanted)),
        assignments=", ".join(
            f"{column} = CAST(news.{column} AS {type})" for column, type in types.items()
        ),
        slots=", ".join(["(%s, %s)"] * len(content)),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found = cursor.fetchall()
    # Keys as the database has them: SQLite keeps a UUID as text.
    as_key = get_user_model()._meta.pk.to_python
    return {(as_key(user), key): (pk, bool(due)) for user, key, pk, due in found}


def _field(name: str) -> Field[Any, Any]:
    return cast("Field[Any, Any]", Notification._meta.get_field(name))


def _announced_again(known: Mapping[Slot, tuple[int, bool]], now: datetime) -> list[Notification]:
    """Those whose time has come."""
    pks = [pk for pk, due in known.values() if due]
    if not pks:
        return []
    rows = Notification.objects.filter(pk__in=pks)
    rows.update(announced_at=now)
    return list(rows.select_related("actor").order_by("pk"))
