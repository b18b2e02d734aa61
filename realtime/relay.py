"""The relay: gives committed outbox rows their sequence and moves them to the log.

One relay at a time, by the lock on the log's head; every node runs a loop and
whoever gets the lock does the work. Numbers are given after commit and in one
place, so a slow writer holds up nobody and a rolled-back one leaves no gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

import msgspec
from django.db import connections, transaction

from realtime import database, erasure, metrics, protocol
from realtime.conf import conf
from realtime.database import Work
from realtime.log import database_alias, ensure_head
from realtime.models import Event, EventRecipient, LogHead, OutboxEvent, RecordedEvent

logger = logging.getLogger("realtime.relay")

BUSY_RETRY = 0.02
FAILURE_RETRY = 1.0
# A frozen relay gives up its lock after this long (PostgreSQL only).
LOCK_MILLISECONDS = 10_000

_COPIED = tuple(field.attname for field in RecordedEvent._meta.local_fields)


class Outcome(Enum):
    """What a batch did."""

    IDLE = "nothing was pending"
    MOVED = "all pending rows were moved"
    MORE = "a full batch was moved, more may be pending"
    BUSY = "another relay is at work"


def relay_batch(limit: int) -> Outcome:
    """Move at most `limit` rows from the outbox to the log, in one transaction."""
    # Looking first keeps an idle SQLite free of write transactions.
    using = database_alias()
    if not OutboxEvent.objects.using(using).exists():
        return Outcome.IDLE
    features = connections[using].features
    ensure_head()
    with transaction.atomic(using=using):
        _bound_transaction(using)
        head = (
            LogHead.objects.using(using)
            .select_for_update(skip_locked=features.has_select_for_update_skip_locked)
            .filter(pk=LogHead.ID)
            .first()
        )
        if head is None:
            return Outcome.BUSY
        pending = list(OutboxEvent.objects.using(using).order_by("pk")[:limit])
        if not pending:
            return Outcome.IDLE
        events = [
            Event(
                sequence=head.sequence + number,
                **{name: getattr(row, name) for name in _COPIED},
            )
            for number, row in enumerate(pending, start=1)
        ]
        Event.objects.bulk_create(events)
        EventRecipient.objects.bulk_create(
            [
                EventRecipient(user_id=user_id, event_id=event.sequence)
                for event in events
                for user_id in msgspec.json.decode(event.recipients, type=list[str])
            ],
            batch_size=1000,
        )
        erasure.carry_out(events)
        OutboxEvent.objects.filter(pk__in=[row.pk for row in pending]).delete()
        head.sequence = events[-1].sequence
        head.save(update_fields=["sequence"])
    metrics.RELAYED.inc(len(events))
    age = protocol.now() - pending[0].created_at
    metrics.RELAY_LAG.observe(max(0.0, age.total_seconds()))
    return Outcome.MORE if len(pending) == limit else Outcome.MOVED


def _bound_transaction(using: str) -> None:
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(
                f"SET LOCAL statement_timeout = {LOCK_MILLISECONDS};"
                f"SET LOCAL idle_in_transaction_session_timeout = {LOCK_MILLISECONDS}"
            )


def drain() -> None:
    """Move everything that is pending now. For commands and tests."""
    while relay_batch(conf().RELAY_BATCH) is Outcome.MORE:
        pass


class Relay:
    """The relay's loop in one node.

    Args:
        on_moved: called, in the event loop, after each batch that moved rows.
    """

    def __init__(self, on_moved: Callable[[], None]) -> None:
        self._on_moved = on_moved
        self._pending = asyncio.Event()

    def wake(self) -> None:
        """Look at the outbox now; a batch under way is followed by another look."""
        self._pending.set()

    async def run(self) -> None:
        """Relay until cancelled. Failures are logged and tried again."""
        failing = False
        while True:
            self._pending.clear()
            try:
                outcome = await database.run(Work.ENGINE, relay_batch, conf().RELAY_BATCH)
            except Exception as error:
                if not failing:
                    logger.error("Relay fails, trying again every second: %s", error)
                failing = True
                await asyncio.sleep(FAILURE_RETRY)
                continue
            if failing:
                logger.info("Relay works again")
                failing = False
            if outcome in (Outcome.MOVED, Outcome.MORE):
                self._on_moved()
            await self._pause(outcome)

    async def _pause(self, outcome: Outcome) -> None:
        if outcome is Outcome.MORE:
            return
        if outcome is Outcome.BUSY:
            await asyncio.sleep(BUSY_RETRY)
            return
        # Not wait_for(): Python 3.11's loses a cancellation that comes with the event.
        try:
            async with asyncio.timeout(conf().TAIL_INTERVAL):
                await self._pending.wait()
        except TimeoutError:
            pass
