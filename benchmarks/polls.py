"""What waiting polls cost, and how fast one event answers them all.

    python -m benchmarks.polls [--polls 5000] [--rounds 2] [--out docs/benchmarks]

See README.md beside this file for what is measured, and how.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx
import msgspec
import psycopg

from benchmarks.poll_client import Answers, PollJob
from benchmarks.processes import (
    HOST,
    ROOT,
    BenchmarkError,
    await_quiet,
    cpu_seconds,
    raise_file_limit,
    resident_bytes,
)
from benchmarks.product.publish import Publication
from benchmarks.product.server import METRICS_TOKEN, Site, on_postgresql, token
from benchmarks.results import Goal, Report, options_for, progress, run_benchmark

SUMMARY = "What waiting polls cost, and how fast one event answers them all."
KIBIBYTE = 1024
GOAL_KIBIBYTES = 25.0
GOAL_SECONDS = 1.5
# Four pools of four threads with a connection each, four threads for HTTP, the main
# one and a few libraries': the same for any number of polls.
GOAL_THREADS = 40
GOAL_CONNECTIONS = 20
MAX_POLLS = 10_000
MAX_ROUNDS = 10
SPARE_FILES = 256
# Polls that come and go before memory is measured.
WARM_UP = 200
# Slow enough that the server keeps up: how many it takes a second is another question.
POLLS_PER_SECOND = 250.0
# Without an event the polls wait for longer than the benchmark takes.
WAIT_SECONDS = 600
ANSWER_TIMEOUT = 300.0
POLL_METRIC = "realtime_waiting_polls "


class Measured(msgspec.Struct):
    """One round: memory and threads are of the moment when all polls wait."""

    bytes: int
    threads: int
    connections: int
    seconds: float
    server_cpu: float


def main() -> int:
    parser = options_for("polls", SUMMARY)
    parser.add_argument("--polls", type=int, default=5000, help="waiting ones (default: 5000)")
    parser.add_argument("--rounds", type=int, default=2, help="the worst one counts (default: 3)")
    return run_benchmark(parser, _measure)


def _measure(options: argparse.Namespace) -> Report:
    # The load stays bounded, whatever is asked for.
    polls = 200 if options.quick else max(WARM_UP, min(options.polls, MAX_POLLS))
    rounds = 1 if options.quick else max(1, min(options.rounds, MAX_ROUNDS))
    raise_file_limit(polls + SPARE_FILES)
    with tempfile.TemporaryDirectory(prefix="polls-") as name, on_postgresql(Path(name)) as site:
        site.prepare(polls)
        with (
            site.serving() as (port, pid),
            _process(site, "benchmarks.product.publish") as publisher,
            _process(site, "benchmarks.poll_client") as client,
        ):
            _expect(publisher, "ready")
            bench = Bench(site, port, pid, client, publisher)
            # A poll at 0, the position of an empty log, is answered at once.
            bench.publish("first")
            time.sleep(1)
            bench.measure(min(WARM_UP, polls), "warm-up")
            await_quiet(pid)
            before = resident_bytes(pid)
            found = []
            for number in range(1, rounds + 1):
                found.append(measured := bench.measure(polls, f"round {number}"))
                progress(f"Round {number} of {rounds}: all answered in {measured.seconds:.2f} s")
    return _report(polls, before, found)


class Bench:
    """One server, the client that polls it, and the process that publishes.

    Args:
        client: of `benchmarks.poll_client`.
        publisher: of `benchmarks.product.publish`.
    """

    def __init__(
        self,
        site: Site,
        port: int,
        pid: int,
        client: subprocess.Popen[str],
        publisher: subprocess.Popen[str],
    ) -> None:
        self._site = site
        self._port = port
        self._pid = pid
        self._client = client
        self._publisher = publisher

    def measure(self, polls: int, text: str) -> Measured:
        """Have so many polls wait, one for each user, and answer them with one event.

        Raises:
            BenchmarkError: a poll was not answered with just that event.
        """
        # The first poll that names a channel is answered at once, with its state.
        positions = [answer["last_poll_id"] for answer in self._bodies(self._poll([0] * polls))]
        self._start(positions)
        self._await_waiting(polls)
        await_quiet(self._pid)
        self._await_waiting(polls)
        size, threads = resident_bytes(self._pid), _threads(self._pid)
        connections = self._connections()
        cpu = cpu_seconds(self._pid)
        began = self.publish(text)
        answers = self._answers()
        for answer in self._bodies(answers):
            if [event["payload"]["message"] for event in answer["events"]] != [text]:
                raise BenchmarkError(f"a poll was answered with {answer}")
        used = cpu_seconds(self._pid) - cpu
        return Measured(size, threads, connections, max(answers.at) - began, used)

    def _poll(self, positions: list[int]) -> Answers:
        self._start(positions)
        return self._answers()

    def _start(self, positions: list[int]) -> None:
        requests = [
            _request(self._port, user, position) for user, position in enumerate(positions, start=1)
        ]
        job = PollJob(self._port, requests, POLLS_PER_SECOND, ANSWER_TIMEOUT)
        _write(self._client, msgspec.json.encode(job).decode())
        _expect(self._client, "sent")

    def _answers(self) -> Answers:
        return msgspec.json.decode(_line(self._client), type=Answers)

    @staticmethod
    def _bodies(answers: Answers) -> Iterator[dict[str, Any]]:
        return (msgspec.json.decode(body) for body in answers.bodies)

    def publish(self, text: str) -> float:
        """Publish for everybody; when the transaction that did was committed."""
        _write(self._publisher, msgspec.json.encode(Publication(text)).decode())
        return float(_line(self._publisher).split()[1])

    def _await_waiting(self, polls: int) -> None:
        deadline = time.monotonic() + ANSWER_TIMEOUT
        while (waiting := self._waiting()) != polls:
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{waiting} of {polls} polls wait")
            time.sleep(0.5)

    def _waiting(self) -> int:
        response = httpx.get(
            f"http://{HOST}:{self._port}/metrics",
            headers={"Authorization": f"Bearer {METRICS_TOKEN}"},
            timeout=60,
        )
        for line in response.text.splitlines():
            if line.startswith(POLL_METRIC):
                return int(float(line.removeprefix(POLL_METRIC)))
        raise BenchmarkError(f"no metric of waiting polls: {response.text[:200]}")

    def _connections(self) -> int:
        """The database connections of the server, as PostgreSQL counts them."""
        name = urlsplit(self._site.database_url).path.removeprefix("/")
        with psycopg.connect(self._site.database_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
                " AND pid <> pg_backend_pid()",
                [name],
            ).fetchone()
        assert row is not None
        return int(row[0]) - 1  # the publisher's


def _report(polls: int, before: int, found: list[Measured]) -> Report:
    def kibibytes(measured: Measured) -> float:
        return (measured.bytes - before) / polls / KIBIBYTE

    report = Report(f"{polls:,} waiting polls of as many users in one process, on PostgreSQL")
    for number, measured in enumerate(found, start=1):
        report.rows.append(
            {
                "round": number,
                "KiB per poll": kibibytes(measured),
                "threads": measured.threads,
                "connections": measured.connections,
                "all answered after, s": measured.seconds,
                "server CPU, s": measured.server_cpu,
            }
        )
    worst = max(measured.seconds for measured in found)
    report.goals = [
        Goal("KiB per waiting poll", max(map(kibibytes, found)), GOAL_KIBIBYTES, at_most=True),
        Goal("seconds from the commit to the last answer", worst, GOAL_SECONDS, at_most=True),
        Goal("threads", max(one.threads for one in found), GOAL_THREADS, at_most=True),
        Goal(
            "database connections",
            max(one.connections for one in found),
            GOAL_CONNECTIONS,
            at_most=True,
        ),
    ]
    return report


def _request(port: int, user: int, position: int) -> bytes:
    path = (
        f"/api/v1/realtime/poll?user_id={user}&last_poll_id={position}"
        f"&timeout={WAIT_SECONDS}&channels=bench"
    )
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {HOST}:{port}",
        f"Authorization: Bearer {token(user)}",
        "Accept: application/json",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@contextmanager
def _process(site: Site, module: str) -> Iterator[subprocess.Popen[str]]:
    """A helper that is told what to do line by line, and ends with its input."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=site.environment,
        cwd=ROOT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _write(process: subprocess.Popen[str], line: str) -> None:
    stream: IO[str] | None = process.stdin
    assert stream is not None
    stream.write(f"{line}\n")
    stream.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    if line := process.stdout.readline():
        return line
    raise BenchmarkError("a helper of the benchmark failed; its error is above")


def _expect(process: subprocess.Popen[str], word: str) -> None:
    if (line := _line(process).strip()) != word:
        raise BenchmarkError(f"expected {word!r}, got {line[:200]!r}")


if __name__ == "__main__":
    sys.exit(main())
