"""PostgreSQL, Redis and nodes of the laboratory's own: started, hurt, and always ended."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import ROOT, UVICORN

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 25.0
LOG_TAIL = 4000
METRICS_TOKEN = "of-the-laboratory"
LIBFAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


class LabError(Exception):
    """The laboratory itself does not work; says nothing about the product."""


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


class Process:
    """A server in a process group of its own: Ctrl-C reaches the laboratory alone.

    Args:
        name: what to call it, and its log.
        folder: where its log goes.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of the running process."""
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(
        self,
        command: list[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        root: Path = ROOT,
    ) -> None:
        """Start it in `root`, as another system user if one is named."""
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid} if user else {}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=root if user is None else "/",
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
                extra_groups=[] if user else None,
                **as_user,  # type: ignore[call-overload]  # user and group
            )

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def ended(self) -> int:
        """Its exit status, once it has ended.

        Raises:
            LabError: it does not end.
        """
        assert self._process is not None
        try:
            return await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} does not end\n{self.tail()}") from None

    def end(self) -> None:
        """End it, whatever state it is in; the last thing that is done to it."""
        if not self.running:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGQUIT if isinstance(self, PostgreSQL) else signal.SIGTERM)
        assert self._process is not None
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tail(self) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.log}\n{text[-LOG_TAIL:]}"

    async def until(self, ready: object, what: str) -> None:
        """Wait until `ready()` is true.

        Raises:
            LabError: the process has ended, or takes too long.
        """
        assert callable(ready)
        deadline = time.monotonic() + START_SECONDS
        while True:
            running = self.running  # asked first: the last thing it does may be what we wait for
            if await asyncio.to_thread(ready):
                return
            if not running or time.monotonic() > deadline:
                raise LabError(f"{self.name} {what}\n{self.tail()}")
            await asyncio.sleep(0.05)


class PostgreSQL(Process):
    """A cluster in a temporary folder, without fsync: the machine does not fail, processes do."""

    def __init__(self, folder: Path) -> None:
        super().__init__("postgresql", folder)
        self.port = free_port()
        self._data = folder / "postgresql"
        # PostgreSQL refuses to run as root.
        self._user = _system_user() if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        return f"postgres://lab@{HOST}:{self.port}/lab"

    def create(self) -> None:
        """Make the cluster.

        Raises:
            LabError: PostgreSQL is not installed.
        """
        self._data.mkdir()
        if self._user:
            shutil.chown(self._data, self._user)
        # So that the first database is ours, too, connections ask for it by name.
        self.spawn(
            [_postgresql("initdb"), "-D", str(self._data), "-U", "lab", "--auth=trust",
             "--encoding=UTF8", "--no-locale", "--no-sync"],
            user=self._user,
        )  # fmt: skip
        assert self._process is not None
        if self._process.wait(START_SECONDS):
            raise LabError(f"initdb fails\n{self.tail()}")

    async def start(self, *arguments: str) -> None:
        """Start it; `arguments` are the server's own, and come last."""
        self.spawn(
            [_postgresql("postgres"), "-D", str(self._data), "-p", str(self.port),
             "-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=",
             "-c", "fsync=off", "-c", "max_connections=200", "-c", "log_min_messages=warning",
             *arguments],
            user=self._user,
        )  # fmt: skip
        await self.until(self._answers, "does not start")

    async def restart(self, how: signal.Signals) -> None:
        """Stop it by SIGINT (fast) or SIGQUIT (at once, as after a crash), and start it again."""
        self.signal(how)
        await self.ended()
        await self.start()

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as the cluster's owner; its rows."""
        with self._connect("lab") as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create_database(self) -> None:
        """An empty one, in place of the one that is there."""
        with self._connect("postgres") as connection:
            connection.execute("DROP DATABASE IF EXISTS lab WITH (FORCE)")
            connection.execute("CREATE DATABASE lab")

    def terminate_connections(self) -> int:
        """End every other connection; how many there were."""
        ended = self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = 'lab' AND pid <> pg_backend_pid()"
        )
        return len(ended)

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=HOST, port=self.port, user="lab", dbname=database, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            with self._connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False


