"""The database: reachable, migrated, in time, and set up as the engine needs it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from realtime import log
from realtime.conf import conf
from realtime.database import Work
from realtime.management.doctor.delivery import living_hosts
from realtime.management.doctor.findings import Finding, error, ok, warning
from realtime.management.output import ago, counted
from realtime.models import OutboxEvent

# Times of events and of leases come from different clocks.
SKEW_SECONDS = 1.0
# Tokens of a server that is farther ahead than this are refused by the others.
WORST_SKEW_SECONDS = 60.0
SLOW_SECONDS = 0.05
# The quickest counts: a busy machine may hold up one.
TRIES = 3
# Of the outbox, whose rows come and go: more mean that vacuum does not keep up.
DEAD_ROWS = 100_000
LONG_TRANSACTION = "5 minutes"
SHOWN = 5


def examine_reach() -> Iterator[Finding]:
    """Whether it answers, how fast, and which one it is. Nothing else is to be asked if not."""
    connection = connections[log.database_alias()]
    connection.ensure_connection()  # refuses versions that Django does not support
    seconds = min(_seconds(connection) for _ in range(TRIES))
    version = ".".join(str(part) for part in connection.get_database_version())
    told = f"{connection.display_name} {version} answers in {1000 * seconds:.1f} ms"
    if seconds > SLOW_SECONDS:
        yield warning("database", told, "Every frame needs it: bring it nearer to the servers.")
    else:
        yield ok("database", told)


def examine_migrations() -> Iterator[Finding]:
    """Whether all migrations are applied."""
    executor = MigrationExecutor(connections[log.database_alias()])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        yield ok("migrations", "all are applied")
        return
    names = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    yield error(
        "migrations",
        f"not applied: {', '.join(names[:SHOWN])}{more}",
        "Run `manage.py migrate` before servers of this version start. Nothing after this was "
        "looked at.",
    )


def examine_clock() -> Iterator[Finding]:
    """Whether this machine and the database agree on the time."""
    connection = connections[log.database_alias()]
    if connection.vendor != "postgresql":
        yield ok("clock", "the database is on this machine")
        return
    before = time.time()
    theirs = _value(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    after = time.time()
    # Within the round trip nobody can tell.
    skew = min((theirs - ours for ours in (before, after)), key=abs)
    skew = 0.0 if before <= theirs <= after else skew
    told = f"this machine's clock and the database's differ by {abs(skew):.2f} s"
    if abs(skew) > WORST_SKEW_SECONDS:
        yield error("clock", told, "Tokens are refused, events pruned too early: run NTP on both.")
    elif abs(skew) > SKEW_SECONDS:
        yield warning("clock", told, "Run NTP (chrony, systemd-timesyncd) on both machines.")
    else:
        yield ok("clock", told)


def examine_sqlite() -> Iterator[Finding]:
    """Whether readers and writers get along. (The transaction mode is a system check.)"""
    connection = connections[log.database_alias()]
    if connection.vendor != "sqlite":
        return
    mode = _value(connection, "PRAGMA journal_mode")
    if mode in {"wal", "memory"}:
        yield ok("sqlite", f"journal mode {mode}")
    else:
        yield warning(
            "sqlite",
            f"journal mode {mode}: readers and writers wait for each other",
            "Add 'init_command': 'PRAGMA journal_mode=WAL;' to DATABASES' OPTIONS.",
        )


def examine_connections() -> Iterator[Finding]:
    """Whether PostgreSQL has enough connections for the servers that are alive."""
    connection = connections[log.database_alias()]
    if connection.vendor != "postgresql":
        return
    limit = _value(connection, "SELECT current_setting('max_connections')::int")
    nodes = len(living_hosts())
    wanted = nodes * len(Work) * conf().DATABASE_THREADS
    told = f"{counted(nodes, 'server')} may use {wanted} of {limit} connections"
    if wanted > limit:
        yield warning(
            "connections",
            told,
            "Raise max_connections, or lower REALTIME['DATABASE_THREADS'].",
        )
    else:
        yield ok("connections", told)


_VACUUM = """
    SELECT current_setting('autovacuum') = 'on',
           NOT coalesce('autovacuum_enabled=false' = ANY(c.reloptions), false),
           s.n_dead_tup, s.n_live_tup, greatest(s.last_autovacuum, s.last_vacuum),
           pg_total_relation_size(c.oid)
    FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
    WHERE c.oid = to_regclass(%s)
"""
_LONG = f"""
    SELECT pid, extract(epoch FROM now() - xact_start)::float8
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start < now() - interval '{LONG_TRANSACTION}'
    ORDER BY xact_start LIMIT 1
"""


def examine_vacuum() -> Iterator[Finding]:
    """Whether PostgreSQL clears up behind the outbox, through which every event goes."""
    connection = connections[router.db_for_write(OutboxEvent)]
    if connection.vendor != "postgresql":
        return
    table = OutboxEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(_VACUUM, [connection.ops.quote_name(table)])
        everywhere, here, dead, live, last, size = cursor.fetchone()
        cursor.execute(_LONG)
        oldest = cursor.fetchone()
    when = f"vacuumed {ago(datetime.now(UTC) - last)} ago" if last else "not vacuumed yet"
    told = f"the outbox has {dead} dead rows and {live} live ones, {size / 2**20:.1f} MiB; {when}"
    if not everywhere:
        advice = "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();"
        yield error("autovacuum", f"it is off in all of PostgreSQL; {told}", advice)
    elif not here:
        advice = f"ALTER TABLE {table} RESET (autovacuum_enabled);"
        yield error("autovacuum", f"it is off for the outbox; {told}", advice)
    elif dead > DEAD_ROWS + live:
        yield warning("autovacuum", told, f"VACUUM {table}; and look for long transactions.")
    else:
        yield ok("autovacuum", told)
    if oldest is not None:
        pid, seconds = oldest
        yield warning(
            "transactions",
            f"process {pid} of PostgreSQL has had one open for {seconds / 60:.0f} min",
            "It keeps dead rows from being removed: see pg_stat_activity; end it there.",
        )


def _seconds(connection: BaseDatabaseWrapper) -> float:
    """How long a query takes that is no work."""
    began = time.perf_counter()
    _value(connection, "SELECT 1")
    return time.perf_counter() - began


def _value(connection: BaseDatabaseWrapper, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]
