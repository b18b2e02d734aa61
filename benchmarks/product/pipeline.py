"""Moves events as a node does, and says what it took.

`python -m benchmarks.product.pipeline EVENTS RECIPIENTS` writes EVENTS with so
many recipients each, relays them, and tails them as a node without clients,
one after the other. Writes a `Result` as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django
import msgspec

from benchmarks.processes import cpu_seconds

BATCH = 500
PAYLOAD = {"message": "x" * 236}  # 250 bytes as JSON


class Stage(msgspec.Struct):
    """What one stage took for all events, in seconds.

    Attributes:
        seconds: by the clock.
        python: processor time of this process.
        database: processor time of PostgreSQL's processes for it.
    """

    seconds: float
    python: float
    database: float


class Result(msgspec.Struct):
    """All stages, and the bytes of tables and indexes that each event takes in the log."""

    write: Stage
    relay: Stage
    tail: Stage
    stored: float


def main() -> None:
    events, recipients = map(int, sys.argv[1:])
    django.setup()
    result = Result(
        write=_timed(lambda: _write(events, recipients)),
        relay=_timed(_relay),
        tail=_timed(lambda: asyncio.run(_tail(events))),
        stored=_stored_bytes() / events,
    )
    print(msgspec.json.encode(result).decode())


def _timed(work: Callable[[], None]) -> Stage:
    began, python, database = time.monotonic(), time.process_time(), _database_seconds()
    work()
    return Stage(
        time.monotonic() - began, time.process_time() - python, _database_seconds() - database
    )


def _database_seconds() -> float:
    """Of the processes that serve us; they live as long as our connections."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        pids = [pid for (pid,) in cursor.fetchall()]
    return sum(cpu_seconds(pid) for pid in pids if Path(f"/proc/{pid}").exists())


def _stored_bytes() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_total_relation_size('realtime_event')"
            " + pg_total_relation_size('realtime_eventrecipient')"
        )
        return int(cursor.fetchone()[0])


def _write(events: int, recipients: int) -> None:
    from django.db import transaction

    from realtime import log

    readers = list(range(1, recipients + 1))
    for start in range(0, events, BATCH):
        with transaction.atomic():
            log.append_many(
                log.Draft("bench", PAYLOAD, channel="notifications", recipients=readers)
                for _ in range(min(BATCH, events - start))
            )


def _relay() -> None:
    from realtime import relay

    relay.drain()


async def _tail(events: int) -> None:
    from realtime.hub import Hub

    hub = Hub()
    await hub.start()
    head, hub.position = hub.position, hub.position - events
    tailing = asyncio.create_task(hub.run())
    while hub.position < head:
        await asyncio.sleep(0.01)
    tailing.cancel()


if __name__ == "__main__":
    main()
