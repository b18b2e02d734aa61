"""Who is connected where: nodes hold leases, sessions live as long as their node.

All functions are synchronous; times are by the database's clock, so that nodes
whose clocks differ agree on who is alive.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import Error, IntegrityError, router, transaction
from django.db.models import Q
from django.db.models.functions import Now

from realtime import metrics
from realtime.bulk import insert_many
from realtime.compiled import Compiled
from realtime.conf import conf
from realtime.errors import ErrorCode, RealtimeError
from realtime.models import Node, PollLease, Session
from realtime.users import parse_user_id

ADDRESS_CHARS = 100
SESSIONS_AT_ONCE = 500


def register_node(node_id: UUID, name: str) -> None:
    """Enter a server process in the registry, or renew its lease."""
    Node.objects.update_or_create(pk=node_id, defaults={"name": name, "renewed_at": Now()})


def renew_lease(node_id: UUID) -> bool:
    """Show that a node is alive. False: it was thought dead, its sessions are gone."""
    return Node.objects.filter(pk=node_id).update(renewed_at=Now()) == 1


def end_node(node_id: UUID) -> None:
    """Take a node and its sessions off the registry."""
    Node.objects.filter(pk=node_id).delete()


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep has found: dead nodes, and the users who were on them."""

    nodes: int
    user_ids: list[str]


def sweep() -> Sweep:
    """Delete the nodes whose lease has run out, with their sessions."""
    dead = list(Node.objects.filter(renewed_at__lt=Now() - _lease()).values_list("pk", flat=True))
    if not dead:  # keeps an idle SQLite free of write transactions
        return Sweep(0, [])
    users = Session.objects.filter(node_id__in=dead).values_list("user_id", flat=True).distinct()
    user_ids = [str(key) for key in users]
    # Asked again: one that was only slow may have renewed its lease just now.
    swept = Node.objects.filter(pk__in=dead, renewed_at__lt=Now() - _lease()).delete()[1]
    return Sweep(swept.get(Node._meta.label, 0), user_ids)


def _lease() -> timedelta:
    return timedelta(seconds=conf().LEASE_SECONDS)


def alive(node: str = "") -> Q:
    """Nodes whose lease has not run out.

    Args:
        node: the way to the node from the rows that are asked for, as `node__`.
    """
    return Q(**{f"{node}renewed_at__gte": Now() - _lease()})


def polling() -> Q:
    """The leases of users who poll now."""
    return Q(renewed_at__gte=Now() - timedelta(seconds=conf().POLL_LEASE))


@dataclass(frozen=True, slots=True)
class LiveState:
    """How a user is connected now, over all nodes and transports.

    Attributes:
        connected: there is a socket on a living node, or a poll lease.
        active: at least one of them is not idle.
    """

    connected: bool
    active: bool


# The leases are in the SQL: they change with the settings only.
_live = Compiled(
    lambda users, lease: Session.objects.filter(alive("node__"), user__pk__in=users).values_list(
        "user_id", "idle"
    ),
    fields={"users": Session._meta.get_field("user")},
    literal={"lease"},
)
_polling = Compiled(
    lambda users, lease: PollLease.objects.filter(polling(), user__pk__in=users).values_list(
        "user_id"
    ),
    fields={"users": PollLease._meta.get_field("user")},
    literal={"lease"},
)


def live_states(keys: Collection[Any]) -> dict[Any, LiveState]:
    """How each of these users is connected now; two queries for all."""
    connected: dict[Any, bool] = {}
    using = router.db_for_read(Session)
    for key, idle in _live.rows(using, users=keys, lease=conf().LEASE_SECONDS):
        connected[key] = connected.get(key, False) or not idle
    for (key,) in _polling.rows(using, users=keys, lease=conf().POLL_LEASE):
        connected[key] = True
    return {key: LiveState(key in connected, connected.get(key, False)) for key in keys}


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """One connection on a living node, or a user who polls.

    Attributes:
        id: the connection's; empty for a user who polls: no poll has one.
        transport: `websocket` or `long-poll`.
        node: the server's name; empty for polls, which go to any.
        since: when it was opened; of a user who polls, when the last poll began or,
            while polls follow one another, within the last seconds.
    """

    id: str
    user_id: str
    name: str
    transport: str
    node: str
    address: str
    since: datetime
    idle: bool


def live_connections(user_key: Any = None) -> list[LiveConnection]:
    """Who is connected now, over all nodes, the oldest first; one user's, or everybody's."""
    mine = {} if user_key is None else {"user_id": user_key}
    open_now = Session.objects.filter(alive("node__"), **mine)
    leases = PollLease.objects.filter(polling(), **mine)
    found = [
        LiveConnection(
            str(row.pk), str(row.user_id), row.user.get_username(), "websocket",
            row.node.name, row.address, row.connected_at, row.idle,
        )
        for row in open_now.select_related("node", "user").order_by("connected_at")
    ]  # fmt: skip
    return found + [
        LiveConnection(
            "",
            str(row.user_id),
            row.user.get_username(),
            "long-poll",
            "",
            "",
            row.renewed_at,
            False,
        )
        for row in leases.select_related("user").order_by("renewed_at")
    ]


