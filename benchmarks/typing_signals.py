"""Typing indicators: how soon at the other's socket, when many type at once.

    python -m benchmarks.typing_signals [--rounds 3] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.messages import make_conversations, pairs_for, percentile
from benchmarks.processes import cpu_seconds
from benchmarks.product.server import on_postgresql
from benchmarks.results import Chart, Goal, Report, options_for, progress, run_benchmark
from benchmarks.talk import Job, Result, talking

SUMMARY = "Typing indicators: latency from one socket to the other's, 50 pairs, one server."
PAIRS = 50
EACH_PER_SECOND = 20
SECONDS = 10.0
MAX_ROUNDS = 10
MOST_P99 = 20.0


def main() -> int:
    parser = options_for("typing_signals", SUMMARY)
    parser.add_argument("--rounds", type=int, default=3, help="the best one counts (default: 3)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    rounds = 1 if options.quick else min(options.rounds, MAX_ROUNDS)
    seconds = 2.0 if options.quick else SECONDS
    found: list[tuple[Result, float]] = []
    with tempfile.TemporaryDirectory(prefix="typing-") as name, on_postgresql(Path(name)) as site:
        conversations = make_conversations(site, PAIRS)
        for number in range(1, rounds + 1):
            with site.serving() as (port, pid):
                pairs = pairs_for(port, conversations)
                rate = float(PAIRS * EACH_PER_SECOND)
                job = Job(port, pairs, rate=rate, kind="typing", seconds=seconds)
                with talking(job) as running:
                    used = cpu_seconds(pid)
                    result = running.result()
                    used = cpu_seconds(pid) - used
            found.append((result, used / (result.seconds + job.warm_up)))
            p99 = percentile(result.latencies, 99)
            progress(f"round {number} of {rounds}: p99 {p99:.1f} ms")
    return _report(found, rounds)


def _report(found: list[tuple[Result, float]], rounds: int) -> Report:
    result, server = min(found, key=lambda one: percentile(one[0].latencies, 99))
    p50, p99 = (percentile(result.latencies, percent) for percent in (50, 99))
    return Report(
        f"Typing: {PAIRS} pairs, {EACH_PER_SECOND} signals a second each, best of {rounds}",
        rows=[
            {
                "": "socialhub on uvicorn",
                "signals/s": result.delivered / result.seconds,
                "p50, ms": p50,
                "p99, ms": p99,
                "most, ms": max(result.latencies) * 1000,
                "sent late, ms: p99": percentile(result.late, 99),
                "CPU: server": f"{100 * server:.0f} %",
                "client": f"{100 * result.client / result.seconds:.0f} %",
            }
        ],
        goals=[Goal("p99, ms", p99, MOST_P99, at_most=True)],
        charts={
            "A typing signal at the other's socket after": Chart(
                "ms", {"socialhub, half of them": p50, "socialhub, 99 %": p99}
            )
        },
        raw={"p99": [percentile(one.latencies, 99) for one, _ in found]},
    )


if __name__ == "__main__":
    sys.exit(main())
