"""What the product reads and promises, for the files of deploy/ to be held against."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from realtime.conf import Options
from tests.clients import PATIENCE
from tests.servers import ROOT

# The environment that the sample site reads, and what uvicorn adds.
READ = {
    *re.findall(r'env\.\w+\(\s*"(\w+)"', (ROOT / "socialhub/settings.py").read_text()),
    "FORWARDED_ALLOW_IPS",
}
# From SIGTERM to SIGKILL: docs/operations.md, Restarting.
STOP_SECONDS = Options().DRAIN_SECONDS + 15
GOING_AWAY = 4001
SUPERUSER = {
    "DJANGO_SUPERUSER_USERNAME": "alice",
    "DJANGO_SUPERUSER_EMAIL": "alice@example.org",
    "DJANGO_SUPERUSER_PASSWORD": "correct horse battery staple",
}
SECRET = "a-secret-of-the-tests-that-is-long-enough-for-signing"
# As for a unit or a container: nothing of ours.
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "LANG": "C.UTF-8"}


def variables(file: Path) -> dict[str, str]:
    """The variables of an environment file."""
    lines = (line.strip() for line in file.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def call(command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """The exit status of a command, and what it has printed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout


def succeeds(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What a command prints that has to succeed."""
    status, output = call(command, folder, environment)
    assert status == 0, f"{command}: {output}"
    return output


@dataclass(frozen=True)
class Visitor:
    """Who comes to a server as nginx would: by HTTPS, under the site's name."""

    port: int
    host: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Host": self.host, "X-Forwarded-Proto": "https"}

    async def token(self) -> str:
        """The superuser's."""
        names = {"username": "USERNAME", "password": "PASSWORD"}
        body = {name: SUPERUSER[f"DJANGO_SUPERUSER_{key}"] for name, key in names.items()}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            url = f"http://127.0.0.1:{self.port}/api/v1/auth/token"
            answer = await http.post(url, json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access"])

    def socket(self, token: str) -> connect:
        """A socket, by the server's address but under the site's name."""
        url = f"ws://{self.host}/ws?token={token}"
        there: dict[str, Any] = {"host": "127.0.0.1", "port": self.port}
        return connect(url, proxy=None, **there)
