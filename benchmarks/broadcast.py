"""`manage.py broadcast` on PostgreSQL: how fast, and what the others feel of it.

    python -m benchmarks.broadcast [--users 1000000] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.load import opening_request
from benchmarks.messages import make_conversations, pairs_for, percentile
from benchmarks.processes import ROOT, BenchmarkError, cpu_seconds, resident_bytes, run
from benchmarks.product.bare import MESSAGE, TYPE
from benchmarks.product.server import Site, on_postgresql, token
from benchmarks.results import Cell, Chart, Goal, Report, options_for, progress, run_benchmark
from benchmarks.talk import Job, Result, talk, talking

SUMMARY = "A notification to every user: speed against a bare bulk_create, memory, and courtesy."
PAIRS = 10
WATCHERS = 200
# Direct messages a second, by all pairs together.
RATE = 20.0
QUIET_SECONDS = 20.0
MAX_USERS = 1_000_000
LEAST_USERS = 2 * PAIRS + WATCHERS
BATCH = 100
# Slower than this and the benchmark gives up.
SLOWEST = 500
SAMPLE_SECONDS = 0.2
LEAST_RATIO, MOST_GROWTH, MOST_SLOWDOWN = 0.4, 1.2, 3.0
MEBIBYTE = 1024 * 1024


class Sample(msgspec.Struct):
    """Resident bytes, at one moment."""

    broadcast: int
    server: int


class Run(msgspec.Struct):
    """One broadcast.

    Attributes:
        seconds: from the command's start until it has ended and no event waits any more.
        broadcast: processor seconds of the command; `server`: of the server meanwhile.
        samples: taken at even intervals.
    """

    seconds: float
    broadcast: float
    server: float
    samples: list[Sample]


def main() -> int:
    parser = options_for("broadcast", SUMMARY)
    parser.add_argument("--users", type=int, default=MAX_USERS, help="(default: %(default)s)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    users = 5_000 if options.quick else max(LEAST_USERS, min(options.users, MAX_USERS))
    with (
        tempfile.TemporaryDirectory(prefix="broadcast-") as name,
        on_postgresql(Path(name)) as site,
    ):
        conversations = make_conversations(site, PAIRS)
        _make_users(site, 2 * PAIRS + 1, users)
        bare = float(
            run(
                "benchmarks.product.bare", "notifications", str(users), str(BATCH),
                env=site.environment, timeout=60 + users / SLOWEST,
            )
        )  # fmt: skip
        _execute(site, "TRUNCATE notifications_notification")
        progress(f"bare bulk_create: {bare:,.0f} a second")
        with site.serving() as (port, pid):
            pairs = pairs_for(port, conversations)
            seconds = 3.0 if options.quick else QUIET_SECONDS
            quiet = talk(Job(port, pairs, rate=RATE, seconds=seconds))
            progress(f"direct messages, quiet: p99 {percentile(quiet.latencies, 99):.1f} ms")
            watchers = [
                opening_request(port, "/ws?channels=notifications", token(user))
                for user in range(2 * PAIRS + 1, LEAST_USERS + 1)
            ]
            job = Job(port, pairs, rate=RATE, watchers=watchers, awaited=TYPE)
            with talking(job) as running:
                time.sleep(job.warm_up)
                broadcast = _broadcast(site, pid, users)
                busy = running.result()
        _verify(site, users)
    return _report(users, bare, broadcast, quiet, busy)


def _make_users(site: Site, first: int, last: int) -> None:
    _execute(
        site,
        "INSERT INTO auth_user (id, username, password, is_superuser, first_name, last_name, "
        "email, is_staff, is_active, date_joined) "
        "SELECT id, 'bench-' || id, '!', false, '', '', '', false, true, now() "
        f"FROM generate_series({first:d}, {last:d}) AS id",
    )
    _execute(site, "VACUUM ANALYZE auth_user")


def _execute(site: Site, statement: str) -> int:
    """The statement's first value, or 0."""
    import psycopg

    with psycopg.connect(site.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return int(row[0]) if row else 0


def _broadcast(site: Site, server: int, users: int) -> Run:
    began, used = time.perf_counter(), cpu_seconds(server)
    deadline = began + 60 + users / SLOWEST
    samples: list[Sample] = []
    command = [sys.executable, "manage.py", "broadcast", MESSAGE, "--batch", str(BATCH)]
    own = 0.0
    with subprocess.Popen(
        command, env=site.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            while process.poll() is None:
                if time.perf_counter() > deadline:
                    raise BenchmarkError(f"{users} users took longer than {deadline - began:.0f} s")
                try:
                    samples.append(Sample(resident_bytes(process.pid), resident_bytes(server)))
                    own = cpu_seconds(process.pid)
                except (OSError, ValueError):
                    break  # it has just ended
                time.sleep(SAMPLE_SECONDS)
            output, _ = process.communicate()
        finally:
            process.kill()
    if process.returncode:
        raise BenchmarkError(f"manage.py broadcast: {output.decode(errors='replace')[-500:]}")
    while _execute(site, "SELECT count(*) FROM realtime_outboxevent"):
        if time.perf_counter() > deadline:
            raise BenchmarkError("the outbox does not become empty")
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    return Run(seconds, own, cpu_seconds(server) - used, samples)


def _verify(site: Site, users: int) -> None:
    """Each user has the notification, and one event of it, once."""
    written = f"FROM notifications_notification WHERE type = '{TYPE}'"
    told = f"""FROM realtime_event WHERE payload LIKE '%"type":"{TYPE}"%'"""
    for statement in (
        f"SELECT count(*) {written}",
        f"SELECT count(DISTINCT recipient_id) {written}",
        f"SELECT count(*) {told}",
        f"SELECT count(DISTINCT recipients) {told}",
    ):
        if (found := _execute(site, statement)) != users:
            raise BenchmarkError(f"{found} in place of {users}: {statement}")


def _report(users: int, bare: float, run: Run, quiet: Result, busy: Result) -> Report:
    rate = users / run.seconds
    p99 = {name: percentile(one.latencies, 99) for name, one in (("quiet", quiet), ("busy", busy))}
    report = Report(
        f"A notification to {users:,} users in batches of {BATCH}; {RATE:.0f} direct messages a "
        f"second meanwhile; {busy.watched} connected users got theirs"
    )
    report.rows = [
        {"": "bare bulk_create", **_row(bare)},
        {"": "manage.py broadcast", **_row(rate, run)},
    ]
    slowdown = p99["busy"] / p99["quiet"]
    report.goals = [
        Goal("Users a second, broadcast : bulk_create", rate / bare, LEAST_RATIO),
        Goal("Direct messages' p99, during : before", slowdown, MOST_SLOWDOWN, at_most=True),
    ]
    for name in ("broadcast", "server"):
        early, most = _growth([getattr(sample, name) for sample in run.samples])
        what = f"Memory of the {name}, most : most in its first tenth"
        report.goals.append(Goal(what, most / early, MOST_GROWTH, at_most=True))
        report.rows[1][f"{name}, MiB: first tenth"] = early / MEBIBYTE
        report.rows[1][f"{name}: most"] = most / MEBIBYTE
        report.rows[0] |= dict.fromkeys([f"{name}, MiB: first tenth", f"{name}: most"])
    report.rows[0] |= {"messages, ms: p50": percentile(quiet.latencies, 50), "p99": p99["quiet"]}
    report.rows[1] |= {"messages, ms: p50": percentile(busy.latencies, 50), "p99": p99["busy"]}
    report.charts["Notifications written and handed out"] = Chart(
        "users a second", {"socialhub, manage.py broadcast": rate, "bare bulk_create": bare}
    )
    report.raw = {"bare": bare, "run": run, "messages": len(busy.latencies)}
    return report


def _row(rate: float, run: Run | None = None) -> dict[str, Cell]:
    return {
        "users/s": rate,
        "CPU: command": f"{100 * run.broadcast / run.seconds:.0f} %" if run else None,
        "server": f"{100 * run.server / run.seconds:.0f} %" if run else None,
    }


def _growth(sizes: list[int]) -> tuple[int, int]:
    """The most in the first tenth of the time, and in all."""
    if not sizes:
        raise BenchmarkError("the broadcast was too short to look at its memory")
    return max(sizes[: max(1, len(sizes) // 10)]), max(sizes)


if __name__ == "__main__":
    sys.exit(main())
