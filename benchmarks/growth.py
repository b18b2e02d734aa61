"""How the time that one event takes stays as things grow, on PostgreSQL.

    python -m benchmarks.growth [--repetitions 5] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from benchmarks.contenders import MESSAGE_JSON, NUMBER, PRODUCT
from benchmarks.load import Job, fan_out, held_open, opening_request
from benchmarks.processes import await_quiet, raise_file_limit, run
from benchmarks.product.server import Site, on_postgresql, token
from benchmarks.results import Chart, Goal, Report, options_for, progress, run_benchmark

SUMMARY = "How the time that one event takes stays as things grow."
GOAL_RATIO = 1.5
MAX_REPETITIONS = 20
TIMEOUT = 300.0
SPARE_FILES = 256
# Who gets each event; the idle sockets are of other users.
AUDIENCE = 100
WARM_UP = 20
EVENTS = 60


@dataclass(frozen=True)
class Sizes:
    """What is small and what is large in each dimension."""

    sockets: tuple[int, int] = (1_000, 10_000)
    events: tuple[int, int] = (1, 1_000_000)
    conversations: tuple[int, int] = (1, 1_000)


QUICK = Sizes(sockets=(10, 100), events=(1, 1_000), conversations=(1, 10))
# Measures once; milliseconds from publish to the last delivery, the median of all events.
Measure = Callable[[], float]


def main() -> int:
    parser = options_for("growth", SUMMARY)
    parser.add_argument(
        "--repetitions", type=int, default=5, help="of small and large, in turns (default: 5)"
    )
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    sizes = QUICK if options.quick else Sizes()
    # The load stays bounded, whatever is asked for.
    repetitions = 1 if options.quick else max(1, min(options.repetitions, MAX_REPETITIONS))
    raise_file_limit(max(sizes.sockets) + AUDIENCE + SPARE_FILES)
    report = Report(
        f"Milliseconds from publish to the last delivery, median of {repetitions} x {EVENTS} events"
    )
    report.raw = {}
    for what, grown, pair in (
        ("idle sockets beside", sizes.sockets, _sockets),
        ("events in the log", sizes.events, _events),
        ("conversations of the user", sizes.conversations, _conversations),
    ):
        with (
            tempfile.TemporaryDirectory(prefix="growth-") as name,
            pair(Path(name), *grown) as (small, large),
        ):
            found: dict[int, list[float]] = {size: [] for size in grown}
            # In turns, so that whatever else the machine does hits both alike.
            for number in range(1, repetitions + 1):
                for size, measure in zip(grown, (small, large), strict=True):
                    found[size].append(measure())
                progress(f"{what}, {number} of {repetitions}: {found}")
        _add(report, what, found)
    return report


def _add(report: Report, what: str, found: dict[int, list[float]]) -> None:
    (small, before), (large, after) = (
        (size, median(milliseconds)) for size, milliseconds in found.items()
    )
    report.rows.append(
        {"what grows": what, "from": small, "to": large, "ms": before, "ms then": after}
    )
    report.raw[what] = {str(size): milliseconds for size, milliseconds in found.items()}
    report.charts[f"One event, by {what}"] = Chart(
        "ms", {f"{small:,}": before, f"{large:,}": after}
    )
    report.goals.append(
        Goal(f"{what}, {small:,} to {large:,}", after / before, GOAL_RATIO, at_most=True)
    )


@contextmanager
def _sockets(directory: Path, few: int, many: int) -> Iterator[tuple[Measure, Measure]]:
    """Two servers of one kind with few and many idle sockets, beside the audience."""
    with ExitStack() as stack:
        yield tuple(  # type: ignore[misc]
            stack.enter_context(_with_idle(directory, idle)) for idle in (few, many)
        )


@contextmanager
def _with_idle(directory: Path, idle: int) -> Iterator[Measure]:
    with on_postgresql(directory) as site:
        site.prepare(AUDIENCE + idle)
        with site.serving() as (port, pid):
            users = range(AUDIENCE + 1, AUDIENCE + idle + 1)
            requests = [opening_request(port, "/ws", token(user)) for user in users]
            job = Job(port=port, server_pid=pid, requests=requests, timeout=TIMEOUT)
            with held_open(job) as opened:
                progress(f"{idle / opened.opened_in:,.0f} handshakes/s, one node on PostgreSQL")
                await_quiet(pid)
                yield lambda: _to_audience(port, pid)


@contextmanager
def _events(directory: Path, few: int, many: int) -> Iterator[tuple[Measure, Measure]]:
    """Two servers whose logs hold few and many events, most of them the audience's own."""
    with ExitStack() as stack:
        yield tuple(  # type: ignore[misc]
            stack.enter_context(_with_log(directory, stored)) for stored in (few, many)
        )


