"""How many handshakes a second, with token, user and session row, against peers without.

python -m benchmarks.handshakes [--sockets 2000] [--rounds 3] [--out docs/benchmarks]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders import (
    OUR_UVICORN_ALONE,
    PRODUCT,
    SOCKET_IO,
    UVICORN_ALONE,
    WS,
    Contender,
    Context,
)
from benchmarks.load import Job, Opened, held_open
from benchmarks.processes import raise_file_limit
from benchmarks.product.server import on_postgresql, on_sqlite
from benchmarks.results import Cell, Chart, Goal, Report, options_for, progress, run_benchmark

SUMMARY = "Handshakes a second, with token, user and session row; against peers without."
MAX_SOCKETS = 10_000
MAX_ROUNDS = 10
SPARE_FILES = 256
AT_ONCE = 100
TIMEOUT = 60.0
GOAL = 1.5
PEERS = (SOCKET_IO, WS, UVICORN_ALONE, OUR_UVICORN_ALONE)


def main() -> int:
    parser = options_for("handshakes", SUMMARY)
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3, help="the best one counts (default: 3)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    sockets = 100 if options.quick else min(options.sockets, MAX_SOCKETS)
    rounds = 1 if options.quick else min(options.rounds, MAX_ROUNDS)
    SOCKET_IO.install()
    raise_file_limit(sockets + SPARE_FILES)
    results: dict[str, list[Opened]] = {}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handshakes-")))
        sites = {
            "SQLite": on_sqlite(directory),
            "PostgreSQL": stack.enter_context(on_postgresql(directory)),
        }
        for site in sites.values():
            site.prepare(sockets)
        for number in range(1, rounds + 1):
            for name, contender, site in (
                *((f"{PRODUCT.name}, {name}", PRODUCT, site) for name, site in sites.items()),
                *((peer.name, peer, sites["SQLite"]) for peer in PEERS),
            ):
                opened = _open(contender, Context(directory, site, ""), sockets)
                results.setdefault(name, []).append(opened)
                rate = sockets / opened.opened_in
                progress(f"round {number} of {rounds}: {name}, {rate:,.0f} handshakes/s")
    return _report(sockets, results)


def _open(contender: Contender, context: Context, sockets: int) -> Opened:
    with contender.start(context) as (port, pid):
        job = Job(
            port=port,
            server_pid=pid,
            requests=contender.requests(port, sockets),
            timeout=TIMEOUT,
            hello=contender.hello.encode(),
            greetings=contender.greetings,
            at_once=AT_ONCE,
        )
        with held_open(job) as opened:
            return opened


def _report(sockets: int, results: dict[str, list[Opened]]) -> Report:
    best = {
        name: min(found, key=lambda opened: opened.opened_in) for name, found in results.items()
    }
    rates = {name: sockets / opened.opened_in for name, opened in best.items()}
    rows: list[dict[str, Cell]] = [
        {
            "server": name,
            "handshakes/s": rates[name],
            "per server CPU s": sockets / opened.server if opened.server else None,
            "CPU: server": f"{100 * opened.server / opened.opened_in:.0f} %",
            "client": f"{100 * opened.client / opened.opened_in:.0f} %",
        }
        for name, opened in best.items()
    ]
    goals = [
        Goal(f"{name} : {SOCKET_IO.name}", rate / rates[SOCKET_IO.name], GOAL)
        for name, rate in rates.items()
        if name.startswith(PRODUCT.name)
    ]
    return Report(
        f"{sockets:,} handshakes, {AT_ONCE} at the same time, best of {len(results[WS.name])}",
        rows,
        goals,
        {"Handshakes": Chart("a second", rates)},
        results,
    )


if __name__ == "__main__":
    sys.exit(main())
