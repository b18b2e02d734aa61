"""Several processes on one database, with nothing else between them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from notifications.services import notify
from realtime.models import Node, Session
from realtime.users import user_id
from tests.clients import (
    PATIENCE,
    Frame,
    in_thread,
    open_http,
    open_poller,
    open_socket,
    settled,
    waiting_poll,
)
from tests.messaging.talk import pair
from tests.people import login_name, token_for
from tests.servers import (
    DAPHNE,
    PLAIN_UVICORN,
    ROOT,
    UVICORN,
    Address,
    environment,
    manage,
    server_process,
)

NOTIFY = """
import sys
from django.contrib.auth import get_user_model
from notifications.services import notify
user = get_user_model()._default_manager.get(pk=sys.argv[-1])
notify(user, "like", "from a shell")
"""
DISABLE = """
import sys
from django.contrib.auth import get_user_model
user = get_user_model()._default_manager.get(pk=sys.argv[-1])
user.is_active = False
user.save()
"""


def shell(code: str, user: Any) -> None:
    """Run `code` in `manage.py shell`, in another process, with the user's key at hand."""
    done = manage("shell", "-v0", "-c", code.replace("sys.argv[-1]", repr(user_id(user))))
    assert done.returncode == 0, done.stderr


async def test_a_notification_from_a_shell_reaches_tail_socket_poll_and_missed_alike(
    alice: Any,
) -> None:
    with server_process(REDIS_URL="") as (server, _):
        tail = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", "tail", login_name(alice), "--count", "1",
            "--json", "--payload",
            cwd=ROOT, env=environment(REDIS_URL=""), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert b"Following" in await tail.stderr.readline()
        async with open_socket(server, alice) as socket, open_poller(server, alice) as poller:
            await socket.silence()
            start = poller.position
            await asyncio.to_thread(shell, NOTIFY, alice)
            frame = await socket.expect("notification")
            assert frame["payload"]["message"] == "from a shell"
            assert frame["sequence"] > start
            event = (await poller.events(1))[0]
            assert (event["event_id"], event["id"]) == (frame["id"], frame["sequence"])
            missed = await poller.http.get(
                "/api/v1/realtime/poll/missed",
                params={"user_id": user_id(alice), "last_sequence": start},
            )
            assert missed.json()["messages"] == [frame]
            assert json.loads(await tail.stdout.readline()) == frame
        await asyncio.wait_for(tail.communicate(), PATIENCE)
        assert tail.returncode == 0


@pytest.mark.options(MAX_WAITING_POLLS=1)
async def test_two_nodes_share_events_and_the_end_of_an_account(alice: Any, bob: Any) -> None:
    with server_process(REDIS_URL="") as (one, _), server_process(REDIS_URL="") as (two, _):
        async with (
            open_socket(one, alice) as first,
            open_socket(two, alice) as second,
            open_socket(two, bob) as other,
            open_http(one, alice) as http,
        ):
            for socket in (first, second, other):
                await socket.silence()
            await asyncio.to_thread(shell, NOTIFY, alice)
            frames = [await first.expect("notification"), await second.expect("notification")]
            assert frames[0] == frames[1]
            # Written through either node, it reaches both.
            read = {"notification_id": frames[0]["payload"]["id"]}
            await second.send("notification_read", read)
            assert await first.expect("notification_read") == await second.expect(
                "notification_read"
            )
            waiting = await waiting_poll(http, alice, first.seen[-1]["sequence"])
            await asyncio.to_thread(shell, DISABLE, alice)
            for socket in (first, second):
                code, before = await socket.closed()
                assert code == 4503
                assert before[-1]["payload"]["reason"] == "account_disabled"
            assert (await asyncio.wait_for(waiting, PATIENCE)).status_code == 401
            await other.silence()