@contextmanager
def _with_log(directory: Path, stored: int) -> Iterator[Measure]:
    with on_postgresql(directory) as site:
        site.prepare(AUDIENCE)
        _fill_log(site, stored)
        with site.serving() as (port, pid):
            yield lambda: _to_audience(port, pid)


def _fill_log(site: Site, events: int) -> None:
    """Store events as the relay would have, the recent ones last; each has one recipient."""
    with psycopg.connect(site.database_url) as connection:
        connection.execute(
            """
            INSERT INTO realtime_event (sequence, event_id, type, channel, topic, recipients,
                                        payload, subject, author, control, created_at)
            SELECT number, gen_random_uuid(), 'notification', 'notifications', '',
                   '["' || 1 + number %% %(users)s || '"]', %(payload)s,
                   'msg_' || number, 1 + number %% %(users)s, false,
                   now() - (%(events)s - number) * interval '10 milliseconds'
            FROM generate_series(1, %(events)s) AS number
            """,
            {"users": AUDIENCE, "payload": MESSAGE_JSON, "events": events},
        )
        connection.execute(
            "INSERT INTO realtime_eventrecipient (user_id, sequence)"
            " SELECT 1 + number %% %s, number FROM generate_series(1, %s) AS number",
            [AUDIENCE, events],
        )
        connection.execute(
            "INSERT INTO realtime_loghead (id, epoch, sequence, pruned_through)"
            " VALUES (1, md5(random()::text), %s, 0)"
            " ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence",
            [events],
        )
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@contextmanager
def _conversations(directory: Path, few: int, many: int) -> Iterator[tuple[Measure, Measure]]:
    """One server with a user who has few conversations and one who has many.

    Each sends messages to one of them, and gets them on the socket that has
    subscribed to that one.
    """
    with on_postgresql(directory) as site:
        # Each with the users that follow.
        first, second = 1, 1 + few + 1
        site.prepare(second + many)
        conversations = _make_conversations(site, {first: few, second: many})
        with site.serving() as (port, pid):
            # That they were begun are events, too, which have still to be handed out.
            await_quiet(pid)
            yield tuple(  # type: ignore[misc]
                lambda user=user, conversation=conversation: _to_itself(
                    port, pid, user, conversation
                )
                for user, conversation in conversations.items()
            )


def _make_conversations(site: Site, wanted: dict[int, int]) -> dict[int, int]:
    """Give each user so many; the key of one of each user's."""
    return {
        user: int(
            run(
                "benchmarks.product.converse",
                str(user),
                str(count),
                env=site.environment,
                timeout=TIMEOUT,
            )
        )
        for user, count in wanted.items()
    }


def _to_audience(port: int, pid: int) -> float:
    requests = PRODUCT.requests(port, AUDIENCE)
    return _median_latency(port, pid, requests, PRODUCT.envelope)


def _to_itself(port: int, pid: int, user: int, conversation: int) -> float:
    channel = f"conversation:conv_{conversation}"
    request = opening_request(port, f"/ws?channels={channel}", token(user))
    envelope = (
        f'{{"type": "message", "channel": "{channel}", '
        f'"payload": {{"content": "event {NUMBER} and some more words of an ordinary message"}}}}'
    )
    return _median_latency(port, pid, [request], envelope)


def _median_latency(port: int, pid: int, requests: list[bytes], envelope: str) -> float:
    _, result = fan_out(
        Job(
            port=port,
            server_pid=pid,
            requests=requests,
            timeout=TIMEOUT,
            greetings=1,
            envelope=envelope.encode(),
            warm_up=WARM_UP,
            events=EVENTS,
        )
    )
    return median(result.latencies) * 1000


if __name__ == "__main__":
    sys.exit(main())
