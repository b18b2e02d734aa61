"""The product as a process, with a database of its own and users whose tokens are at hand."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import jwt

from benchmarks.processes import HOST, free_port, run, serving

SIGNING_KEY = "the-benchmark-signs-tokens-with-this-key-and-nothing-else"
METRICS_TOKEN = "benchmark"
TOKEN_SECONDS = 3600
PREPARE_SECONDS = 300.0
POSTGRESQL = os.environ.get("BENCHMARK_POSTGRESQL", "postgres://postgres@127.0.0.1:5432/postgres")

UVICORN = ("manage.py", "serve", "--host", HOST, "--port", "{port}")
DAPHNE = (
    "-m", "daphne", "--bind", HOST, "--port", "{port}", "--verbosity", "0",
    "socialhub.asgi:application",
)  # fmt: skip


@dataclass
class Site:
    """The measured site.

    Args:
        directory: where its log and its SQLite database are.
        database_url: where its data is.
        extra: more environment for its processes.
    """

    directory: Path
    database_url: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, but for what would change the measured site."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.product.settings",
            "DEBUG": "0",
            "SECRET_KEY": SIGNING_KEY,
            "JWT_SIGNING_KEY": SIGNING_KEY,
            "ALLOWED_HOSTS": HOST,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": "",
            **self.extra,
        }

    def prepare(self, users: int) -> None:
        """Migrate, and make users with the keys 1 to `users`."""
        run(
            "benchmarks.product.prepare",
            str(users),
            env=self.environment,
            timeout=PREPARE_SECONDS,
        )

    @contextmanager
    def serving(self, command: tuple[str, ...] = UVICORN) -> Iterator[tuple[int, int]]:
        """Run one server process; yields its port and its pid."""
        port = free_port()
        filled = [sys.executable, *(part.format(port=port) for part in command)]
        with serving(filled, port, self.environment, self.directory / f"{port}.log") as pid:
            yield port, pid


def on_sqlite(directory: Path) -> Site:
    """A site whose database is a file in `directory`."""
    return Site(directory, f"sqlite:///{directory / 'product.sqlite3'}")


@contextmanager
def on_postgresql(directory: Path) -> Iterator[Site]:
    """A site whose database is a new one in PostgreSQL, dropped in the end.

    On the server that BENCHMARK_POSTGRESQL names, a URL; its user may create databases.
    """
    import psycopg

    name = f"benchmark_{uuid4().hex[:12]}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield Site(directory, urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{name}")))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def token(user: int) -> str:
    """The bearer token of the user with this key."""
    expires = int(time.time()) + TOKEN_SECONDS
    return jwt.encode({"user_id": str(user), "exp": expires}, SIGNING_KEY, algorithm="HS256")
