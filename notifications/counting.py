"""Queries of users that are broken off when they take too long: counts of a large table."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django.contrib.auth import get_user_model
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# Neither a page nor a server waits longer than this for each of them.
LONGEST_SECONDS = 2.0
SQLITE_STEPS = 10_000


@contextmanager
def in_time() -> Iterator[None]:
    """Queries of users in this block fail, by an OperationalError, if they take too long."""
    connection = connections[router.db_for_read(get_user_model())]
    bounds = {"postgresql": _in_time_on_postgresql, "sqlite": _in_time_on_sqlite}
    with bounds.get(connection.vendor, nullcontext)(connection):
        yield


@contextmanager
def _in_time_on_postgresql(connection: BaseDatabaseWrapper) -> Iterator[None]:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {int(LONGEST_SECONDS * 1000)}")
        yield
        # There may be a transaction around this one.
        cursor.execute("SET LOCAL statement_timeout TO DEFAULT")


@contextmanager
def _in_time_on_sqlite(connection: BaseDatabaseWrapper) -> Iterator[None]:
    connection.ensure_connection()
    until = time.monotonic() + LONGEST_SECONDS
    database: sqlite3.Connection = connection.connection
    database.set_progress_handler(lambda: int(time.monotonic() > until), SQLITE_STEPS)
    try:
        yield
    finally:
        database.set_progress_handler(None, 0)
