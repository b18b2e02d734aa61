"""Broadcasts that wait for a server, and how the servers carry them out.

The admin's form only writes a row. All nodes look for such rows from time to time; one
takes a broadcast for a short while, tells as many as there is time for, and lets go of
it: whoever looks next goes on from there. A node that dies holds it until its lease ends.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.db import (
    DatabaseError,
    DataError,
    Error,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    router,
    transaction,
)
from django.db.models import F, Q

from notifications import broadcasts
from notifications.audiences import Audience
from notifications.counting import in_time
from notifications.models import Broadcast
from realtime import log, protocol

logger = logging.getLogger("notifications.broadcasts")

LOOK_SECONDS = 1.0
# For so long one node goes on at a time; a node that stops waits for it.
TURN_SECONDS = 2.0
# Longer than a turn and the slowest batch after it.
LEASE = timedelta(seconds=10)
BATCH = 100
OUTBOX_LOOK_SECONDS = 0.01
LONGEST_REASON = 500
# What will not be otherwise when it is tried again.
LASTING = (DataError, NotSupportedError, ProgrammingError)


def carry_out() -> None:
    """Take the broadcast that has waited longest, and tell its next users."""
    if (claim := _claim()) is None:
        return
    pk, lease = claim
    try:
        _tell(pk)
    except Error as error:
        if not isinstance(error, LASTING):
            _note(pk, error)
            raise  # the lease says when somebody tries again
        _fail(pk, error)
    except Exception as error:
        _fail(pk, error)
    _let_go(pk, lease)


def _claim() -> tuple[int, datetime] | None:
    """A broadcast that nobody else has, and until when it is ours."""
    now = protocol.now()
    waiting = Broadcast.objects.using(router.db_for_write(Broadcast)).filter(
        Q(state=Broadcast.State.QUEUED)
        | Q(state=Broadcast.State.RUNNING, lease_until__isnull=False),
        Q(lease_until=None) | Q(lease_until__lte=now),
    )
    longest = waiting.order_by(F("lease_until").asc(nulls_first=True), "pk")
    if not waiting.exists():  # keeps an idle SQLite free of write transactions
        return None
    lease = now + LEASE
    with transaction.atomic(using=waiting.db):
        # One whose batch takes longer than its lease is locked: another one's turn.
        free = longest.select_for_update(skip_locked=True).values_list("pk", flat=True)
        for pk in free[:1]:
            if waiting.filter(pk=pk).update(state=Broadcast.State.RUNNING, lease_until=lease):
                return pk, lease
    return None


def _let_go(pk: int, lease: datetime) -> None:
    Broadcast.objects.filter(pk=pk, lease_until=lease).update(lease_until=protocol.now())


def _tell(pk: int) -> None:
    """Tell users for the time of one turn."""
    until = time.monotonic() + TURN_SECONDS
    row = Broadcast.objects.using(router.db_for_write(Broadcast)).filter(pk=pk).first()
    if row is None:
        return
    audience = broadcasts.audience_of(row)
    if row.total is None and not row.last_key:
        _count(row, audience)
    while True:
        if log.backlog(broadcasts.LONGEST_OUTBOX + 1) > broadcasts.LONGEST_OUTBOX:
            time.sleep(OUTBOX_LOOK_SECONDS)
        else:
            began = time.monotonic()
            step = broadcasts.advance(pk, audience, BATCH)
            if step is None or step.last:
                return
            # Half of the time is for what else this server has to do.
            time.sleep(time.monotonic() - began)
        if time.monotonic() > until:
            return


def _count(row: Broadcast, audience: Audience) -> None:
    """Store how many there are to tell, for its page; if there is time to find out."""
    try:
        with in_time():
            total = audience.count()
    except OperationalError:
        return
    Broadcast.objects.filter(pk=row.pk).update(total=total)


def _note(pk: int, error: Error) -> None:
    """Say on its page why it does not get on, if that can be stored."""
    try:
        Broadcast.objects.filter(pk=pk).update(reason=_reason(error))
    except DatabaseError:
        pass  # the log says it


def _fail(pk: int, error: Exception) -> None:
    logger.exception("Broadcast %s has failed", pk)
    broadcasts.fail(pk, _reason(error))


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}".replace("\x00", "")
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"
