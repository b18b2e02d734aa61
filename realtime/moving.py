"""Moving pending events to the log, inside the relay's transaction.

On PostgreSQL it is one statement, whatever their number: no row leaves the
database. Elsewhere Django copies them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.contrib.auth import get_user_model
from django.db import connections

from realtime import log
from realtime.models import Event, EventRecipient, OutboxEvent, RecordedEvent

_COPIED = tuple(field.attname for field in RecordedEvent._meta.local_fields)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved: how many events, when the first was written, the orders to erase."""

    count: int
    oldest: datetime
    orders: list[Event]


def move(using: str, after: int, limit: int) -> Moved | None:
    """Move the oldest `limit` rows of the outbox, numbered from `after` + 1 on.

    The caller holds the lock of the log's head. None: nothing was pending.
    """
    way: Callable[[str, int, int], Moved | None] = _move_by_copying
    # A key field of the site's own may look different in the database than as text.
    known_key = type(get_user_model()._meta.pk).__module__.startswith("django.")
    if known_key and connections[using].vendor == "postgresql":
        way = _move_in_database
    return way(using, after, limit)


def _move_by_copying(using: str, after: int, limit: int) -> Moved | None:
    pending = list(OutboxEvent.objects.using(using).order_by("pk")[:limit])
    if not pending:
        return None
    events = [
        Event(sequence=sequence, **{name: getattr(row, name) for name in _COPIED})
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
), addressed AS (
    INSERT INTO {recipient} (user_id, sequence)
    SELECT key::{key_type}, sequence
    FROM numbered, json_array_elements_text(recipients::json) AS key
)
SELECT count(*), min(created_at), count(*) FILTER (WHERE control AND type = %(erase)s)
FROM numbered
"""


def _move_in_database(using: str, after: int, limit: int) -> Moved | None:
    connection = connections[using]
    quote = connection.ops.quote_name
    statement = _MOVE.format(
        outbox=quote(OutboxEvent._meta.db_table),
        event=quote(Event._meta.db_table),
        recipient=quote(EventRecipient._meta.db_table),
        columns=", ".join(_COPIED),
        key_type=EventRecipient._meta.get_field("user").db_type(connection),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"limit": limit, "after": after, "erase": log.ERASE})
        count, oldest, ordered = cursor.fetchone()
    if not count:
        return None
    orders = Event.objects.using(using).filter(
        sequence__gt=after, sequence__lte=after + count, control=True, type=log.ERASE
    )
    return Moved(count, oldest, list(orders.order_by("sequence")) if ordered else [])
