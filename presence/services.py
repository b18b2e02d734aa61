"""Deciding who is online, and telling it. The only writer of presence.

    from presence.services import set_status, statuses

    set_status(user_id, "busy")
    statuses([alice_id, bob_id])[0].status

Nothing here keeps count of connections. Whenever something may have changed, the
user's row is locked and the live state is looked at again: of two nodes that
decide at once, the second finds what the first has written and says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from presence.events import (
    TOPIC,
    PresenceList,
    PresencePayload,
    channel_of,
    presence_payload,
)
from presence.models import Presence
from realtime import log, sessions
from realtime.bulk import insert_missing
from realtime.compiled import Compiled, attributes
from realtime.conf import Options, conf, hook
from realtime.errors import invalid, not_found
from realtime.users import parse_user_id

T = TypeVar("T")

BATCH = 500
MAX_SHOWN = 1000

OFFLINE, ONLINE, AWAY = Presence.Status.OFFLINE, Presence.Status.ONLINE, Presence.Status.AWAY
SETTABLE = (ONLINE, AWAY, Presence.Status.BUSY)


# --- deciding ------------------------------------------------------------------------


def decide(user_ids: Iterable[str]) -> None:
    """Bring the users' statuses up to date with how they are connected now.

    Events are written for those whose status is another than was announced.
    Decided in batches, each in a transaction of its own; ids of users who do
    not exist any more are passed over.
    """
    for batch in _batches(sorted({parse_user_id(user_id) for user_id in user_ids}), BATCH):
        with _atomic():
            _settle(_lock(batch))


def set_status(user_id: str, status: str, *, on_socket: bool = False) -> PresencePayload:
    """Set the user's own status.

    `busy` holds until another is set, `away` until another is set or the user has
    gone offline. While the user is not connected, what is announced stays: the
    choice shows when they are back.

    Args:
        status: online, away or busy.
        on_socket: it was said on a socket, which therefore is not idle, even if
            its node has not written so yet.

    Returns:
        The presence that everybody sees now.

    Raises:
        RealtimeError: INVALID_MESSAGE, it is no status that can be set;
            NOT_FOUND, there is no such user.
    """
    if status not in SETTABLE:
        raise invalid(f"status must be one of: {', '.join(SETTABLE)}", field="status")
    key = parse_user_id(user_id)
    with _atomic():
        locked = _lock([key])
        if not locked:
            raise not_found("User does not exist")
        locked[0].chosen = None if status == ONLINE else status
        locked[0].save(update_fields=["chosen"])
        _settle(locked, active=on_socket)
    return presence_payload(key, locked[0])


def finish_graces() -> None:
    """Announce the users whose grace has ended, whichever node they had been on."""
    ended = Presence.objects.filter(offline_at__lte=Now())
    decide(map(str, ended.values_list("pk", flat=True)))


def find_lost() -> None:
    """Decide again for users who are shown as connected and are not.

    Catches what nobody reported: a node that died between freeing a slot and
    deciding, or the end of the only node.
    """
    shown = _shown().filter(offline_at=None).values_list("pk", flat=True)
    for batch in _batches(shown, BATCH):
        live = sessions.live_states(batch)
        if lost := [str(key) for key in batch if not live[key].connected]:
            decide(lost)


def announce_end(presence: Presence) -> None:
    """A row is about to be deleted, with its user: to watchers they go offline."""
    with _atomic():
        rows = Presence.objects.select_for_update().filter(pk=presence.pk)
        for row in rows.exclude(status=OFFLINE):
            row.status = OFFLINE
            _announce([row])


def _lock(keys: list[Any]) -> list[Presence]:
    """The locked rows of these users, made where they are missing.

    In the order of their keys, for all writers alike; each knows by `now` what
    the database's clock said.
    """
    using = router.db_for_write(Presence)
    known = {key for (key,) in _known.rows(using, users=keys)}
    if missing := [key for key in keys if key not in known]:
        insert_missing([Presence(user_id=key) for key in _existing(missing)], using=using)
    locked = []
    for *values, now in _locked.rows(using, users=keys):
        row = Presence.from_db(using, attributes(Presence), values)
        row.now = now  # type: ignore[attr-defined]
        locked.append(row)
    return locked


_known = Compiled(
    lambda users: Presence.objects.filter(user__pk__in=users).values_list("user_id"),
    fields={"users": Presence._meta.get_field("user")},
)
_locked = Compiled(
    lambda users: (
        Presence.objects.filter(user__pk__in=users)
        .select_for_update()
        .order_by("user_id")
        .annotate(now=Now())
        .values_list(*attributes(Presence), "now")
    ),
    fields={"users": Presence._meta.get_field("user")},
)


def _settle(locked: list[Presence], *, active: bool = False) -> None:
    """Decide for these rows, write what is new, and announce what has changed.

    Args:
        active: their users are known to have a connection that is not idle.
    """
    live = sessions.live_states([row.pk for row in locked])
    written, changed = [], []
    for row in locked:
        before = (row.status, row.offline_at)
        now: datetime = row.now  # type: ignore[attr-defined]  # annotated by _lock
        _move(row, live[row.pk], now, active=active)
        if (row.status, row.offline_at) != before:
            written.append(row)
        if row.status != before[0]:
            changed.append(row)
    _write(written)
    _announce(changed)


def _write(rows: list[Presence]) -> None:
    """One update for all that have become the same, as most do who come or go together."""
    alike: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in rows:
        alike[row.status, row.chosen, row.last_seen, row.offline_at].append(row.pk)
    for (status, chosen, last_seen, offline_at), keys in alike.items():
        Presence.objects.filter(pk__in=keys).update(
            status=status, chosen=chosen, last_seen=last_seen, offline_at=offline_at
        )


def _announce(changed: list[Presence]) -> None:
    log.append_many(
        log.Draft("presence", presence_payload(row.pk, row), channel_of(str(row.pk)), topic=TOPIC)
        for row in changed
    )


def _move(row: Presence, live: sessions.LiveState, now: datetime, *, active: bool) -> None:
    """The rules: what follows from the row and the live state at `now`."""
    if live.connected:
        status = row.chosen or (ONLINE if live.active or active else AWAY)
        if status != row.status:
            row.last_seen = now
        row.status, row.offline_at = status, None
        return
    if row.status == OFFLINE:
        return
    if row.offline_at is None:
        row.last_seen = now
        row.offline_at = now + timedelta(seconds=conf().PRESENCE_GRACE)
    if row.offline_at <= now:
        row.status, row.offline_at = OFFLINE, None
        if row.chosen == AWAY:
            row.chosen = None  # the client that was away from has gone


# --- looking -------------------------------------------------------------------------


def statuses(user_ids: Iterable[str]) -> list[PresencePayload]:
    """The presence of each of these users, given by wire id, in this order.

    Users who do not exist are left out.

    Raises:
        ValueError: a text that no user can have as id.
    """
    keys = list(dict.fromkeys(parse_user_id(user_id) for user_id in user_ids))
    existing = set(_existing(keys))
    found = Presence.objects.in_bulk(keys)
    return [presence_payload(key, found.get(key)) for key in keys if key in existing]


def who_is_online() -> PresenceList:
    """Everybody who is not offline, at most 1,000."""
    shown = list(_shown()[: MAX_SHOWN + 1])
    answer = PresenceList([presence_payload(row.pk, row) for row in shown[:MAX_SHOWN]])
    if len(shown) > MAX_SHOWN:
        answer.truncated = True
    return answer


def may_watch(watcher_id: str, watched_id: str) -> bool:
    """Whether one user may see another's presence; everybody sees their own."""
    return watcher_id == watched_id or bool(hook("MAY_WATCH")(watcher_id, watched_id))


def may_watch_everybody() -> bool:
    """Whether there is a channel of everybody: the site has not restricted who sees whom."""
    return bool(conf().MAY_WATCH == Options.MAY_WATCH)


def _shown() -> QuerySet[Presence]:
    return Presence.objects.exclude(status=OFFLINE).order_by("pk")


def _existing(keys: list[Any]) -> list[Any]:
    users = get_user_model()._default_manager.filter(pk__in=keys)
    return list(users.order_by("pk").values_list("pk", flat=True))


def _atomic() -> transaction.Atomic:
    return transaction.atomic(using=router.db_for_write(Presence))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
