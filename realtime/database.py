"""The engine's database work off the event loop, in a small pool of threads.

`sync_to_async` would queue all sockets' queries behind one thread, and
Django's ASGI handler gives every waiting request a thread of its own. Here the
threads are few and keep their connections, whatever the site's CONN_MAX_AGE:
reconnecting for every frame would cost more than the queries.

The second pool, `request_lane`, is for the little synchronous work that Django
itself does around an async view (signals, the DRF request); nothing in it
waits, so a handful of threads serves any number of waiting polls.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from realtime.conf import conf

P = ParamSpec("P")
R = TypeVar("R")

REQUEST_LANES = 4
IDLE_CHECK_SECONDS = 10.0


class DatabasePool:
    """Threads that keep their database connections, health-checked after idling."""

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="realtime-db")
        self._opened: dict[int, BaseDatabaseWrapper] = {}
        self._local = threading.local()

    async def run(self, job: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of `job(*args, **kwargs)`, called in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, lambda: self._call(lambda: job(*args, **kwargs))
        )

    def _call(self, job: Callable[[], R]) -> R:
        idle = time.monotonic() - getattr(self._local, "used_at", 0.0)
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
            self._local.used_at = time.monotonic()
            for connection in connections.all(initialized_only=True):
                if id(connection) not in self._opened:
                    connection.inc_thread_sharing()  # so that close() may close it
                    self._opened[id(connection)] = connection

    def close(self) -> None:
        """Let running jobs finish, then end the threads and their connections."""
        self._executor.shutdown(wait=True)
        for connection in self._opened.values():
            connection.close()
        self._opened.clear()


def _refresh(connection: BaseDatabaseWrapper, *, check: bool) -> None:
    if connection.connection is None:
        return
    connection.close_at = None
    if check or connection.errors_occurred:
        connection.errors_occurred = True  # makes Django test whether it is usable
    connection.close_if_unusable_or_obsolete()


_pool: DatabasePool | None = None
_lanes: itertools.cycle[ThreadPoolExecutor] | None = None
_lock = threading.Lock()


def pool() -> DatabasePool:
    """This process's pool, made when it is first needed."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = DatabasePool(conf().DATABASE_THREADS)
        return _pool


async def run(job: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of `job(*args, **kwargs)`, called in this process's pool."""
    return await pool().run(job, *args, **kwargs)


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


def close() -> None:
    """End this process's pool; the next use makes a new one."""
    global _pool
    with _lock:
        closing, _pool = _pool, None
    if closing is not None:
        closing.close()
