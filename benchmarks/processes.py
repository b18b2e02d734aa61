"""The benchmark's processes: started on loopback, watched, and ended by their pid."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_TAIL = 2000


class BenchmarkError(Exception):
    """The benchmark could not measure; says nothing about speed."""


def raise_file_limit(wanted: int) -> None:
    """Allow this process and its children so many open files.

    Raises:
        BenchmarkError: the system does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise BenchmarkError(f"{wanted} open files are needed, `ulimit -Hn` says {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def resident_bytes(pid: int) -> int:
    """Memory of a process that is no file's and shared with nobody, as Linux counts it."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (kibibytes,) = (line.split()[1] for line in rollup.splitlines() if line.startswith("Pss_Anon"))
    return int(kibibytes) * 1024


def processor_seconds(pid: int) -> float:
    """What a process has used of the processors, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # proc(5): utime and stime are 14 and 15; here the first two fields are gone.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis of the benchmark's own; yields its URL."""
    port = free_port()
    command = ["redis-server", "--bind", HOST, "--port", str(port), "--save", ""]
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:
        log = Path(directory) / "redis.log"
        with serving(command, port, dict(os.environ), log, cwd=Path(directory)):
            yield f"redis://{HOST}:{port}/0"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def run(
    module: str, *args: str, env: Mapping[str, str], stdin: bytes = b"", timeout: float
) -> bytes:
    """What `python -m module` writes.

    Raises:
        BenchmarkError: it failed, or took longer than `timeout` seconds.
    """
    command = [sys.executable, "-m", module, *args]
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, env=env, cwd=ROOT, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{module} took longer than {timeout:.0f} s") from None
    if done.returncode:
        raise BenchmarkError(f"{module}: {done.stderr.decode(errors='replace')[-LOG_TAIL:]}")
    return done.stdout


@contextmanager
def serving(
    command: list[str], port: int, env: Mapping[str, str], log: Path, cwd: Path = ROOT
) -> Iterator[int]:
    """Run a server; yields its pid once it listens on `port`.

    Raises:
        BenchmarkError: it did not come up. Failures within the block get its
            log's end added.
    """
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=env, cwd=cwd)
    try:
        _await_port(server, port)
        yield server.pid
    except BenchmarkError as error:
        end = log.read_text(errors="replace")[-LOG_TAIL:]
        raise BenchmarkError(f"{error}\n--- end of {log.name}:\n{end}") from None
    finally:
        _stop(server)


def _await_port(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise BenchmarkError(f"the server ended with status {server.returncode}")
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise BenchmarkError(f"the server does not listen after {START_SECONDS:.0f} s")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
