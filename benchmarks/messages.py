"""Direct messages on PostgreSQL: how many a second, and how soon at the other's socket.

    python -m benchmarks.messages [--rounds 3] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import quantiles

from benchmarks.load import opening_request
from benchmarks.processes import BenchmarkError, cpu_seconds, run
from benchmarks.product.server import Site, on_postgresql, token
from benchmarks.results import Chart, Goal, Report, options_for, progress, run_benchmark
from benchmarks.talk import Job, Pair, Result, talking

SUMMARY = "Direct messages on PostgreSQL: throughput against a bare loop of inserts, and latency."
SENDERS = 50
SECONDS = 10.0
RATE = 100.0
MAX_ROUNDS = 10
LEAST_RATIO = 0.5
MOST_P50, MOST_P99 = 10.0, 50.0


def main() -> int:
    parser = options_for("messages", SUMMARY)
    parser.add_argument("--rounds", type=int, default=3, help="the best one counts (default: 3)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    rounds = 1 if options.quick else min(options.rounds, MAX_ROUNDS)
    seconds = 2.0 if options.quick else SECONDS
    report = Report(
        f"Direct messages on PostgreSQL: {SENDERS} senders, each in a conversation of two; "
        f"best of {rounds}"
    )
    with tempfile.TemporaryDirectory(prefix="messages-") as name, on_postgresql(Path(name)) as site:
        conversations = make_conversations(site, SENDERS)
        bare, throughput, latency = [], [], []
        for number in range(1, rounds + 1):
            bare.append(_bare(site, seconds))
            with site.serving() as (port, pid):
                throughput.append(_talk(site, port, pid, conversations, seconds, None))
                latency.append(_talk(site, port, pid, conversations, seconds, RATE))
            progress(
                f"round {number} of {rounds}: bare loop {bare[-1]:,.0f}/s, "
                f"product {_rate(throughput[-1][0]):,.0f}/s; "
                f"at {RATE:.0f}/s p50 {percentile(latency[-1][0].latencies, 50):.1f} ms, "
                f"p99 {percentile(latency[-1][0].latencies, 99):.1f} ms"
            )
    _tell(report, bare, throughput, latency)
    return report


def make_conversations(site: Site, pairs: int) -> list[str]:
    """Make the database, with so many pairs of users in conversations; their ids."""
    site.prepare(2 * pairs)
    made = run("benchmarks.product.talks", str(pairs), env=site.environment, timeout=60)
    found: list[str] = json.loads(made)
    return found


def pairs_for(port: int, conversations: Iterable[str]) -> list[Pair]:
    """The users of each conversation, both subscribed to it."""
    return [
        Pair(
            conversation,
            *(
                opening_request(port, f"/ws?channels=conversation:{conversation}", token(user))
                for user in (2 * number + 1, 2 * number + 2)
            ),
        )
        for number, conversation in enumerate(conversations)
    ]


def _bare(site: Site, seconds: float) -> float:
    arguments = ("messages", str(seconds), str(SENDERS))
    printed = run("benchmarks.product.bare", *arguments, env=site.environment, timeout=60 + seconds)
    return float(printed)


def _talk(
    site: Site,
    port: int,
    pid: int,
    conversations: list[str],
    seconds: float,
    rate: float | None,
) -> tuple[Result, float]:
    """What was measured, and the share of a core that the server used meanwhile."""
    before = _stored(site, conversations)
    job = Job(port, pairs_for(port, conversations), rate=rate, seconds=seconds)
    with talking(job) as running:
        used = cpu_seconds(pid)
        result = running.result()
        used = cpu_seconds(pid) - used
    if (stored := _stored(site, conversations) - before) != result.sent:
        raise BenchmarkError(f"{result.sent} messages were delivered, {stored} are stored")
    return result, used / (result.seconds + job.warm_up)


def _stored(site: Site, conversations: list[str]) -> int:
    """Messages in these conversations, as the database has them."""
    import psycopg

    keys = [int(conversation.removeprefix("conv_")) for conversation in conversations]
    with psycopg.connect(site.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM messaging_message WHERE conversation_id = ANY(%s)", [keys]
        ).fetchone()
    assert row is not None
    return int(row[0])


def percentile(seconds: list[float], percent: int) -> float:
    """In milliseconds.

    Raises:
        BenchmarkError: there are too few to tell.
    """
    if len(seconds) < 20:
        raise BenchmarkError(f"only {len(seconds)} were delivered in time")
    return quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def _rate(result: Result) -> float:
    return result.delivered / result.seconds


def _tell(
    report: Report,
    bare: list[float],
    throughput: list[tuple[Result, float]],
    latency: list[tuple[Result, float]],
) -> None:
    quickest, server = max(throughput, key=lambda found: _rate(found[0]))
    soonest, idle = min(latency, key=lambda found: percentile(found[0].latencies, 99))
    report.rows = [
        {"": "bare loop of Message.objects.create", "messages/s": max(bare)},
        _row("socialhub, next after the ack", quickest, server),
        _row(f"socialhub, {RATE:.0f} a second", soonest, idle),
    ]
    report.rows[0] |= dict.fromkeys([key for key in report.rows[1] if key not in report.rows[0]])
    report.goals = [
        Goal("Messages a second, product : bare loop", _rate(quickest) / max(bare), LEAST_RATIO),
        *(
            Goal(
                f"p{percent} at {RATE:.0f}/s, ms",
                percentile(soonest.latencies, percent),
                most,
                True,
            )
            for percent, most in ((50, MOST_P50), (99, MOST_P99))
        ),
    ]
    report.charts["Direct messages, each committed and delivered"] = Chart(
        "a second", {"socialhub": _rate(quickest), "bare loop of inserts": max(bare)}
    )
    report.raw = {
        "bare": bare,
        "throughput": [_rate(result) for result, _ in throughput],
        "p99": [percentile(result.latencies, 99) for result, _ in latency],
        "latencies": soonest.latencies,
    }


def _row(name: str, result: Result, server: float) -> dict[str, str | float | None]:
    return {
        "": name,
        "messages/s": _rate(result),
        "to the other, ms: p50": percentile(result.latencies, 50),
        "p99": percentile(result.latencies, 99),
        "to the ack, ms: p50": percentile(result.acks, 50),
        "p99 ": percentile(result.acks, 99),
        "sent late, ms: p99": percentile(result.late, 99) if result.late else None,
        "CPU: server": f"{100 * server:.0f} %",
        "client": f"{100 * result.client / result.seconds:.0f} %",
    }


if __name__ == "__main__":
    sys.exit(main())
