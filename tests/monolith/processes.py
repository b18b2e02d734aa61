"""Processes that the tests start, and end."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers import free_port

PATIENCE = 60.0


@contextmanager
def running(
    command: list[str],
    folder: Path,
    environment: dict[str, str] | None = None,
    logs: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A process for the length of the block; its output is in a file in `logs`, or `folder`."""
    name = f"{Path(command[0]).name}-{time.monotonic_ns()}.out"
    with ((logs or folder) / name).open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, text=True
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return when a process that has just been started is ready.

    Raises:
        AssertionError: it ends instead, or takes too long.
    """
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert process.poll() is None, f"{process.args!r} has ended: see its output"
        assert time.monotonic() < deadline, f"{process.args!r} does not come up"
        time.sleep(0.05)


class Redis:
    """A Redis of the tests' own, that can be stopped and started again.

    Attributes:
        url: without the number of a database.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._running = ExitStack()
        self.url = f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it; return when it listens."""
        assert shutil.which("redis-server"), "redis-server is missing: apt-get install redis-server"
        address = ["--port", str(self._port), "--bind", "127.0.0.1"]
        command = ["redis-server", *address, "--save", "", "--appendonly", "no"]
        process = self._running.enter_context(running(command, self._folder))
        wait_for(self._listens, process)

    def stop(self) -> None:
        """Stop it; return when it has ended."""
        self._running.close()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