@pytest.mark.parametrize(
    "command", [UVICORN, PLAIN_UVICORN, DAPHNE], ids=lambda c: "-".join(c[::6])
)
class TestOnEveryServer:
    """What has to hold on uvicorn with our protocol, on plain uvicorn, and on daphne."""

    async def test_events_commands_and_recovery_work(
        self, command: tuple[str, ...], alice: Any
    ) -> None:
        with server_process(command) as (server, _):
            async with open_socket(server, alice, subprotocols=["socialhub.v1"]) as socket:
                assert socket.connection.subprotocol == "socialhub.v1"
                start = (await socket.ask("connect"))["payload"]
                await in_thread(notify, alice, "like", "x" * 70_000)
                frame = await socket.expect("notification")
                assert len(frame["payload"]["message"]) == 70_000
                read = {"notification_id": frame["payload"]["id"]}
                assert (await socket.ask("notification_read", read))["type"] in (
                    "ack",
                    "notification_read",
                )
            position = {"last_sequence": start["last_sequence"], "epoch": start["epoch"]}
            async with open_socket(server, alice, **position) as socket:
                types = [(await socket.receive())["type"] for _ in range(3)]
                # The node may read the second event just before or after the reply.
                assert types[0] == "notification"
                assert set(types[1:]) == {"notification_read", "connect"}

    async def test_refused_handshakes_are_http_responses_with_the_error_as_body(
        self, command: tuple[str, ...], alice: Any
    ) -> None:
        with server_process(command) as (server, _):
            for query, headers, status, code in (
                ("", {}, 401, "MISSING_TOKEN"),
                ("?token=x", {}, 401, "INVALID_TOKEN"),
                ("?token=x", {"Origin": "https://evil.example"}, 403, "FORBIDDEN"),
            ):
                response = await handshake(server.port, query, headers)
                assert response["status"] == status, response
                assert response["body"]["code"] == code
                assert response["headers"]["content-type"] == "application/json"
            async with AsyncExitStack() as stack:
                for _ in range(10):
                    await stack.enter_async_context(open_socket(server, alice))
                response = await handshake(server.port, f"?token={token_for(alice)}", {})
                assert response["status"] == 429
                assert response["body"]["code"] == "MAX_CONNECTIONS"
                assert int(response["headers"]["retry-after"]) > 0

    async def test_a_frame_over_64_kib_closes_with_1009(
        self, command: tuple[str, ...], alice: Any
    ) -> None:
        with server_process(command) as (server, _):
            async with open_socket(server, alice) as socket:
                await socket.send("heartbeat", filler="x" * 66_000)
                assert (await socket.closed())[0] == 1009

    @pytest.mark.options(MAX_WAITING_POLLS=1)
    async def test_sigterm_sends_everybody_away_and_ends_well(
        self, command: tuple[str, ...], alice: Any
    ) -> None:
        with server_process(command) as (server, process):
            async with open_socket(server, alice) as socket, open_http(server, alice) as http:
                await socket.silence()
                waiting = await waiting_poll(http, alice)
                process.send_signal(signal.SIGTERM)
                code, before = await socket.closed()
                assert code == 4001
                goodbye = before[-1]
                assert goodbye["type"] == "disconnect"
                assert goodbye["payload"]["reason"] == "server_shutdown"
                assert goodbye["payload"]["reconnect"] is True
                assert goodbye["payload"]["reconnect_after_ms"] >= 0
                assert (await waiting).json()["events"] == []
            assert await asyncio.to_thread(process.wait, PATIENCE) == 0
            assert not await in_thread(Node.objects.exists)
            assert not await in_thread(Session.objects.exists)


async def handshake(port: int, query: str, headers: dict[str, str]) -> dict[str, Any]:
    """A handshake by hand: how the server refuses it, to the letter."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(upgrade(port, query, headers))
    raw = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return {
        "status": int(status.split()[1]),
        "headers": {
            name.lower(): value for name, _, value in (line.partition(": ") for line in fields)
        },
        "body": json.loads(body),
    }


def upgrade(port: int, query: str, headers: dict[str, str] | None = None) -> bytes:
    """The request that asks for a WebSocket."""
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **(headers or {}),
    }
    lines = [f"GET /ws{query} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def attempt(stack: AsyncExitStack, server: Address, user: Any) -> int:
    """Open one more socket; the status of the handshake."""
    try:
        await stack.enter_async_context(open_socket(server, user))
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


async def knock(server: Address, token: str) -> tuple[int, asyncio.StreamWriter]:
    """A handshake with as little around it as can be: its status, and the open connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(upgrade(server.port, f"?token={token}"))
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    return int(head.split()[1]), writer


async def test_of_eleven_handshakes_at_once_on_two_nodes_exactly_ten_get_in(alice: Any) -> None:
    token = token_for(alice)
    with server_process() as (one, _), server_process() as (two, _):
        servers = ([one, two] * 6)[:11]
        for _ in range(100):
            answers = await asyncio.gather(*(knock(server, token) for server in servers))
            assert sorted(status for status, _ in answers) == [101] * 10 + [429]
            for _, writer in answers:
                writer.close()
            async with asyncio.timeout(PATIENCE):
                while await in_thread(Session.objects.exists):
                    await asyncio.sleep(0.005)


@pytest.mark.options(LEASE_SECONDS=0.5)
async def test_a_killed_node_s_slots_are_free_again(alice: Any) -> None:
    with server_process() as (server, process):
        async with AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(open_socket(server, alice))
            process.kill()
            process.wait()
    assert await in_thread(Session.objects.count) == 10
    with server_process() as (another, _):
        async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
            while await attempt(stack, another, alice) == 429:
                await asyncio.sleep(0.05)


