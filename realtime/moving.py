"""Moving pending events to the log, inside the relay's transaction.

On PostgreSQL it is one statement, on SQLite a few, whatever their number: no row
leaves the database. Elsewhere Django copies them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.db import connections, models

from realtime import log
from realtime.models import Event, EventRecipient, LogHead, OutboxEvent, RecordedEvent

COPIED = tuple(field.attname for field in RecordedEvent._meta.local_fields)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved: how many events, when the first was written, the orders to erase."""

    count: int
    oldest: datetime
    orders: list[Event]


def move(using: str, after: int, limit: int) -> Moved | None:
    """Move the oldest `limit` rows of the outbox, numbered from `after` + 1 on.

    The caller holds the lock of the log's head, which is moved on. None: nothing was
    pending.
    """
    return _way(connections[using].vendor)(using, after, limit)


def _way(vendor: str) -> Callable[[str, int, int], Moved | None]:
    # A key field of the site's own may look different in the database than as text.
    key = get_user_model()._meta.pk
    if type(key).__module__.startswith("django."):
        if vendor == "postgresql":
            return _move_in_postgresql
        if vendor == "sqlite" and isinstance(key, tuple(_KEYS_IN_SQLITE)):
            return _move_in_sqlite
    return _move_by_copying


def _move_by_copying(using: str, after: int, limit: int) -> Moved | None:
    pending = list(OutboxEvent.objects.using(using).order_by("pk")[:limit])
    if not pending:
        return None
    events = [
        Event(sequence=sequence, **{name: getattr(row, name) for name in COPIED})
        for sequence, row in enumerate(pending, start=after + 1)
    ]
    Event.objects.using(using).bulk_create(events)
    EventRecipient.objects.using(using).bulk_create(
        [
            EventRecipient(user_id=user_id, event_id=event.sequence)
            for event in events
            for user_id in msgspec.json.decode(event.recipients, type=list[str])
        ],
        batch_size=1000,
    )
    OutboxEvent.objects.using(using).filter(pk__in=[row.pk for row in pending]).delete()
    LogHead.objects.using(using).filter(pk=LogHead.ID).update(sequence=events[-1].sequence)
    orders = [event for event in events if event.control and event.type == log.ERASE]
    return Moved(len(events), pending[0].created_at, orders)


# The last SELECT sees what `numbered` holds; that the others write is not for it to see.
_MOVE = """
WITH taken AS (
    DELETE FROM {outbox}
    WHERE id IN (SELECT id FROM {outbox} ORDER BY id LIMIT %(limit)s)
    RETURNING *
), numbered AS (
    SELECT %(after)s + row_number() OVER (ORDER BY id) AS sequence, {columns} FROM taken
), copied AS (
    INSERT INTO {event} (sequence, {columns}) SELECT sequence, {columns} FROM numbered
), advanced AS (
    UPDATE {head} SET sequence = %(after)s + (SELECT count(*) FROM taken) WHERE id = %(head)s
), addressed AS (
    INSERT INTO {recipient} (user_id, sequence)
    SELECT key::{key_type}, sequence
    FROM numbered, json_array_elements_text(recipients::json) AS key
)
SELECT count(*), min(created_at), count(*) FILTER (WHERE control AND type = %(erase)s)
FROM numbered
"""


def _move_in_postgresql(using: str, after: int, limit: int) -> Moved | None:
    with connections[using].cursor() as cursor:
        cursor.execute(
            _statements(using, _MOVE)[0],
            {"limit": limit, "after": after, "erase": log.ERASE, "head": LogHead.ID},
        )
        count, oldest, ordered = cursor.fetchone()
    if not count:
        return None
    return Moved(count, oldest, _orders(using, after, count) if ordered else [])


# SQLite writes by one statement at a time: each for the rows up to the last that is taken.
_TAKE = """
SELECT count(*), max(id), min(created_at), total(control AND type = %(erase)s)
FROM (SELECT id, created_at, control, type FROM {outbox} ORDER BY id LIMIT %(limit)s)
"""
_COPY = """
INSERT INTO {event} (sequence, {columns})
SELECT %(after)s + row_number() OVER (ORDER BY id), {columns} FROM {outbox} WHERE id <= %(last)s
"""
_ADDRESS = """
INSERT INTO {recipient} (user_id, sequence)
SELECT {key}, sequence FROM {event}, json_each(recipients) AS key WHERE sequence > %(after)s
"""
_FORGET = "DELETE FROM {outbox} WHERE id <= %(last)s"
_ADVANCE = "UPDATE {head} SET sequence = %(after)s + %(count)s WHERE id = %(head)s"

# What SQLite stores of the text of a key.
_KEYS_IN_SQLITE: dict[type[models.Field[Any, Any]], str] = {
    models.IntegerField: "CAST(key.value AS integer)",
    models.UUIDField: "replace(key.value, '-', '')",
}


def _move_in_sqlite(using: str, after: int, limit: int) -> Moved | None:
    take, *steps = _statements(using, _TAKE, _COPY, _ADDRESS, _FORGET, _ADVANCE)
    with connections[using].cursor() as cursor:
        cursor.execute(take, {"limit": limit, "erase": log.ERASE})
        count, last, oldest, ordered = cursor.fetchone()
        if not count:
            return None
        for step in steps:
            known = {"after": after, "last": last, "count": count, "head": LogHead.ID}
            cursor.execute(step, known)
    began = datetime.fromisoformat(oldest).replace(tzinfo=UTC)
    return Moved(count, began, _orders(using, after, count) if ordered else [])


def _orders(using: str, after: int, count: int) -> list[Event]:
    orders = Event.objects.using(using).filter(
        sequence__gt=after, sequence__lte=after + count, control=True, type=log.ERASE
    )
    return list(orders.order_by("sequence"))


@cache
def _statements(using: str, *templates: str) -> list[str]:
    connection = connections[using]
    quote = connection.ops.quote_name
    user = EventRecipient._meta.get_field("user")
    key = get_user_model()._meta.pk
    return [
        template.format(
            outbox=quote(OutboxEvent._meta.db_table),
            event=quote(Event._meta.db_table),
            recipient=quote(EventRecipient._meta.db_table),
            head=quote(LogHead._meta.db_table),
            columns=", ".join(COPIED),
            key_type=user.db_type(connection),
            key=next((sql for kind, sql in _KEYS_IN_SQLITE.items() if isinstance(key, kind)), ""),
        )
        for template in templates
    ]
