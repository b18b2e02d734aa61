"""How long it takes until all are back: 2,000 clients at once, each 50 events behind.

    python -m benchmarks.reconnect [--clients 2000] [--events 50] [--out docs/benchmarks]

On PostgreSQL. Every client's events are its own, so that most have to be read from the
log's tables: they are ten times what a node keeps in memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from benchmarks.load import Job, held_open, opening_request
from benchmarks.processes import HOST, raise_file_limit, run
from benchmarks.product.server import Site, on_postgresql, token
from benchmarks.results import Chart, Goal, Report, options_for, progress, run_benchmark

SUMMARY = "Seconds until all clients that come back at once have what they missed."
MAX_CLIENTS = 10_000
MAX_EVENTS = 500
SPARE_FILES = 256
FILL_SECONDS = 600.0
TIMEOUT = 60.0
GOAL_SECONDS = 5.0
GOAL_QUERIES = 4.0


def main() -> int:
    parser = options_for("reconnect", SUMMARY)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--events", type=int, default=50, help="that each has missed")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    clients = 100 if options.quick else min(options.clients, MAX_CLIENTS)
    events = min(options.events, MAX_EVENTS)
    raise_file_limit(clients + SPARE_FILES)
    with (
        tempfile.TemporaryDirectory(prefix="reconnect-") as name,
        on_postgresql(Path(name)) as site,
    ):
        site.prepare(clients + 1)
        progress(f"writing {clients * events:,} events")
        run(
            "benchmarks.product.behind",
            str(clients),
            str(events),
            env=site.environment,
            timeout=FILL_SECONDS,
        )
        seconds, cpu, queries = _come_back(site, clients, events)
    return Report(
        f"{clients:,} clients come back at once, each {events} events behind",
        [
            {
                "clients": clients,
                "events each": events,
                "seconds": seconds,
                "server's CPU": f"{100 * cpu / seconds:.0f} %",
                "queries per client": queries,
            }
        ],
        [
            Goal("seconds until the last has everything", seconds, GOAL_SECONDS, at_most=True),
            Goal("queries per client", queries, GOAL_QUERIES, at_most=True),
        ],
        {"Until the last client has what it missed": Chart("seconds", {"socialhub": seconds})},
    )


def _come_back(site: Site, clients: int, events: int) -> tuple[float, float, float]:
    """Seconds, processor seconds of the server, and queries per client."""
    with site.serving() as (port, pid):
        job = Job(
            port=port,
            server_pid=pid,
            requests=[
                opening_request(port, "/ws?last_sequence=0", token(user))
                for user in range(1, clients + 1)
            ],
            timeout=TIMEOUT,
            # Each event, and the reply: a `resync` instead would never make so many.
            greetings=events + 1,
            at_once=clients,
        )
        watcher = connect(
            f"ws://{HOST}:{port}/ws",
            additional_headers={"Authorization": f"Bearer {token(clients + 1)}"},
        )
        with watcher:
            before = _queries(watcher)
            with held_open(job) as opened:
                queries = _queries(watcher) - before
    return opened.opened_in, opened.server, queries / clients


def _queries(watcher: ClientConnection) -> int:
    watcher.send(json.dumps({"type": "bench_queries", "payload": {}, "ack_id": "q"}))
    while (frame := json.loads(watcher.recv()))["type"] != "ack":
        pass
    return int(frame["payload"]["data"]["queries"])


if __name__ == "__main__":
    sys.exit(main())