@pytest.mark.options(MAX_WAITING_POLLS=1000)
async def test_500_waiting_polls_hold_a_handful_of_threads_and_are_all_answered(
    alice: Any,
) -> None:
    with server_process() as (server, _):
        async with open_http(server, alice) as http:
            parameters: dict[str, Any] = {"user_id": user_id(alice), "timeout": 30}
            await http.get("/api/v1/realtime/poll", params={**parameters, "timeout": 0})
            quiet = threads(server.pid)
            waiting = [
                asyncio.create_task(http.get("/api/v1/realtime/poll", params=parameters))
                for _ in range(500)
            ]
            await all_connected(server.port, 500)
            assert threads(server.pid) - quiet <= 4 * 4 + 4  # the pools, the request lanes
            await in_thread(notify, alice, "like", "now")
            answers: list[Frame] = [
                response.json() for response in await asyncio.wait_for(asyncio.gather(*waiting), 30)
            ]
        assert {len(answer["events"]) for answer in answers} == {1}


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


async def all_connected(port: int, count: int) -> None:
    """Return when so many connections to the port stand, and the server has read from all."""
    mark = f":{port:04X}"
    async with asyncio.timeout(PATIENCE):
        while True:
            table = await asyncio.to_thread(Path("/proc/net/tcp").read_text)
            rows = [row.split() for row in table.splitlines()[1:]]
            served = [row for row in rows if row[1].endswith(mark) and row[3] == "01"]
            if len(served) >= count and all(row[4].endswith(":00000000") for row in served):
                return
            await asyncio.sleep(0.05)


@pytest.mark.options(MAX_BUFFERED_BYTES=200_000)
@pytest.mark.parametrize(
    "command", [UVICORN, PLAIN_UVICORN, DAPHNE], ids=lambda c: "-".join(c[::6])
)
async def test_a_client_that_stops_reading_is_dropped_and_frees_its_slot(
    command: tuple[str, ...], alice: Any, bob: Any
) -> None:
    with server_process(command) as (server, _):
        async with open_socket(server, bob) as other:
            await other.silence()
            slow = await stopped_reader(server.port, token_for(alice))
            assert await in_thread(Session.objects.count) == 2
            for _ in range(100):
                await in_thread(notify, alice, "like", "x" * 60_000)
                if await in_thread(Session.objects.count) == 1:
                    break
            async with asyncio.timeout(PATIENCE):
                while await in_thread(Session.objects.count) > 1:
                    await asyncio.sleep(0.05)
            await in_thread(notify, bob, "like", "text")
            await other.expect("notification")
            slow.close()


async def stopped_reader(port: int, token: str) -> socket.socket:
    """A WebSocket whose client takes nothing after the handshake."""
    client = socket.socket()
    # A small window: the bytes pile up in the server, not in the network.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, upgrade(port, f"?token={token}"))
    assert b" 101 " in await loop.sock_recv(client, 1000)
    return client


@pytest.mark.options(MAX_BUFFERED_BYTES=64 * 1024 * 1024)
@pytest.mark.parametrize("server", [UVICORN, DAPHNE], ids=["uvicorn", "daphne"])
async def test_a_client_that_is_behind_gets_of_each_state_the_last(
    alice: Any, bob: Any, server: tuple[str, ...]
) -> None:
    conversation = await in_thread(pair, alice, bob)
    typing = {"conversation_id": f"conv_{conversation}"}
    with server_process(server) as (address, _):
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.connect(("127.0.0.1", address.port))
        query = f"?token={token_for(alice)}&channels=conversation:conv_{conversation}"
        async with (
            open_socket(address, bob) as other,
            # It reads a frame when it is asked for one, and is not asked now.
            connect(address.ws + query, sock=small, max_queue=1, max_size=None) as slow,
        ):
            # More than all buffers on the way.
            for _ in range(100):
                await in_thread(notify, alice, "like", "x" * 90_000)
            await settled(address, bob)
            for _ in range(20):
                await other.ask("typing_start", typing)
                await other.ask("typing_stop", typing)
            seen: list[Frame] = []
            async with asyncio.timeout(4 * PATIENCE):
                while not seen or seen[-1]["type"] != "typing_stop":
                    seen.append(json.loads(await slow.recv()))
    assert sum(frame["type"] == "notification" for frame in seen) == 100
    assert [frame["type"] for frame in seen if frame["type"].startswith("typing")] == [
        "typing_stop"
    ]
