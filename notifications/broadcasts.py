"""Broadcasts: one notification to many users, that survive being interrupted.

Each batch moves the row's `last_key` in the transaction that notifies; under the row's
lock, so that two processes that carry out one broadcast share the work and tell nobody
twice. `manage.py broadcast` carries out its own; those that wait in the state `queued`
are for the servers, see `broadcast_queue`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.db import router
from django.db.models import Q

from notifications import inboxes
from notifications.audiences import Audience
from notifications.models import Broadcast
from notifications.services import notify_many
from realtime import database, protocol
from realtime.compiled import Compiled, attributes

# While so many events wait for the relay, others' would have to wait behind more of ours.
LONGEST_OUTBOX = 100
# A command that has written no batch for so long is taken for interrupted.
QUIET = timedelta(seconds=60)


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """What is told; see `notifications.services.notify` for the fields."""

    type: str = "announcement"
    message: str | None = None
    params: dict[str, Any] | None = None
    post_id: str | None = None
    extra: dict[str, Any] | None = None
    subject: str = ""

    def check(self) -> None:
        """Refuse what cannot be told.

        Raises:
            ValueError: as `notify` does.
        """
        notify_many([], **msgspec.structs.asdict(self))


def draft(content: Content, audience: Audience, *, after: str = "") -> Broadcast:
    """A broadcast that has not begun; saving it begins it.

    Args:
        after: only to users whose key is greater.
    """
    return Broadcast(
        content=msgspec.structs.asdict(content), audience=asdict(audience), last_key=after
    )


def audience_of(broadcast: Broadcast) -> Audience:
    """Whom it tells."""
    stored = broadcast.audience
    lookups = [(lookup, value) for lookup, value in stored["lookups"]]
    return Audience(stored["description"], lookups, stored["keys"])


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch did.

    Attributes:
        asked: users that it was for; some of them may have muted the type.
        broadcast: the row as it is now.
        last: all have been told.
    """

    asked: int
    broadcast: Broadcast
    last: bool


_locked = Compiled(
    lambda pk: (
        Broadcast.objects.filter(pk=pk, state__in=Broadcast.GOING)
        .select_for_update()
        .values_list(*attributes(Broadcast))
    )
)


def advance(pk: int, audience: Audience, size: int) -> Step | None:
    """Tell the next users, in a transaction; None: it was ended, stopped or abandoned."""
    with inboxes.atomic():
        found = _locked.instances(router.db_for_write(Broadcast), Broadcast, pk=pk)
        if not found:
            return None
        row = found[0]
        batch = audience.after(row.last_key, size)
        if not batch.last:
            # `last_key` is in the same transaction: a batch that is lost is told again.
            database.commit_without_waiting(router.db_for_write(Broadcast))
        row.notified += notify_many(batch.keys, **row.content)
        row.last_key = batch.position
        row.advanced_at = protocol.now()
        row.reason = ""
        changed = ["last_key", "notified", "advanced_at", "reason"]
        if batch.last:
            changed += _end(row)
        row.save(update_fields=changed)
    return Step(len(batch.keys), row, batch.last)


def _end(row: Broadcast) -> list[str]:
    """Everybody was told: the names of the fields that say so."""
    row.state = Broadcast.State.DONE
    row.ended_at = row.advanced_at
    row.forget()
    return ["state", "ended_at", "audience", "content"]


def stop(pk: int) -> bool:
    """Tell nobody any more. Whether it was queued or under way; then it has ended now.

    A command of a version without states goes on.
    """
    going = Broadcast.objects.filter(pk=pk, state__in=Broadcast.GOING)
    return bool(going.update(state=Broadcast.State.STOPPED))


def fail(pk: int, reason: str) -> None:
    """It cannot go on, until somebody has seen to it."""
    going = Broadcast.objects.filter(pk=pk, state__in=Broadcast.GOING)
    going.update(state=Broadcast.State.FAILED, reason=reason)


def resume(pk: int) -> bool:
    """Have the servers go on with it. Whether it had stopped, or failed, or was interrupted."""
    return bool(
        Broadcast.objects.filter(_waits_for_somebody(), pk=pk).update(
            state=Broadcast.State.QUEUED, lease_until=None, reason=""
        )
    )


def may_resume(broadcast: Broadcast) -> bool:
    """Whether `resume` would have it go on."""
    states = (Broadcast.State.STOPPED, Broadcast.State.FAILED)
    return broadcast.state in states or is_interrupted(broadcast)


def take_over(pk: int) -> None:
    """The caller itself goes on with it, if it had stopped or failed; else shares the work."""
    Broadcast.objects.filter(
        pk=pk, state__in=[Broadcast.State.STOPPED, Broadcast.State.FAILED]
    ).update(state=Broadcast.State.RUNNING, lease_until=None, reason="")


def is_interrupted(broadcast: Broadcast) -> bool:
    """Whether it is of a command that seems to have been interrupted."""
    return (
        broadcast.state == Broadcast.State.RUNNING
        and broadcast.lease_until is None
        and (broadcast.advanced_at or broadcast.started_at) < protocol.now() - QUIET
    )


def _waits_for_somebody() -> Q:
    quiet = protocol.now() - QUIET
    interrupted = Q(state=Broadcast.State.RUNNING, lease_until=None, started_at__lt=quiet)
    interrupted &= Q(advanced_at=None) | Q(advanced_at__lt=quiet)
    return Q(state__in=[Broadcast.State.STOPPED, Broadcast.State.FAILED]) | interrupted
