"""Failures as clients see them: INTERNAL_ERROR with a number to ask about, and 503."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.db import connection
from websockets.exceptions import InvalidStatus

from notifications.services import mark_all_read, notify
from realtime import hints
from realtime.draining import drain
from realtime.lifecycle import local_nodes
from realtime.models import Node
from realtime.users import user_id
from tests.clients import PATIENCE, Frame, in_thread, open_http, open_socket, sockets_on_two_workers
from tests.people import token_for
from tests.realtime.test_nodes import handshake, stopped_reader
from tests.servers import DAPHNE, UVICORN, Address, server_process, uvicorn_thread


@asynccontextmanager
async def without_table(name: str) -> AsyncIterator[None]:
    """A database that fails: one of its tables is away."""

    def rename(old: str, new: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await in_thread(rename, name, f"{name}_away")
    try:
        yield
    finally:
        await in_thread(rename, f"{name}_away", name)


def assert_internal(error: Frame, caplog: pytest.LogCaptureFixture) -> None:
    """It says nothing of the inside, and its number is in the log."""
    assert error["code"] == "INTERNAL_ERROR"
    assert error["message"] == "Internal server error"
    assert set(error["details"]) <= {"request_id", "retry_after"}
    assert any(error["details"]["request_id"] in record.getMessage() for record in caplog.records)


async def test_a_command_that_fails_is_answered_and_the_socket_stays(
    server: Address, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(server, alice) as socket:
        async with without_table("notifications_inbox"):
            frame = await socket.ask("notification_read_all")
            assert frame["type"] == "error"
            assert_internal(frame["payload"], caplog)
            await socket.silence()
        assert (await socket.ask("notification_read_all"))["type"] == "ack"
        await in_thread(notify, alice, "like", "text")
        await socket.expect("notification")


async def test_a_recovery_that_fails_sends_the_client_back_to_try_again(
    server: Address, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(server, alice) as socket:
        async with without_table("notifications_inbox"):
            await socket.send("connect", {"last_sequence": 0}, ack_id="a1")
            code, before = await socket.closed()
        assert code == 4000
        assert before[0]["ack_id"] == "a1"
        assert_internal(before[0]["payload"], caplog)
        assert before[1]["payload"] == {
            "reason": "recovery_failed",
            "code": 4000,
            "reconnect": True,
        }


async def test_a_handshake_that_fails_is_a_500(
    server: Address, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with without_table("realtime_session"):
        response = await handshake(server.port, f"?token={token_for(alice)}", {})
    assert response["status"] == 500
    assert_internal(response["body"], caplog)


async def test_requests_that_fail_are_a_500_with_the_limit_s_headers(
    server: Address, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    me = user_id(alice)
    async with open_http(server, alice) as http:
        async with without_table("realtime_eventrecipient"):
            paths: tuple[tuple[str, dict[str, Any]], ...] = (
                ("/api/v1/realtime/poll", {"user_id": me, "last_poll_id": 0}),
                ("/api/v1/realtime/poll/missed", {"user_id": me, "last_sequence": 0}),
            )
            for path, parameters in paths:
                response = await http.get(path, params={**parameters, "epoch": "x"})
                assert response.status_code == 500
                assert response.headers["X-RateLimit-Limit"]
                assert_internal(response.json(), caplog)
        async with without_table("notifications_inbox"):
            response = await http.get("/api/v1/notifications/unread-count")
            assert response.status_code == 500
            assert_internal(response.json(), caplog)
            response = await http.post("/api/v1/realtime/send", json={"type": "connect"})
            assert response.status_code == 500
            assert_internal(response.json()["payload"], caplog)


async def test_readiness_says_what_is_wrong_and_recovers(server: Address) -> None:
    async with open_http(server) as http:
        async with without_table("realtime_loghead"):
            response = await http.get("/readyz")
            assert response.status_code == 503
            assert response.json()["problems"][0].startswith("database: ")
            assert (await http.get("/healthz")).status_code == 200
        async with asyncio.timeout(PATIENCE):
            while (await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("command", [UVICORN, DAPHNE], ids=["uvicorn", "daphne"])
async def test_who_comes_while_the_server_is_going_is_told_to_come_again(
    command: tuple[str, ...], alice: Any
) -> None:
    with server_process(command) as (server, process):
        # It takes nothing, not even the goodbye: the server has to wait for it.
        slow = await stopped_reader(server.port, token_for(alice))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            while (response := await handshake(server.port, f"?token={token_for(alice)}", {})).get(
                "status"
            ) != 503:
                await asyncio.sleep(0.02)
        assert response["body"]["code"] == "INTERNAL_ERROR"
        assert response["headers"]["retry-after"] == "1"
        slow.close()


async def test_polls_and_readiness_of_a_server_that_is_going_say_so(
    server: Address, alice: Any
) -> None:
    async with open_http(server, alice) as http:
        assert (await http.get("/readyz")).status_code == 200
        for node in local_nodes():
            node.draining = True
        poll = await http.get("/api/v1/realtime/poll", params={"user_id": user_id(alice)})
        assert poll.status_code == 503
        assert poll.headers["Retry-After"] == "1"
        assert poll.json()["details"]["retry_after"] == 1
        ready = await http.get("/readyz")
        assert ready.json()["problems"] == ["draining: this node is shutting down"]


async def test_on_sigterm_what_was_asked_is_answered_before_the_goodbye(
    server: Address, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(user_id: str) -> Any:
        began.set()
        assert go_on.wait(PATIENCE)
        return mark_all_read(user_id)

    monkeypatch.setattr("notifications.services.mark_all_read", slow)
    async with open_socket(server, alice) as socket:
        await socket.send("notification_read_all", ack_id="a1")
        await asyncio.to_thread(began.wait, PATIENCE)
        [node] = [node for node in local_nodes() if node.connection_count]
        draining = asyncio.run_coroutine_threadsafe(drain(node, 0), node._loop)
        with pytest.raises(InvalidStatus, match="503"):
            async with open_socket(server, alice):
                pass
        go_on.set()
        code, before = await socket.closed()
        await asyncio.wrap_future(draining)
    assert code == 4001
    assert [frame["type"] for frame in before] == ["ack", "disconnect"]
    assert before[1]["payload"]["reason"] == "server_shutdown"
    assert 0 <= before[1]["payload"]["reconnect_after_ms"] <= 1000


@pytest.mark.options(DRAIN_SECONDS=1)
async def test_every_worker_of_a_server_sends_its_clients_away(alice: Any, bob: Any) -> None:
    with server_process((*UVICORN, "--workers", "2", "--timeout-worker-healthcheck", "60")) as (
        server,
        process,
    ):
        async with sockets_on_two_workers(server, [alice, bob] * 4) as sockets:
            process.send_signal(signal.SIGTERM)
            ends = await asyncio.gather(*(socket.closed() for socket in sockets))
        assert {code for code, _ in ends} == {4001}
        assert all(before[-1]["type"] == "disconnect" for _, before in ends)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    assert not await in_thread(Node.objects.count)


class _HardOfHearing(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """As redis-py on Python 3.11 at the wrong moment: loses the first cancellation."""

    async def receive(self, channel: str) -> dict[str, Any]:
        with suppress(asyncio.CancelledError):
            return dict(await super().receive(channel))
        return dict(await super().receive(channel))


@pytest.mark.django_db(transaction=True)
async def test_a_node_leaves_even_if_a_cancellation_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hints, "shared_layer", _HardOfHearing)
    with uvicorn_thread():
        assert await in_thread(Node.objects.exists)
    assert not await in_thread(Node.objects.exists)
    assert "Could not leave" not in caplog.text
