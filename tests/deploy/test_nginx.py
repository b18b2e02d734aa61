"""deploy/nginx in front of two real servers."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pytest

from notifications.services import notify
from realtime.models import Session
from tests.clients import PATIENCE, in_thread, open_socket
from tests.deploy.proxy import Nginx, nginx
from tests.servers import Address, server_process

Server = tuple[Address, Popen[str]]
SERVERS = ("127.0.0.1:8082", "127.0.0.1:8083")
SOCKETS = 150
GOING_AWAY = 4001


@pytest.fixture
def leaver(transactional_db: None, options: None) -> Iterator[Server]:
    """A server in a process of its own, that can be told to go."""
    with server_process() as server:
        yield server


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port where nobody listens, nor anybody else can."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@pytest.fixture
def proxy(server: Address, nobody: int, tmp_path: Path) -> Iterator[Nginx]:
    """nginx in front of one server; the other one is down."""
    with nginx(tmp_path, dict(zip(SERVERS, (server.port, nobody), strict=True))) as proxy:
        yield proxy


@pytest.fixture
def proxy_of_two(server: Address, leaver: Server, tmp_path: Path) -> Iterator[Nginx]:
    ports = (leaver[0].port, server.port)
    with nginx(tmp_path, dict(zip(SERVERS, ports, strict=True))) as proxy:
        yield proxy


@pytest.fixture
def proxy_alone(nobody: int, tmp_path: Path) -> Iterator[Nginx]:
    with nginx(tmp_path, dict.fromkeys(SERVERS, nobody)) as proxy:
        yield proxy


async def hello(socket: Any, **payload: Any) -> dict[str, Any]:
    """What the server says to a `connect` frame."""
    await socket.send(json.dumps({"type": "connect", "payload": payload}))
    answer: dict[str, Any] = (await next_of(socket, "connect"))["payload"]
    return answer


async def next_of(socket: Any, type: str) -> dict[str, Any]:
    """The next frame of this type."""
    async with asyncio.timeout(PATIENCE):
        while (frame := json.loads(await socket.recv()))["type"] != type:
            pass
    found: dict[str, Any] = frame
    return found


async def first_of_each(socket: Any, *types: str) -> dict[str, dict[str, Any]]:
    """The payload of the next frame of each type, in whatever order they come."""
    found: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(PATIENCE):
        while not found.keys() >= set(types):
            frame = json.loads(await socket.recv())
            found.setdefault(frame["type"], frame["payload"])
    return found


async def test_sockets_and_polls_get_through_with_the_clients_own_address(
    proxy: Nginx, alice: Any
) -> None:
    forged = {"X-Forwarded-For": "203.0.113.7"}
    elsewhere = ("127.0.0.2", 0)
    async with proxy.socket(alice, additional_headers=forged, local_addr=elsewhere) as socket:
        await hello(socket)
        assert await in_thread(lambda: Session.objects.get().address) == "127.0.0.2"
        await in_thread(notify, alice, "like", "Bob liked your post")
        assert (await next_of(socket, "notification"))["payload"]["type"] == "like"
    assert (await proxy.poll(alice)).json()["events"]


async def test_tokens_are_not_in_its_access_log(proxy: Nginx, alice: Any) -> None:
    async with proxy.socket(alice) as socket:
        await hello(socket)
    async with asyncio.timeout(PATIENCE):
        while not (lines := proxy.log()):  # written when the socket has ended
            await asyncio.sleep(0.02)
    assert [(line["path"], line["status"]) for line in lines] == [("/ws", "101")]
    assert "token" not in json.dumps(lines)


@pytest.mark.options(DRAIN_SECONDS=30, MAX_CONNECTIONS=200)
async def test_who_comes_while_one_server_drains_gets_to_the_other(
    proxy_of_two: Nginx, leaver: Server, alice: Any, bob: Any
) -> None:
    draining, process = leaver
    async with AsyncExitStack() as stack:
        # They are sent away one by one: for so long the server drains, its listener open.
        crowd = [
            await stack.enter_async_context(open_socket(draining, bob)) for _ in range(SOCKETS)
        ]
        process.terminate()
        await until_red(draining)
        for _ in range(4):
            async with proxy_of_two.socket(alice) as socket:
                await hello(socket)
            assert (await proxy_of_two.poll(alice, timeout=0)).status_code == 200
        assert {(await socket.closed())[0] for socket in crowd} == {GOING_AWAY}
    assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    async with proxy_of_two.socket(alice) as socket:
        await hello(socket)
    tried = [line["server_status"] for line in proxy_of_two.log()]
    assert any(re.fullmatch(r"503, (101|200)", statuses) for statuses in tried), tried


async def until_red(server: Address) -> None:
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(trust_env=False) as http:
        while (await http.get(f"{server.http}/readyz")).status_code == 200:
            pass


async def test_who_is_sent_away_recovers_on_the_other_server(
    proxy_of_two: Nginx, leaver: Server, alice: Any
) -> None:
    async with AsyncExitStack() as stack:
        sockets, position = [], {}
        # Each goes to the server with fewer, unless that one has just failed.
        while await in_thread(Session.objects.values("node").distinct().count) < 2:
            sockets.append(await stack.enter_async_context(proxy_of_two.socket(alice)))
            told = await hello(sockets[-1])
            position = {name: told[name] for name in ("last_sequence", "epoch")}
        leaver[1].terminate()
        closing = [asyncio.create_task(socket.wait_closed()) for socket in sockets]
        await asyncio.wait(closing, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert {socket.close_code for socket in sockets} == {GOING_AWAY, None}
        await in_thread(notify, alice, "like", "Bob liked your post")
        async with proxy_of_two.socket(alice) as again:
            await again.send(json.dumps({"type": "connect", "payload": position}))
            # In either order: the other server may not have relayed the notification yet.
            told = await first_of_each(again, "notification", "connect")
            assert told["notification"]["type"] == "like"
            assert told["connect"]["recovered"]
        await asyncio.gather(*(socket.close() for socket in sockets), *closing)


async def test_a_request_has_one_id_in_the_answer_and_in_both_logs(
    alice: Any, nobody: int, tmp_path: Path
) -> None:
    printed: list[str] = []
    with server_process(output=printed, LOG_FORMAT="json") as (server, _):
        ports = (server.port, nobody)
        with nginx(tmp_path, dict(zip(SERVERS, ports, strict=True))) as proxy:
            answer = await proxy.poll(alice, last_poll_id="nonsense")
    assert answer.status_code == 400
    (line,) = proxy.log()
    assert line["path"] == "/api/v1/realtime/poll"
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["X-Request-ID"] in "".join(printed)


async def test_guessing_passwords_is_slowed_down_and_nothing_else(proxy: Nginx, alice: Any) -> None:
    wrong = {"username": "alice", "password": "a guess"}
    async with proxy.http() as http:
        tried = [(await http.post("/api/v1/auth/token", json=wrong)).status_code for _ in range(8)]
        assert tried == [401] * 6 + [429] * 2
        pages = ("/login", "/admin/login/")
        assert {(await http.post(page, data=wrong)).status_code for page in pages} == {429}
        assert {(await http.get(page)).status_code for page in pages * 8} == {200}
    assert (await proxy.poll(alice, timeout=0)).status_code == 200


async def test_static_files_come_from_nginx_and_may_be_kept(proxy_alone: Nginx) -> None:
    async with proxy_alone.http() as http:
        answer = await http.get("/static/socialhub/home.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/javascript"
    assert answer.headers["Cache-Control"] == "max-age=600"
    assert answer.headers["Content-Encoding"] == "gzip"


async def test_it_has_a_page_for_its_own_health_and_none_of_the_servers_figures(
    proxy_alone: Nginx,
) -> None:
    async with proxy_alone.http() as http:
        assert (await http.get("/nginx-health")).text == "ok\n"
        assert (await http.get("/metrics")).status_code == 404
        assert (await http.get("/readyz")).status_code == 502


async def test_without_tls_one_is_sent_to_where_there_is(proxy_alone: Nginx) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://localhost:{proxy_alone.plain}/login?next=/")
    assert answer.status_code == 301
    assert answer.headers["Location"] == "https://localhost/login?next=/"
