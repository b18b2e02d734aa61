"""The load client: many sockets in a process of its own, one of which publishes.

`load.c` beside this file, built when first needed, so that the server is what is
measured and not the client.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec

from benchmarks.processes import BenchmarkError

SOURCE = Path(__file__).with_name("load.c")
OPENING_AT_ONCE = 20
_directory = tempfile.TemporaryDirectory(prefix="load-")


class Job(msgspec.Struct):
    """What to do.

    Attributes:
        requests: for each socket, its opening request.
        hello: a frame that each socket sends once it is open; empty: none.
        greetings: frames that a socket gets before it is subscribed.
        envelope: the frame that publishes, with `%%%%%%` where the event's number goes.
        publisher: the opening request of the socket that publishes; empty: the first one does.
        timeout: seconds that opening, warm-up and the measurement may take, each.
        at_once: how many sockets are in their handshake at the same time.
    """

    port: int
    server_pid: int
    requests: list[bytes]
    timeout: float
    hello: bytes = b""
    greetings: int = 0
    envelope: bytes = b""
    publisher: bytes = b""
    warm_up: int = 0
    events: int = 0
    in_flight: int = 1
    at_once: int = OPENING_AT_ONCE

    def as_input(self, *, hold: bool) -> bytes:
        """The text that `load.c` reads."""
        numbers = (
            self.port, len(self.requests), self.at_once, self.greetings, self.warm_up,
            self.events, self.in_flight, int(self.timeout * 1000), int(hold), self.server_pid,
        )  # fmt: skip
        texts = [self.hello, self.publisher, self.envelope, *self.requests]
        sized = b"".join(b"%d\n%s" % (len(text), text) for text in texts)
        return b" ".join(b"%d" % number for number in numbers) + b"\n" + sized


class Opened(msgspec.Struct):
    """All sockets are open.

    Attributes:
        opened_in: seconds from the first connect to the last socket's last greeting.
        server: processor seconds of the server meanwhile.
        client: processor seconds of the client meanwhile.
    """

    opened_in: float
    server: float
    client: float


class Usage(msgspec.Struct):
    """Processor seconds; None where the system does not tell.

    Attributes:
        others: used by processes that are no part of the measurement.
        server_queued: the server could have gone on, but other processes had the cores.
    """

    server: float | None
    client: float | None
    others: float | None
    server_queued: float | None
    client_queued: float | None


class Result(msgspec.Struct):
    """What was measured, all in seconds.

    Attributes:
        seconds: from the first publish to the last delivery at the last socket.
        usage: processor time in that interval.
        latencies: for each event, from its publish to its last delivery.
    """

    sockets: int
    events: int
    seconds: float
    usage: Usage
    latencies: list[float]

    @property
    def deliveries_per_second(self) -> float:
        return self.sockets * self.events / self.seconds

    @property
    def deliveries_per_cpu_second(self) -> float | None:
        """By the server's processor time: hardly moved by what else the machine does."""
        used = self.usage.server
        return self.sockets * self.events / used if used else None


def opening_request(port: int, path: str, token: str = "") -> bytes:
    """The opening request (RFC 6455, section 4.1); nothing is compressed, as no extension is."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def fan_out(job: Job) -> tuple[Opened, Result]:
    """Open the sockets, publish, verify.

    Raises:
        BenchmarkError: a socket did not get just what was published, once and in order.
    """
    with _running(job, hold=False) as (opened, client):
        line = _line(client)
        return opened, msgspec.json.decode(line, type=Result)


@contextmanager
def held_open(job: Job) -> Iterator[Opened]:
    """Keep the sockets open for as long as the block lasts.

    Raises:
        BenchmarkError: not all could be opened.
    """
    with _running(job, hold=True) as (opened, _):
        yield opened


@contextmanager
def _running(job: Job, *, hold: bool) -> Iterator[tuple[Opened, subprocess.Popen[bytes]]]:
    client = subprocess.Popen(
        [_program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert client.stdin is not None
    try:
        client.stdin.write(job.as_input(hold=hold))
        client.stdin.flush()
        yield msgspec.json.decode(_line(client), type=Opened), client
    finally:
        client.stdin.close()
        client.kill()
        client.wait()


def _line(client: subprocess.Popen[bytes]) -> bytes:
    assert client.stdout is not None
    assert client.stderr is not None
    if line := client.stdout.readline():
        return line
    raise BenchmarkError(f"the load client: {client.stderr.read().decode(errors='replace')}")


@cache
def _program() -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchmarkError("there is no C compiler: apt-get install gcc libc6-dev")
    subprocess.run([compiler, "-O2", "-o", f"{_directory.name}/load", str(SOURCE)], check=True)
    return f"{_directory.name}/load"
