"""How many events one relay moves, and what tailing them costs each node.

    python -m benchmarks.relay [--events 20000] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.processes import run
from benchmarks.product.pipeline import Result
from benchmarks.product.server import on_postgresql
from benchmarks.results import Chart, Report, options_for, progress, run_benchmark

SUMMARY = "How many events one relay moves, and what tailing them costs each node."
RECIPIENTS = (1, 10, 100)
MAX_EVENTS = 100_000
# Rows of recipients that one measurement writes at most.
MAX_ROWS = 200_000
TIMEOUT = 300.0


def main() -> int:
    parser = options_for("relay", SUMMARY)
    parser.add_argument("--events", type=int, default=20_000, help="to move (default: 20000)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    # The load stays bounded, whatever is asked for.
    most = 1_000 if options.quick else max(500, min(options.events, MAX_EVENTS))
    report = Report("Events of 250 bytes through one relay and one node's tail, on PostgreSQL")
    moved: dict[str, float] = {}
    for recipients in RECIPIENTS:
        events = min(most, MAX_ROWS // recipients)
        result = _run(events, recipients)
        relay, tail = result.relay, result.tail
        moved[f"{recipients} recipients"] = events / relay.seconds
        progress(f"{recipients} recipients: {events / relay.seconds:,.0f} events/s")
        report.rows.append(
            {
                "recipients": recipients,
                "events": events,
                "written/s": events / result.write.seconds,
                "relayed/s": events / relay.seconds,
                "relay: Python, us": relay.python / events * 1e6,
                "PostgreSQL, us": relay.database / events * 1e6,
                "tailed/s": events / tail.seconds,
                "tail: Python, us": tail.python / events * 1e6,
                "PostgreSQL, us each": tail.database / events * 1e6,
                "bytes stored": round(result.stored),
            }
        )
    report.charts["Events that one relay moves"] = Chart("a second", moved)
    return report


def _run(events: int, recipients: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="relay-") as name, on_postgresql(Path(name)) as site:
        site.prepare(max(RECIPIENTS))
        output = run(
            "benchmarks.product.pipeline",
            str(events),
            str(recipients),
            env=site.environment,
            timeout=TIMEOUT,
        )
    return msgspec.json.decode(output.splitlines()[-1], type=Result)


if __name__ == "__main__":
    sys.exit(main())
