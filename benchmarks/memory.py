"""Memory that an idle socket costs its server, against peers.

    python -m benchmarks.memory [--sockets 5000] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.contenders import (
    PRODUCT,
    PYTHON_SOCKETIO,
    SOCKET_IO,
    TUTORIAL_ON_UVICORN,
    WS,
    Contender,
    Context,
)
from benchmarks.load import Job, held_open
from benchmarks.processes import (
    await_quiet,
    raise_file_limit,
    redis_server,
    resident_bytes,
)
from benchmarks.product.server import on_sqlite
from benchmarks.results import Chart, Goal, Report, options_for, progress, run_benchmark

SUMMARY = "Memory that an idle socket costs its server, against peers."
CONTENDERS = (PRODUCT, SOCKET_IO, WS, PYTHON_SOCKETIO, TUTORIAL_ON_UVICORN)
KIBIBYTE = 1024
GOAL_KIBIBYTES = 20.0
MAX_SOCKETS = 10_000
# Files that a server needs besides its sockets.
SPARE_FILES = 256
# Sockets that come and go before the clock starts: what a server loads, or makes
# room for, with its first clients is no socket's cost.
WARM_UP = 100
OPEN_SECONDS = 300.0


def main() -> int:
    parser = options_for("memory", SUMMARY)
    parser.add_argument("--sockets", type=int, default=5000, help="idle ones (default: 5000)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    # The load stays bounded, whatever is asked for.
    sockets = 200 if options.quick else max(WARM_UP, min(options.sockets, MAX_SOCKETS))
    for contender in CONTENDERS:
        contender.install()
    raise_file_limit(sockets + SPARE_FILES)
    found: dict[str, float] = {}
    report = Report(f"Memory of one server process with {sockets:,} idle sockets")
    with tempfile.TemporaryDirectory(prefix="memory-") as name, redis_server() as redis_url:
        directory = Path(name)
        site = on_sqlite(directory)
        site.prepare(sockets)
        for contender in CONTENDERS:
            before, after, opened_in = _sizes(
                contender, Context(directory, site, redis_url), sockets
            )
            found[contender.name] = per_socket = (after - before) / sockets / KIBIBYTE
            progress(f"{contender.name}: {per_socket:.1f} KiB per socket")
            report.rows.append(
                {
                    "server": contender.name,
                    "KiB per socket": per_socket,
                    "MiB without": before / KIBIBYTE**2,
                    "MiB with": after / KIBIBYTE**2,
                    "opened/s": sockets / opened_in,
                }
            )
    report.charts["Memory of an idle socket"] = Chart("KiB", found)
    ours = found[PRODUCT.name]
    report.goals = [
        Goal("KiB per idle socket", ours, GOAL_KIBIBYTES, at_most=True),
        Goal("of Socket.IO's", ours / found[SOCKET_IO.name], 1.0, at_most=True),
    ]
    return report


def _sizes(contender: Contender, context: Context, sockets: int) -> tuple[int, int, float]:
    """The quiet server's bytes without and with so many idle sockets; the seconds to open them."""
    with contender.start(context) as (port, pid):

        def job(count: int) -> Job:
            return Job(
                port=port,
                server_pid=pid,
                requests=contender.requests(port, count),
                timeout=OPEN_SECONDS,
                hello=contender.hello.encode(),
                greetings=contender.greetings,
            )

        with held_open(job(WARM_UP)):
            pass
        await_quiet(pid)
        before = resident_bytes(pid)
        with held_open(job(sockets)) as opened:
            await_quiet(pid)
            after = resident_bytes(pid)
    return before, after, opened.opened_in


if __name__ == "__main__":
    sys.exit(main())
