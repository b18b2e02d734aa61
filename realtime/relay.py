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

from django.db import connections, transaction

from realtime import database, erasure, metrics, protocol
from realtime.compiled import Compiled
from realtime.conf import conf
from realtime.database import Work
from realtime.log import backlog, database_alias, ensure_head
from realtime.models import LogHead
from realtime.moving import move

logger = logging.getLogger("realtime.relay")

BUSY_RETRY = 0.02
# Where there was something there is more, and not at once: a process that sends no hints,
# as a command without Redis, would otherwise get on by one batch in each interval.
AFTER_MOVING = 0.005
FAILURE_RETRY = 1.0
# A frozen relay gives up its lock after this long (PostgreSQL only).
LOCK_MILLISECONDS = 10_000


class Outcome(Enum):
    """What a batch did."""

    IDLE = "nothing was pending"
    MOVED = "all pending rows were moved"
    MORE = "there may be more: a full batch was moved, or the log has just begun"
    BUSY = "another relay is at work"


def relay_batch(limit: int, *, look: bool = True) -> Outcome:
    """Move at most `limit` rows from the outbox to the log, in one transaction.

    Args:
        look: first see without a lock whether there are any.
    """
    # Looking first keeps an idle SQLite free of write transactions.
    using = database_alias()
    if look and not backlog(at_most=1):
        return Outcome.IDLE
    with transaction.atomic(using=using):
        sequence = _lock_head(using)
        if sequence is None:
            return Outcome.BUSY if _has_begun(using) else _begin_log()
        moved = move(using, sequence, limit)
        if moved is None:
            return Outcome.IDLE
        erasure.carry_out(moved.orders)
    metrics.RELAYED.inc(moved.count)
    age = protocol.now() - moved.oldest
    metrics.RELAY_LAG.observe(max(0.0, age.total_seconds()))
    return Outcome.MORE if moved.count == limit else Outcome.MOVED


def _has_begun(using: str) -> bool:
    return LogHead.objects.using(using).filter(pk=LogHead.ID).exists()


def _begin_log() -> Outcome:
    ensure_head()
    return Outcome.MORE


_locked_head = Compiled(
    lambda: LogHead.objects.filter(pk=LogHead.ID).select_for_update().values_list("sequence")
)
# In one message to the server, as this is done for almost every event.
_LOCK_ON_POSTGRESQL = (
    "SET LOCAL statement_timeout = {milliseconds};"
    "SET LOCAL idle_in_transaction_session_timeout = {milliseconds};"
    "SELECT sequence FROM {table} WHERE id = {id} FOR UPDATE SKIP LOCKED"
)


def _lock_head(using: str) -> int | None:
    """Lock the log's head for a short transaction: its sequence; None: taken, or not there."""
    # Inside of another transaction, as in a TestCase, the limits would outlast ours.
    if connections[using].vendor != "postgresql" or connections[using].savepoint_ids:
        return next((sequence for (sequence,) in _locked_head.rows(using)), None)
    table = connections[using].ops.quote_name(LogHead._meta.db_table)
    with connections[using].cursor() as cursor:
        cursor.execute(
            _LOCK_ON_POSTGRESQL.format(milliseconds=LOCK_MILLISECONDS, table=table, id=LogHead.ID)
        )
        while cursor.nextset():
            pass
        row = cursor.fetchone()
    return row[0] if row else None


def rest_after(outcome: Outcome, rest: float) -> float:
    """Seconds to rest unless woken: short after rows were moved, then twice as long each time.

    Args:
        rest: how long it was the time before.
    """
    moved = outcome in (Outcome.MOVED, Outcome.MORE)
    return min(AFTER_MOVING if moved else 2 * rest, conf().TAIL_INTERVAL)


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
        self._rest = conf().TAIL_INTERVAL

    def wake(self) -> None:
        """Look at the outbox now; a batch under way is followed by another look."""
        self._pending.set()

    async def run(self) -> None:
        """Relay until cancelled. Failures are logged and tried again."""
        failing = False
        while True:
            told = self._pending.is_set()
            self._pending.clear()
            try:
                outcome = await database.run(
                    Work.ENGINE, relay_batch, conf().RELAY_BATCH, look=not told
                )
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
        self._rest = rest_after(outcome, self._rest)
        if outcome is Outcome.MORE:
            return
        if outcome is Outcome.BUSY:
            await asyncio.sleep(BUSY_RETRY)
            return
        # Not wait_for(): Python 3.11's loses a cancellation that comes with the event.
        try:
            async with asyncio.timeout(self._rest):
                await self._pending.wait()
        except TimeoutError:
            pass
