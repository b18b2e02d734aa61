"""Publishing a logged event again, to one user.

    from realtime.replaying import replay

    replay(1204, user_id)

It is a new event: with a number and an id of its own, so that clients do not take it for
a repeat, and with the content of the old one. That says what was so then: a count of unread
notifications, for instance, as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.db import connections, transaction

from realtime import erasure, log, relay
from realtime.errors import invalid, not_found
from realtime.models import Event
from realtime.users import parse_user_id

NUMBERED_WITHIN = 2.0
LOOK_AGAIN = 0.02


@dataclass(frozen=True, slots=True)
class Replayed:
    """An event that was published again.

    Attributes:
        sequence: its own number; None: it has none yet.
    """

    event_id: UUID
    sequence: int | None


def replay(sequence: int, user_id: str) -> Replayed:
    """Publish an event of the log again, to one of those it was for.

    Outside of a transaction this waits a moment for the new event to be numbered.

    Raises:
        RealtimeError: NOT_FOUND, it is not in the log any more; INVALID_MESSAGE, it is an
            order to the servers, its content was erased, or it was not for this user.
    """
    using = log.database_alias()
    before = log.read_head().sequence
    with transaction.atomic(using=using):
        event = Event.objects.using(using).filter(pk=sequence).first()
        if event is None:
            raise not_found(f"Event {sequence} is not in the log")
        if problem := why_not(event, user_id):
            raise invalid(problem)
        event_id = log.append(
            event.type,
            msgspec.json.decode(event.payload),
            channel=event.channel,
            recipients=[parse_user_id(user_id)],
            # Whoever erases the content erases this copy too.
            subject=event.subject,
            author=event.author,
        )
    number = None if connections[using].in_atomic_block else _number_of(event_id, before)
    if number is not None:
        _erase_if_erased(event, user_id)
    return Replayed(event_id, number)


def why_not(event: Event, user_id: str) -> str:
    """Why this event cannot be published again to this user; empty: it can."""
    if event.control:
        return f"Event {event.pk} is an order to the servers, not for users"
    if event.type == log.ERASED:
        return f"The content of event {event.pk} was erased"
    readers = msgspec.json.decode(event.recipients, type=list[str])
    if not event.topic and user_id not in readers:
        return f"Event {event.pk} was not for this user"
    return ""


def _number_of(event_id: UUID, after: int) -> int | None:
    """The sequence of an event that is committed; None: the relay takes long."""
    events = Event.objects.using(log.database_alias()).filter(pk__gt=after, event_id=event_id)
    deadline = time.monotonic() + NUMBERED_WITHIN
    while True:
        relay.drain()
        number = events.values_list("pk", flat=True).first()
        if number is not None or time.monotonic() > deadline:
            return number
        time.sleep(LOOK_AGAIN)  # a server's relay is at work on it


def _erase_if_erased(source: Event, user_id: str) -> None:
    """Erase the copy where the source was erased just before the copy was numbered.

    An order that comes from now on has a higher number than the copy, and concerns it.
    """
    erased = Event.objects.using(log.database_alias()).filter(pk=source.pk, type=log.ERASED)
    if not erased.exists():
        return
    if source.subject:
        erasure.erase_subject(source.subject)
    else:
        erasure.erase_user(source.author or user_id)
