"""The way of an event: outbox, relay, log; and who is alive to hand it out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connections, router
from django.db.models import QuerySet
from django.db.models.functions import Now

from realtime import log, protocol
from realtime.conf import conf
from realtime.management.doctor.findings import Finding, error, ok, warning
from realtime.management.output import ago, counted
from realtime.models import Event, LogHead, Node, OutboxEvent, Session
from realtime.relay import LOCK_MILLISECONDS

COUNTED = 10_001
# An event waits for the relay a few milliseconds; without Redis a quarter of a second.
LATE_SECONDS = 5.0
STUCK_SECONDS = 60.0
# A relay that takes longer than LOCK_MILLISECONDS is ended by PostgreSQL.
HOLDER_SECONDS = LOCK_MILLISECONDS / 1000 + 2


def examine_outbox() -> Iterator[Finding]:
    """Whether the relay keeps up."""
    pending = OutboxEvent.objects.using(router.db_for_write(OutboxEvent)).order_by("pk")
    oldest = pending.values_list("created_at", flat=True).first()
    if oldest is None:
        yield ok("outbox", "empty")
        return
    lag = max(0.0, (protocol.now() - oldest).total_seconds())
    count = log.backlog(COUNTED)
    number = f"more than {count - 1:,} events" if count == COUNTED else counted(count, "event")
    told = f"{number} waiting, the oldest for {lag:.1f} s"
    holder = _who_holds_the_head() if lag > LATE_SECONDS else None
    if lag <= LATE_SECONDS:
        yield ok("outbox", told)
    elif not _living().exists():
        yield error("outbox", told, "No server is alive to move them: start one.")
    elif holder is not None:
        pid, seconds, state = holder
        yield error(
            "outbox",
            f"{told}; process {pid} of PostgreSQL ({state}) has held the log's head for "
            f"{seconds:.0f} s",
            f"End it: SELECT pg_terminate_backend({pid}); what it has not committed is undone.",
        )
    elif lag <= STUCK_SECONDS:
        yield warning("outbox", told, "The relay is slow: look at the database's load and locks.")
    else:
        yield error(
            "outbox",
            told,
            "The relay is stuck: look for `Relay fails` in the servers' logs.",
        )


# Each relay skips a head that is locked, so that nobody is seen to wait for it.
_HOLDER = """
    SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::float8, state
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE relation = to_regclass(%s) AND mode <> 'AccessShareLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND xact_start < clock_timestamp() - make_interval(secs => %s)
    ORDER BY xact_start LIMIT 1
"""


def _who_holds_the_head() -> tuple[int, float, str] | None:
    """The process of PostgreSQL whose transaction keeps the relay out, for how long, its state."""
    connection = connections[router.db_for_write(OutboxEvent)]
    if connection.vendor != "postgresql":
        return None
    table = connection.ops.quote_name(LogHead._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(_HOLDER, [table, HOLDER_SECONDS])
        found: tuple[int, float, str] | None = cursor.fetchone()
    return found


def examine_log() -> Iterator[Finding]:
    """How large the log is, and whether it is pruned."""
    head = log.read_head()
    oldest = Event.objects.using(log.database_alias()).order_by("pk").first()
    told = f"at {head.sequence}, {counted(head.sequence - head.pruned_through, 'event')} kept"
    if oldest is None:
        yield ok("log", told)
        return
    age = protocol.now() - oldest.created_at
    told += f", the oldest {ago(age)} old"
    # Each server prunes every PRUNE_INTERVAL, a little off the beat.
    late = timedelta(seconds=conf().RETENTION + 2 * conf().PRUNE_INTERVAL)
    if age > late:
        yield warning(
            "log",
            f"{told}; REALTIME['RETENTION'] is {conf().RETENTION:g} s",
            "Servers prune it: is one alive? `manage.py prune_events` does it now.",
        )
    else:
        yield ok("log", told)


def examine_nodes() -> Iterator[Finding]:
    """Which servers are alive, by the leases that they renew."""
    lease = timedelta(seconds=conf().LEASE_SECONDS)
    living = list(_living().order_by("name"))
    if not living:
        yield warning("nodes", "no server is alive", "Start one: `manage.py serve`.")
    for node, age in _with_ages(living):
        sockets = counted(Session.objects.filter(node=node).count(), "socket")
        told = f"{node.name} renewed its lease {age.total_seconds():.0f} s ago, {sockets}"
        if age.total_seconds() > 2 * conf().LEASE_INTERVAL:
            yield warning(
                "nodes", told, "It is slow: look at its CPU, and at its way to the database."
            )
        else:
            yield ok("nodes", told)
    gone = Node.objects.filter(renewed_at__lt=Now() - lease)
    for node, age in _with_ages(list(gone.order_by("name"))):
        yield warning(
            "nodes",
            f"{node.name} ended without a word {ago(age)} ago",
            "Look at its log: was it killed? The next server that is alive takes it off the list.",
        )


def living_hosts() -> list[str]:
    """For each server that is alive, its machine's name."""
    return [node.name.rpartition(":")[0] for node in _living()]


def _living() -> QuerySet[Node]:
    return Node.objects.filter(renewed_at__gte=Now() - timedelta(seconds=conf().LEASE_SECONDS))


def _with_ages(nodes: list[Node]) -> Iterator[tuple[Node, timedelta]]:
    now = _database_time()
    for node in nodes:
        yield node, (now or node.renewed_at) - node.renewed_at


def _database_time() -> datetime | None:
    """The database's clock, by which leases are kept."""
    return Node.objects.annotate(now=Now()).values_list("now", flat=True).first()
