"""How many deliveries a second: one committed event to all sockets, against peers.

    python -m benchmarks.fanout [--sockets 1000 5000] [--rounds 3] [--out DIR]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.contenders import (
    CONTENDERS,
    NCHAN,
    PRODUCT,
    PRODUCT_ON_DAPHNE,
    PYTHON_SOCKETIO,
    SOCKET_IO,
    TUTORIAL_ON_DAPHNE,
    WS,
    Contender,
    Context,
)
from benchmarks.load import Job, Result, fan_out
from benchmarks.processes import raise_file_limit, redis_server
from benchmarks.product.server import on_sqlite
from benchmarks.results import Cell, Chart, Goal, Report, options_for, progress, run_benchmark

SUMMARY = "Deliveries a second: one committed event to all sockets, against peers."
MAX_IN_FLIGHT = 64
MAX_SOCKETS = 10_000
MAX_ROUNDS = 10
# Files that a server needs besides its sockets.
SPARE_FILES = 256
# As many deliveries as the product gets in one measurement.
DELIVERIES = 400_000
# Slower than this and the benchmark gives up instead of waiting on.
SLOWEST_DELIVERIES = 500
LEAST_TIMEOUT = 60.0
# A process is at its limit if it ran, or waited for a core, for this share of the
# time: each has one thread that does the work, so it cannot use much more than a core.
FULL = 0.9
GOALS = (
    (PRODUCT, NCHAN, 0.9),
    (PRODUCT, WS, 1.3),
    (PRODUCT, SOCKET_IO, 1.6),
    (PRODUCT, PYTHON_SOCKETIO, 8.0),
    (PRODUCT, TUTORIAL_ON_DAPHNE, 20.0),
    (PRODUCT_ON_DAPHNE, TUTORIAL_ON_DAPHNE, 5.0),
)

Best = dict[str, Result]


def main() -> int:
    parser = options_for("fanout", SUMMARY)
    parser.add_argument("--sockets", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--rounds", type=int, default=3, help="the best one counts (default: 3)")
    parser.add_argument(
        "--in-flight", type=int, default=8, help="events on their way at once (default: 8)"
    )
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help=f"those whose name contains one: {names}"
    )
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    # The load stays bounded, whatever is asked for.
    sizes = [100] if options.quick else [min(size, MAX_SOCKETS) for size in options.sockets]
    rounds = 1 if options.quick else min(options.rounds, MAX_ROUNDS)
    taking_part = [
        contender
        for contender in CONTENDERS
        if not options.only or any(part in contender.name for part in options.only)
    ]
    for contender in taking_part:
        contender.install()
    raise_file_limit(max(sizes) + SPARE_FILES)
    in_flight = max(1, min(options.in_flight, MAX_IN_FLIGHT))
    report = Report(
        f"One event of 250 bytes to all sockets, {in_flight} in flight, best of {rounds}"
    )
    report.raw = {}
    with tempfile.TemporaryDirectory(prefix="fanout-") as name, redis_server() as redis_url:
        directory = Path(name)
        site = on_sqlite(directory)
        site.prepare(max(sizes))
        context = Context(directory, site, redis_url)
        for sockets in sizes:
            results: dict[str, list[Result]] = {}
            # Round by round, so that whatever else the machine does hits all alike.
            for number in range(1, rounds + 1):
                for contender in taking_part:
                    result = _run(contender, context, sockets, in_flight, options.quick)
                    results.setdefault(contender.name, []).append(result)
                    progress(
                        f"{sockets:,} sockets, round {number} of {rounds}: {contender.name}, "
                        f"{result.deliveries_per_second:,.0f} deliveries/s"
                    )
            best = {
                name: max(found, key=lambda result: result.deliveries_per_second)
                for name, found in results.items()
            }
            report.raw[str(sockets)] = results
            _add(report, sockets, best)
    return report


def _run(
    contender: Contender, context: Context, sockets: int, in_flight: int, quick: bool
) -> Result:
    deliveries = DELIVERIES // 50 if quick else DELIVERIES
    events = max(2 * in_flight, deliveries // sockets // contender.share)
    timeout = max(LEAST_TIMEOUT, sockets * events / SLOWEST_DELIVERIES)
    with contender.start(context) as (port, pid):
        _, result = fan_out(
            Job(
                port=port,
                server_pid=pid,
                requests=contender.requests(port, sockets),
                timeout=timeout,
                hello=contender.hello.encode(),
                greetings=contender.greetings,
                envelope=contender.envelope.encode(),
                publisher=contender.publisher(port),
                warm_up=max(in_flight, events // 5),
                events=events,
                in_flight=in_flight,
            )
        )
    return result


def _add(report: Report, sockets: int, best: Best) -> None:
    for name, result in best.items():
        report.rows.append(_row(name, result))
    report.charts[f"Deliveries to {sockets:,} sockets"] = Chart(
        "a second", {name: result.deliveries_per_second for name, result in best.items()}
    )
    for ours, theirs, ratio in GOALS:
        if ours.name in best and theirs.name in best:
            measured = (
                best[ours.name].deliveries_per_second / best[theirs.name].deliveries_per_second
            )
            what = f"{sockets:,} sockets, {ours.name} : {theirs.name}"
            report.goals.append(Goal(what, measured, ratio))


def _row(name: str, result: Result) -> dict[str, Cell]:
    usage, seconds = result.usage, result.seconds
    return {
        "server": name,
        "sockets": result.sockets,
        "deliveries/s": result.deliveries_per_second,
        "per server CPU s": result.deliveries_per_cpu_second,
        "last socket after, ms": median(result.latencies) * 1000,
        "CPU: server": _share(usage.server, seconds, usage.server_queued),
        "client": _share(usage.client, seconds, usage.client_queued),
        "others": _share(usage.others, seconds),
        "saturated": saturated(result),
    }


def saturated(result: Result) -> str:
    """Which side could not have gone faster."""
    usage = result.usage
    sides = {
        "server": (usage.server, usage.server_queued),
        "client": (usage.client, usage.client_queued),
    }
    full = [
        name
        for name, (used, queued) in sides.items()
        if used is not None and used + (queued or 0.0) >= FULL * result.seconds
    ]
    return " and ".join(full) or "neither"


def _share(used: float | None, seconds: float, queued: float | None = None) -> str:
    """In shares of one core, `ran+waited for a core`."""
    if used is None:
        return "?"
    waited = "" if queued is None else f"+{100 * queued / seconds:.0f}"
    return f"{100 * used / seconds:.0f}{waited} %"


if __name__ == "__main__":
    sys.exit(main())
