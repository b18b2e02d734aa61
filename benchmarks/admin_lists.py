"""The admin's lists on large tables: queries, time, and the plan of the slowest query.

    python -m benchmarks.admin_lists [--rows 1000000] [--plans]

Fills notifications, events and messages of a PostgreSQL database of its own, then opens each
list, filter, search and detail by Django's test client.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.processes import run
from benchmarks.product.admin_pages import Opened
from benchmarks.product.server import on_postgresql
from benchmarks.results import Goal, Report, options_for, progress, run_benchmark

SUMMARY = "The admin's lists, filters, searches and details on tables with a million rows."
ROWS = 1_000_000
QUICK_ROWS = 2_000
ROWS_PER_USER = 10
TIMEOUT = 1_800.0
MOST_SECONDS, MOST_QUERIES = 1.0, 30


def main() -> int:
    parser = options_for("admin_lists", SUMMARY)
    parser.add_argument("--rows", type=int, default=ROWS, help="(default: %(default)s)")
    parser.add_argument("--plans", action="store_true", help="print the slowest queries' plans")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    rows = QUICK_ROWS if options.quick else max(QUICK_ROWS, min(options.rows, 10 * ROWS))
    with tempfile.TemporaryDirectory(prefix="admin-") as name, on_postgresql(Path(name)) as site:
        site.prepare(rows // ROWS_PER_USER)
        progress(f"filling in {rows:,} notifications, events and messages")
        output = run(
            "benchmarks.product.admin_pages", str(rows), env=site.environment, timeout=TIMEOUT
        )
    pages = msgspec.json.decode(output, type=list[Opened])
    if options.plans:
        for page in sorted(pages, key=lambda page: -page.slowest)[:10]:
            print(f"{page.name}\n{page.plan}\n")
    report = Report(f"Pages of the admin with {rows:,} notifications, events and messages")
    report.rows = [
        {
            "": page.name,
            "queries": page.queries,
            "ms": 1000 * page.seconds,
            "slowest query, ms": 1000 * page.slowest,
        }
        for page in pages
    ]
    slowest, most = max(page.seconds for page in pages), max(page.queries for page in pages)
    report.goals = [
        Goal("Seconds of the slowest page", slowest, MOST_SECONDS, at_most=True),
        Goal("Queries of a page", most, MOST_QUERIES, at_most=True),
    ]
    report.raw = pages
    return report


if __name__ == "__main__":
    sys.exit(main())