class Redis(Process):
    """A Redis that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__("redis", folder)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    async def start(self) -> None:
        self.spawn(
            [_found("redis-server", "redis-server"), "--port", str(self.port), "--bind", HOST,
             "--save", "", "--appendonly", "no", "--dir", str(self.log.parent)]
        )  # fmt: skip
        await self.until(self._answers, "does not start")

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended()

    def flush(self) -> None:
        """Empty it: group memberships and counters are gone."""
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Node(Process):
    """One server process of the site, always on the same port.

    Args:
        environment: what it finds in its environment besides ours.
        arguments: further arguments for uvicorn.
        root: where its code is.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        environment: Mapping[str, str],
        arguments: tuple[str, ...] = (),
        root: Path = ROOT,
    ) -> None:
        super().__init__(name, folder)
        self.port = free_port()
        # What the node shall do to itself in the middle of the relay's transaction.
        self.order = folder / f"{name}.order"
        self._environment = {**environment, "LAB_ORDER": str(self.order)}
        self._arguments = arguments
        self._root = root

    async def start(self) -> None:
        command = [part.format(port=self.port) for part in UVICORN]
        self.spawn(
            [sys.executable, "-m", *command, *self._arguments],
            env={**os.environ, "PYTHONPATH": str(self._root), **self._environment},
            root=self._root,
        )
        await self.until(self._is_ready, "does not get ready")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{self.port}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self) -> None:
        """As `kill -9`."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self, *, in_good_order: bool = True) -> None:
        """As a rolling restart does.

        Args:
            in_good_order: whether it has to leave the registry.

        Raises:
            LabError: it did not end by itself, with status 0, and in good order.
        """
        said = self.log.stat().st_size
        self.signal(signal.SIGTERM)
        if status := await self.ended():
            raise LabError(f"{self.name} ends with status {status}\n{self.tail()}")
        if in_good_order and b"Could not leave" in self.log.read_bytes()[said:]:
            raise LabError(f"{self.name} does not leave the registry\n{self.tail()}")

    async def freeze(self, seconds: float) -> None:
        """Stop it in whatever it is doing, and let it go on later."""
        self.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.signal(signal.SIGCONT)

    async def strike_in_relay(self, number: signal.Signals) -> None:
        """Have the node send itself a signal while it holds the relay's lock; returns after it.

        The node obeys in its next transaction: see `hooks`.
        """
        draft = self.order.with_suffix(".draft")
        draft.write_text(number.name)
        draft.rename(self.order)  # it never sees half an order
        await self.until(lambda: not self.order.exists(), f"does not obey {number.name}")
        if number is signal.SIGKILL:
            await self.ended()
        else:
            await self.until(lambda: self._state() == "T", "does not stop")

    def _state(self) -> str:
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0]

    def change(self, environment: Mapping[str, str]) -> None:
        """Add to what it finds in its environment the next time it starts."""
        self._environment.update(environment)

    # --- asked directly, not by the proxy -------------------------------------------------

    async def clock_offset(self) -> float:
        """By how many seconds its clock is ahead of ours, as its HTTP responses date it."""
        response = await self._request("GET", "/healthz")
        date = parsedate_to_datetime(response.headers["Date"])
        return date.timestamp() - time.time()

    async def log_in(self, username: str, password: str) -> str:
        """A token, issued by this node."""
        response = await self._request(
            "POST", "/api/v1/auth/token", json={"username": username, "password": password}
        )
        return str(response.json()["access"])

    async def poll_status(self, token: str, user: Any) -> int:
        """The status with which it answers a poll with this token."""
        response = await self._request(
            "GET",
            "/api/v1/realtime/poll",
            params={"user_id": str(user.pk), "timeout": 0},
            headers={"Authorization": f"Bearer {token}"},
        )
        return response.status_code

    async def counted(self, name: str) -> float:
        """What its metrics say of a counter, summed up over its labels.

        Raises:
            LabError: it has no such counter.
        """
        headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        response = await self._request("GET", "/metrics", headers=headers)
        families = text_string_to_metric_families(response.text)
        found = [
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == f"{name}_total"
        ]
        if not found:
            raise LabError(f"{self.name} has no metric {name}: {response.status_code}")
        return sum(found)

    async def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{self.port}", timeout=20) as http:
            return await http.request(method, path, **arguments)

    @property
    def memory(self) -> int:
        """The bytes of memory that it has now (resident set)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def shifted_clock(seconds: float) -> dict[str, str]:
    """The environment in which a process's clock is off; clocks that measure spans are not.

    Raises:
        LabError: libfaketime is not installed.
    """
    found = sorted(Path("/").glob(LIBFAKETIME.removeprefix("/")))
    if not found:
        raise LabError("libfaketime is missing: apt-get install faketime")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": f"{seconds:+.0f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "0",
    }


def _system_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _postgresql(program: str) -> str:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(versions[-1]) if versions else _found(program, "postgresql")


def _found(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise LabError(f"{program} is missing: apt-get install {package}")
    return path
