"""What an nginx looks like that is set up wrongly; tests/deploy has the right one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from realtime.users import user_id
from tests.clients import PATIENCE
from tests.docs.test_troubleshooting import PAGE, POLL, assert_on_page
from tests.monolith.processes import running, wait_for
from tests.people import token_for
from tests.servers import Address, free_port

# Beside what a page shows: nothing is logged or kept elsewhere.
AROUND = "daemon off;\npid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{}\n}}\n"
UPGRADE = 'proxy_set_header Upgrade $http_upgrade;proxy_set_header Connection "upgrade";'
HOST = "proxy_set_header Host $http_host;"
WITHOUT_UPGRADE = f"location / {{ proxy_pass http://127.0.0.1:8082; {HOST} }}"
WITHOUT_HOST = (
    f"location / {{ proxy_pass http://127.0.0.1:8082; proxy_http_version 1.1; {UPGRADE} }}"
)
IMPATIENT = (
    "location / { proxy_pass http://127.0.0.1:8082; proxy_http_version 1.1; "
    f"{UPGRADE} {HOST} proxy_read_timeout 1s; }}"
)


@contextmanager
def nginx(folder: Path, server: Address, locations: str) -> Iterator[str]:
    """An nginx in front of `server`; its host and port."""
    port = free_port()
    text = locations.replace("127.0.0.1:8082", f"127.0.0.1:{server.port}")
    inside = f"server {{\nlisten 127.0.0.1:{port};\n{text}\n}}"
    (folder / "nginx.conf").write_text(AROUND.format(inside))
    command = ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with running(command, folder) as process:
        wait_for(lambda: answers(port), process)
        yield f"127.0.0.1:{port}"


def answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/")
    except httpx.TransportError:
        return False
    return True


def page_socket(host: str, user: Any) -> connect:
    """A socket of a page of the same host."""
    return connect(f"ws://{host}/ws?token={token_for(user)}", origin=f"http://{host}")  # type: ignore[arg-type]


async def poll(host: str, user: Any) -> httpx.Response:
    """What a poll is answered that waits for 5 s."""
    query = {"user_id": user_id(user), "timeout": "5"}
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        return await http.get(
            f"http://{host}{POLL}",
            params=query,
            headers={"Authorization": f"Bearer {token_for(user)}"},
        )


@pytest.mark.parametrize(
    ("locations", "status", "told"),
    [
        (WITHOUT_UPGRADE, 404, "| 404, a page of HTML | `Upgrade`"),
        (WITHOUT_HOST, 403, "| 403 `This origin is not allowed` | nginx"),
    ],
)
async def test_a_header_that_is_left_out_refuses_the_handshake(
    server: Address, alice: Any, tmp_path: Path, locations: str, status: int, told: str
) -> None:
    with nginx(tmp_path, server, locations) as host, pytest.raises(InvalidStatus) as refused:
        async with page_socket(host, alice):
            pass
    assert refused.value.response.status_code == status
    assert told in PAGE


async def test_a_timeout_that_is_too_short_cuts_sockets_and_polls(
    server: Address, alice: Any, tmp_path: Path
) -> None:
    with nginx(tmp_path, server, IMPATIENT) as host:
        async with page_socket(host, alice) as socket:
            with pytest.raises(ConnectionClosedError):
                await socket.recv()
        assert socket.close_code == 1006
        assert (await poll(host, alice)).status_code == 504
    assert_on_page("504 on polls")
