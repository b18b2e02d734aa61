"""deploy/nginx as a real nginx, with a folder, ports and a certificate of its own."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from realtime.users import user_id
from tests.clients import PATIENCE
from tests.docs.tools.running import run
from tests.monolith.processes import running, wait_for
from tests.people import token_for
from tests.servers import ROOT, free_port

FILES = ROOT / "deploy/nginx"
STATIC = ROOT / "socialhub/static"
UPSTREAM = FILES / "realtime-upstream.conf"


@dataclass(frozen=True)
class Nginx:
    """An nginx that runs; `plain` is the port without TLS."""

    folder: Path
    port: int
    plain: int

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Trusts its certificate, and no other."""
        return ssl.create_default_context(cafile=self.folder / "fullchain.pem")

    def http(self, user: Any = None) -> httpx.AsyncClient:
        """Requests to it, of this user."""
        headers = {"Authorization": f"Bearer {token_for(user)}"} if user else {}
        return httpx.AsyncClient(
            base_url=self.origin,
            verify=self.trust,
            headers=headers,
            timeout=PATIENCE,
            trust_env=False,
        )

    def socket(self, user: Any, **arguments: Any) -> connect:
        """A socket of a page of the site."""
        return connect(
            f"wss://127.0.0.1:{self.port}/ws?token={token_for(user)}",
            origin=self.origin,  # type: ignore[arg-type]
            ssl=self.trust,
            proxy=None,
            **arguments,
        )

    async def poll(self, user: Any, **parameters: Any) -> httpx.Response:
        """What a poll is answered that waits for 5 s."""
        query = {"user_id": user_id(user), "timeout": 5, **parameters}
        async with self.http(user) as http:
            return await http.get("/api/v1/realtime/poll", params=query)

    def log(self) -> list[dict[str, str]]:
        """Its access log."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines]


@contextmanager
def nginx(
    folder: Path, servers: Mapping[str, int], *, upstream: Path = UPSTREAM, static: Path = STATIC
) -> Iterator[Nginx]:
    """nginx with the files of deploy/, in front of `servers`.

    Args:
        servers: the address of each server in the files, and the port that it has here.
        upstream: the file that names them.
        static: the folder of static files.
    """
    found = Nginx(folder, free_port(), free_port())
    here = {f"server {address} ": f"server 127.0.0.1:{port} " for address, port in servers.items()}
    adapt(upstream, folder / "realtime-upstream.conf", here)
    adapt(
        FILES / "realtime.conf",
        folder / "realtime.conf",
        {
            "listen 80;": f"listen 127.0.0.1:{found.plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{found.port} ssl;",
            "/etc/ssl/realtime/fullchain.pem": "fullchain.pem",
            "/etc/ssl/realtime/privkey.pem": "privkey.pem",
            "/var/log/nginx/access.log": "access.log",
            "/srv/realtime/staticfiles/": f"{static}/",
        },
    )
    adapt(
        FILES / "nginx.conf",
        folder / "nginx.conf",
        {
            "pid /run/nginx.pid;": "pid nginx.pid; daemon off;",
            "/var/log/nginx/error.log": "error.log",
            "/etc/nginx/conf.d/": "",
        },
    )
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", "privkey.pem", "-out", "fullchain.pem", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
        folder=folder,
    )  # fmt: skip
    place = ["-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    run("nginx", "-t", "-q", *place)
    with running(["nginx", *place], folder) as process:
        wait_for(lambda: _answers(found.plain), process)
        yield found


def adapt(file: Path, copy: Path, here: Mapping[str, str]) -> None:
    """Copy a file with what it names put in its place here: each has to be in it, once."""
    text = file.read_text()
    for there, replacement in here.items():
        assert text.count(there) == 1, f"{there!r} is {text.count(there)} times in {file}"
        text = text.replace(there, replacement)
    copy.write_text(text)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    except httpx.TransportError:
        return False
    return True
