"""The engine's database work off the event loop, in small pools of threads.

`sync_to_async` would queue all sockets' queries behind one thread, and
Django's ASGI handler gives every waiting request a thread of its own. Here the
threads are few and keep their connections, whatever the site's CONN_MAX_AGE:
reconnecting for every frame would cost more than the queries.

Each kind of work has a pool of its own, so that commands which wait for a lock
hold up neither the tail nor who comes in. `request_lane` is for the little
synchronous work that Django itself does around an async view; nothing in it
waits, so a handful of threads serves any number of waiting polls.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import Enum
from typing import ParamSpec, TypeVar

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from realtime import metrics
from realtime.conf import conf

P = ParamSpec("P")
R = TypeVar("R")

REQUEST_LANES = 4
IDLE_CHECK_SECONDS = 10.0
LOCK_TIMEOUT_MILLISECONDS = 5_000
# A process that is frozen in a transaction gives up its locks after this long.
IDLE_TRANSACTION_MILLISECONDS = 10_000


# Those who are served together wait for no lock longer than this.
SHORT_LOCK_MILLISECONDS = 100


class Work(Enum):
    """What a pool is for."""

    ENGINE = "relay, tail and lease: they keep the node alive"
    ENTRY = "handshakes and polls"
    COMMANDS = "clients' commands, which may wait for locks"
    APPS = "what is done in the background: presence, the feed's counts, reports"


class DatabasePool:
    """Threads that keep their database connections, health-checked after idling."""

    def __init__(self, work: Work, threads: int) -> None:
        self._executor = ThreadPoolExecutor(
            threads,
            thread_name_prefix=f"realtime-{work.name.lower()}",
            initializer=lambda: setattr(_thread, "in_pool", True),
        )
        self._opened: dict[int, BaseDatabaseWrapper] = {}

    async def run(self, job: Callable[[], R]) -> R:
        """The result of `job()`, called in one of the threads."""
        loop = asyncio.get_running_loop()
        # With the context, so that log lines say for whom.
        context = contextvars.copy_context()
        return await loop.run_in_executor(self._executor, context.run, self._call, job)

    def _call(self, job: Callable[[], R]) -> R:
        idle = time.monotonic() - getattr(_thread, "used_at", 0.0)
        for connection in connections.all(initialized_only=True):
            _refresh(connection, check=idle > IDLE_CHECK_SECONDS)
        try:
            return job()
        except Error:
            # Whatever state a failed statement left behind is not carried on.
            for connection in connections.all(initialized_only=True):
                connection.errors_occurred = True
            raise
        finally:
            _thread.used_at = time.monotonic()
            for connection in connections.all(initialized_only=True):
                if id(connection) not in self._opened:
                    connection.inc_thread_sharing()  # so that close() may close it
                    self._opened[id(connection)] = connection

    @property
    def waiting(self) -> int:
        """Jobs that wait for a thread."""
        return self._executor._work_queue.qsize()

    def close(self) -> None:
        """Let running jobs finish, then end the threads and their connections."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        for connection in self._opened.values():
            connection.close()
        self._opened.clear()


def _refresh(connection: BaseDatabaseWrapper, *, check: bool) -> None:
    if connection.connection is None:
        return
    connection.close_at = None
    if check:
        connection.errors_occurred = True  # makes Django test whether it is usable
    connection.close_if_unusable_or_obsolete()


def _bound_waits(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
    """In our threads no query waits for a lock for long: others wait for the thread.

    Nor does a transaction hold one for long while nothing happens in it.
    """
    if connection.vendor != "postgresql":
        return
    in_pool, in_command = (getattr(_thread, name, False) for name in ("in_pool", "in_command"))
    settings = f"SET lock_timeout = {LOCK_TIMEOUT_MILLISECONDS};" if in_pool else ""
    if in_pool or in_command:
        settings += f"SET idle_in_transaction_session_timeout = {IDLE_TRANSACTION_MILLISECONDS}"
        with connection.cursor() as cursor:
            cursor.execute(settings)


@contextmanager
def gives_up_when_frozen() -> Iterator[None]:
    """What connects within it, in this thread, loses its locks while its process stands still.

    For commands, which people stop in the middle of a transaction with Ctrl-Z.
    """
    _thread.in_command = True
    try:
        yield
    finally:
        _thread.in_command = False


def hurry(using: str) -> None:
    """In this transaction, fail early: at a lock that others hold, and not as late as COMMIT.

    What fails before COMMIT has certainly changed nothing, and may be done again.
    """
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(
                f"SET LOCAL lock_timeout = {SHORT_LOCK_MILLISECONDS};SET CONSTRAINTS ALL IMMEDIATE"
            )


def commit_without_waiting(using: str) -> None:
    """This transaction's COMMIT does not wait for the disk, nor for replicas.

    After a crash of the database the transactions of the last moment may be missing, each as
    a whole: for work of which the same transaction says how far it has come. What was handed
    out is not lost, however durable the site wants its commits: those that come later, the
    relay's too, are durable only when all before them are.
    """
    connection = connections[using]
    # Inside of another transaction, as in a TestCase, this would hold for that one.
    if connection.vendor == "postgresql" and not connection.savepoint_ids:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")


connection_created.connect(_bound_waits, dispatch_uid="realtime.lock_timeout")

_thread = threading.local()
_pools: dict[Work, DatabasePool] = {}
_lanes: itertools.cycle[ThreadPoolExecutor] | None = None
_lock = threading.Lock()


def _pool(work: Work) -> DatabasePool:
    with _lock:
        if work not in _pools:
            _pools[work] = DatabasePool(work, conf().DATABASE_THREADS)
        return _pools[work]


async def run(work: Work, job: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of `job(*args, **kwargs)`, called in this process's pool for `work`."""
    return await _pool(work).run(lambda: job(*args, **kwargs))


def request_lane() -> ThreadPoolExecutor:
    """A single-thread executor for what Django does around one request."""
    global _lanes
    with _lock:
        if _lanes is None:
            _lanes = itertools.cycle(
                [
                    ThreadPoolExecutor(1, thread_name_prefix=f"realtime-http-{number}")
                    for number in range(REQUEST_LANES)
                ]
            )
        return next(_lanes)


def measure() -> None:
    """Set the metric of jobs that wait in each pool."""
    for work in Work:
        pool = _pools.get(work)
        metrics.DATABASE_QUEUE.labels(work.name.lower()).set(pool.waiting if pool else 0)


def close() -> None:
    """End this process's pools; the next use makes new ones."""
    with _lock:
        closing = list(_pools.values())
        _pools.clear()
    for pool in closing:
        pool.close()
