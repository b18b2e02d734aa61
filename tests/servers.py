"""Real servers for tests: uvicorn in a thread, any server in a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import httpx
import uvicorn
from django.conf import settings
from django.db import connection

from realtime.uvicorn_protocol import HttpProtocol, WebSocketProtocol

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT = 30.0


@dataclass(frozen=True)
class Address:
    """Where a server listens; `pid` is that of its process."""

    port: int
    pid: int

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


@contextmanager
def uvicorn_thread(application: Any = None) -> Iterator[Address]:
    """The site on uvicorn, or another application, in a thread of this process."""
    lifespan: Literal["on", "off"] = "on" if application is None else "off"
    if application is None:
        from socialhub.asgi import application

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=128 * 1024,
        ws_per_message_deflate=False,
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="server")
    thread.start()
    try:
        _wait(lambda: server.started, thread.is_alive)
        yield Address(listener.getsockname()[1], os.getpid())
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def database_url() -> str:
    """The test database, for DATABASE_URL of other processes."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    user = quote(parts["USER"]) + (f":{quote(parts['PASSWORD'])}" if parts["PASSWORD"] else "")
    return f"postgres://{user}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"


def environment(**extra: str) -> dict[str, str]:
    """The environment in which other processes use the test database."""
    return {
        # Its settings are those of this worker, not a worker's of their own.
        **{name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"},
        "DATABASE_URL": database_url(),
        "PYTHONPATH": str(ROOT),
        "TEST_OPTIONS": json.dumps(settings.REALTIME),
        **extra,
    }


def manage(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` in another process, on the test database."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


UVICORN = (
    "uvicorn", "socialhub.asgi:application", "--host", "127.0.0.1", "--port", "{port}",
    "--http", "realtime.uvicorn_protocol:HttpProtocol",
    "--ws", "realtime.uvicorn_protocol:WebSocketProtocol", "--ws-max-size", "131072",
    "--ws-per-message-deflate", "false", "--log-level", "warning", "--no-access-log",
)  # fmt: skip
PLAIN_UVICORN = ("uvicorn", "socialhub.asgi:application", "--host", "127.0.0.1", "--port", "{port}")
DAPHNE = ("daphne", "-b", "127.0.0.1", "-p", "{port}", "socialhub.asgi:application")


@contextmanager
def server_process(
    command: tuple[str, ...] = UVICORN, *, output: list[str] | None = None, **extra: str
) -> Iterator[tuple[Address, subprocess.Popen[str]]]:
    """The site on a server of its own, ready to serve.

    Args:
        command: a module and its arguments; `{port}` becomes a free port.
        output: gets the lines that it prints, all of them when the block has ended.
        extra: further environment variables.
    """
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *(part.format(port=port) for part in command)],
        cwd=ROOT,
        env=environment(**extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = [] if output is None else output
    reader = threading.Thread(target=lambda: output.extend(process.stdout or ()))
    reader.start()
    address = Address(port, process.pid)
    try:
        try:
            wait_until_ready(address, lambda: process.poll() is None)
        except TimeoutError:
            raise AssertionError("Server did not start:\n" + "".join(output)) from None
        yield address, process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        if process.stdout:
            process.stdout.close()


def free_port() -> int:
    """A port on which nothing listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_until_ready(address: Address, alive: Callable[[], bool]) -> None:
    """Wait until a server can serve.

    Raises:
        TimeoutError: it took too long, or its process has ended.
    """
    _wait(lambda: _is_ready(address), alive)


def _is_ready(address: Address) -> bool:
    try:
        return httpx.get(f"{address.http}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _wait(done: Callable[[], bool], alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not done():
        if time.monotonic() > deadline or not alive():
            raise TimeoutError("server did not start")
        time.sleep(0.02)
