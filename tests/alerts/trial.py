"""The site that is on trial, and what an operator does to it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg

from tests.alerts.prometheus import Prometheus
from tests.alerts.runbook import RunbookError
from tests.faults.processes import HOST, Node, PostgreSQL, Redis
from tests.faults.proxy import Balancer, Line
from tests.servers import ROOT, Address

PATIENCE = 60.0
LOOK_SECONDS = 0.2


class Site:
    """Two nodes; the second reaches PostgreSQL by a line that can be cut.

    Args:
        folder: where logs go.
    """

    def __init__(self, folder: Path, postgresql: PostgreSQL, redis: Redis) -> None:
        self.postgresql = postgresql
        self.redis = redis
        self.line = Line(Balancer([postgresql.port]))
        self.nodes = [Node(f"node-{number}", folder, {}) for number in range(2)]

    @property
    def targets(self) -> list[str]:
        return [f"{HOST}:{node.port}" for node in self.nodes]

    async def start(self) -> None:
        await self.line.open()
        own = urlsplit(self.postgresql.url)
        behind = own._replace(netloc=own.netloc.replace(str(own.port), str(self.line.port)))
        common = {"METRICS_TOKEN": "the-token", "REDIS_URL": self.redis.url}
        self.nodes[0].change({**common, "DATABASE_URL": self.postgresql.url})
        self.nodes[1].change({**common, "DATABASE_URL": behind.geturl()})
        await asyncio.gather(*(node.start() for node in self.nodes))

    def address(self, number: int = 0) -> Address:
        """Where a node listens."""
        node = self.nodes[number]
        return Address(node.port, node.pid)

    def end(self) -> None:
        for node in self.nodes:
            node.end()


class Trial:
    """One alert's.

    Args:
        alert: its name.
        section: what the runbook says of it.
    """

    def __init__(self, alert: str, section: str, site: Site, prometheus: Prometheus) -> None:
        self.site = site
        self._alert = alert
        self._section = section
        self._prometheus = prometheus

    async def fires(self) -> str:
        """Wait until the alert fires; its summary."""
        return await self._until(firing=True)

    async def over(self) -> None:
        """Wait until it does not fire any more, nor any other."""
        await self._until(firing=False)

    async def _until(self, *, firing: bool) -> str:
        deadline = time.monotonic() + PATIENCE
        while True:
            now = await asyncio.to_thread(self._prometheus.firing)
            if (self._alert in now) if firing else not now:
                return now.get(self._alert, "")
            assert time.monotonic() < deadline, f"after {PATIENCE:.0f} s there fire: {now}"
            await asyncio.sleep(LOOK_SECONDS)

    # --- what the operator does ---------------------------------------------------------

    def _told_to(self, what: str) -> None:
        if what not in self._section:
            raise RunbookError(f"The runbook does not say `{what}` of {self._alert}")

    async def manage(self, command: str) -> str:
        """Type `manage.py …` as the runbook says; what it prints."""
        self._told_to(command)
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, *command.split()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.stdout + done.stderr

    async def readyz(self, number: int) -> str:
        """Ask a node whether it can serve."""
        self._told_to("/readyz")
        async with httpx.AsyncClient(timeout=10) as http:
            return (await http.get(f"{self.site.address(number).http}/readyz")).text

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Type a statement of the runbook's into psql; the rows."""
        self._told_to(" ".join(statement.split()))
        return self.site.postgresql.execute(statement)

    def obey(self, advice: str) -> None:
        """Type a statement that a command has said to type."""
        self.site.postgresql.execute(advice)

    def logged(self, number: int, text: str) -> bool:
        """Whether a node's log has this text, which the runbook has one look for."""
        return text in self.site.nodes[number].log.read_text(errors="replace")


@contextmanager
def held(postgresql: PostgreSQL, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that somebody has forgotten, after this statement."""
    connection = psycopg.connect(postgresql.url)
    try:
        connection.execute(statement.encode())
        yield connection
    finally:
        connection.close()
