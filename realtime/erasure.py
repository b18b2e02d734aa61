"""Erasing content from outbox and log when its source is deleted.

    from realtime.erasure import erase_subject

    erase_subject("msg_7")  # in the transaction that deletes the message

The order is an event of its own. Outbox rows are numbered in the order of cause
and effect, so when the relay comes to it, all that it is about has been moved to
the log, and the relay is alone there: nothing can slip past. An erased event
keeps its number, its channel and its readers; clients that had not seen it get
the type `erased` in its place, and fetch by REST what they want to know.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec
from django.db import transaction
from django.db.models import QuerySet

from realtime import log
from realtime.models import Event, EventRecipient

logger = logging.getLogger("realtime.erasure")

# What one transaction of the relay erases at most; the rest is a new order.
BATCH = 1000


class EraseOrder(msgspec.Struct, omit_defaults=True):
    """The payload of the control event `log.ERASE`: one of the two."""

    subject: str = ""
    user_id: str = ""

    def concerns(self, event: log.LoggedEvent) -> bool:
        """Whether the content of `event` is to go."""
        if event.control:
            return False
        if self.subject:
            return event.subject == self.subject
        return event.author == self.user_id or event.recipients == {self.user_id}


def erase_subject(subject: str) -> None:
    """Erase the content of the events that were written with this `subject`.

    Takes part in the caller's transaction.
    """
    _order(EraseOrder(subject=subject))


def erase_user(user_key: object) -> None:
    """Erase what a deleted user is the author of, and what was for nobody else.

    Takes part in the caller's transaction.
    """
    _order(EraseOrder(user_id=str(user_key)))


def _order(order: EraseOrder) -> None:
    with transaction.atomic(using=log.database_alias()):
        log.append(log.ERASE, order, control=True)


def carry_out(events: Iterable[Event]) -> None:
    """Carry out the orders among these events, which the relay has just moved."""
    for event in events:
        if event.type != log.ERASE or not event.control:
            continue
        try:
            order = msgspec.json.decode(event.payload, type=EraseOrder)
        except msgspec.DecodeError:
            # One order that this version does not understand must not stop the relay.
            logger.exception("Cannot carry out event %d", event.sequence)
            continue
        if not _erase(order, upto=event.sequence):
            _order(order)


def _erase(order: EraseOrder, *, upto: int) -> bool:
    """Erase up to a batch of events; False: there may be more."""
    using = log.database_alias()
    rows = Event.objects.using(using).filter(sequence__lte=upto, control=False)
    found: list[QuerySet[Event]] = []
    if order.subject:
        found.append(rows.filter(subject=order.subject))
    elif order.user_id:
        own = EventRecipient.objects.using(using).filter(user_id=order.user_id)
        only_theirs = rows.filter(recipients=msgspec.json.encode([order.user_id]).decode())
        found.append(rows.filter(author=order.user_id))
        found.append(
            only_theirs.filter(sequence__in=own.values("event_id")).exclude(type=log.ERASED)
        )
    complete = True
    for queryset in found:
        sequences = list(queryset.values_list("sequence", flat=True)[:BATCH])
        Event.objects.using(using).filter(sequence__in=sequences).update(
            type=log.ERASED, payload=log.ERASED_PAYLOAD, subject="", author=""
        )
        complete = complete and len(sequences) < BATCH
    return complete