def still_open(session_ids: Collection[str]) -> set[str]:
    """Those of these sessions that are on a living node."""
    living = Session.objects.filter(alive("node__"))
    found: set[str] = set()
    wanted = list(session_ids)
    for start in range(0, len(wanted), SESSIONS_AT_ONCE):
        rows = living.filter(pk__in=wanted[start : start + SESSIONS_AT_ONCE])
        found.update(str(key) for key in rows.values_list("pk", flat=True))
    return found


def mark_idle(session_ids: Collection[UUID], *, idle: bool) -> None:
    """These sockets have been silent for a while, or are no longer."""
    Session.objects.filter(pk__in=session_ids).update(idle=idle)


def renew_poll_leases(user_ids: Collection[str]) -> None:
    """These users poll."""
    for user_id in user_ids:
        try:
            with transaction.atomic(using=router.db_for_write(PollLease)):
                PollLease.objects.update_or_create(
                    user_id=parse_user_id(user_id), defaults={"renewed_at": Now()}
                )
        except IntegrityError:
            continue  # the user was deleted meanwhile


def end_poll_leases() -> list[str]:
    """Delete the poll leases that have run out; whose they were."""
    ended = PollLease.objects.filter(~polling())
    keys = list(ended.values_list("user_id", flat=True))
    if keys:
        ended.filter(user_id__in=keys).delete()
    return [str(key) for key in keys]


class NodeLostError(Exception):
    """This node is not in the registry: it was thought dead and swept."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A slot that is asked for."""

    user_id: str
    address: str


def open_sessions(wanted: list[Wanted], node_id: UUID) -> list[UUID | Exception]:
    """Take a slot for each; two queries for all, if nobody else takes one of them.

    Returns:
        For each, in this order, the session's id, or what `open_session` raises.
    """
    rows = _free_slots(wanted, node_id)
    # In one order for all nodes: two that take the same slots must not wait for each other.
    new = sorted((row for row in rows if row), key=lambda row: (str(row.user_id), row.slot))
    using = router.db_for_write(Session)
    try:
        with transaction.atomic(using=using):
            insert_many(new, using=using)
    except Error:
        # A slot taken by another node, or locked by one that is frozen: whose it is shows.
        rows = [None] * len(wanted)
    return [
        _opened_alone(one, node_id) if row is None else row.pk
        for one, row in zip(wanted, rows, strict=True)
    ]


_taken = Compiled(
    lambda users: Session.objects.filter(user__pk__in=users).values_list("user_id", "slot"),
    fields={"users": Session._meta.get_field("user")},
)


def _free_slots(wanted: list[Wanted], node_id: UUID) -> list[Session | None]:
    """A new session for each; None where every slot is taken."""
    keys = [parse_user_id(one.user_id) for one in wanted]
    taken: defaultdict[Any, set[int]] = defaultdict(set)
    for key, slot in _taken.rows(router.db_for_read(Session), users=keys):
        taken[key].add(slot)
    rows: list[Session | None] = []
    for key, one in zip(keys, wanted, strict=True):
        free = [slot for slot in range(conf().MAX_CONNECTIONS) if slot not in taken[key]]
        if not free:
            rows.append(None)
            continue
        slot = random.choice(free)  # any will do; the same for all would collide
        taken[key].add(slot)
        rows.append(
            Session(
                id=uuid4(),
                user_id=key,
                slot=slot,
                node_id=node_id,
                address=one.address[:ADDRESS_CHARS],  # behind a proxy a client may choose it
            )
        )
    return rows


def _opened_alone(one: Wanted, node_id: UUID) -> UUID | Exception:
    try:
        return open_session(one.user_id, node_id, one.address)
    except Exception as error:  # this one's only: others have got their slots
        return error


def open_session(
    user_id: str, node_id: UUID, address: str, *, session_id: UUID | None = None
) -> UUID:
    """Take one of the user's slots; the limit holds exactly, over all nodes.

    Args:
        session_id: the id that the session had, when it is opened again after
            its node was thought dead.

    Raises:
        RealtimeError: MAX_CONNECTIONS, every slot is taken by a living node.
        NodeLostError: the node has to be registered again first.
    """
    limit = conf().MAX_CONNECTIONS
    # Each failed attempt means that somebody else took a slot: it cannot go on.
    for _ in range(2 * limit + 2):
        (session,) = _free_slots([Wanted(user_id, address)], node_id)
        if session is None:
            if sweep().nodes:
                continue
            break
        session.pk = session_id or session.pk
        try:
            with transaction.atomic(using=router.db_for_write(Session)):
                session.save(force_insert=True)
        except IntegrityError:
            if not Node.objects.filter(pk=node_id).exists():
                raise NodeLostError from None
        else:
            return session.pk
    metrics.LIMIT_HITS.labels("connections").inc()
    raise RealtimeError(
        ErrorCode.MAX_CONNECTIONS,
        f"At most {limit} connections per user: close one first",
        retry_after=int(conf().LEASE_SECONDS),
    )


def close_sessions(session_ids: Collection[UUID]) -> None:
    """Free the sessions' slots."""
    Session.objects.filter(pk__in=session_ids).delete()
