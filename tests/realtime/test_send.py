"""`POST /api/v1/realtime/send`: what a socket can do, for clients that poll."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from notifications.services import notify
from realtime.users import user_id
from tests.clients import Frame, in_thread, open_http, open_socket
from tests.servers import Address

SEND = "/api/v1/realtime/send"


async def send(http: httpx.AsyncClient, frame: Any) -> tuple[int, Frame]:
    response = await http.post(SEND, json=frame)
    assert response.headers["X-RateLimit-Limit"]
    return response.status_code, response.json()


async def test_a_command_is_acknowledged_after_its_effect(server: Address, alice: Any) -> None:
    notification = await in_thread(notify, alice, "like", "text")
    assert notification is not None
    frame = {
        "type": "notification_read",
        "ack_id": "a1",
        "payload": {"notification_id": f"notif_{notification.pk}"},
    }
    async with open_socket(server, alice) as socket, open_http(server, alice) as http:
        status, answer = await send(http, frame)
        assert status == 200
        assert (answer["type"], answer["ack_id"]) == ("ack", "a1")
        assert answer["payload"]["data"]["unread_count"] == 0
        while (await socket.receive())["type"] != "notification_read":
            pass


async def test_without_an_ack_id_it_is_answered_all_the_same(server: Address, alice: Any) -> None:
    async with open_http(server, alice) as http:
        status, answer = await send(http, {"type": "notification_read_all"})
        assert (status, answer["type"]) == (200, "ack")


async def test_connect_subscribe_and_heartbeat_answer_with_where_the_client_stands(
    server: Address, alice: Any
) -> None:
    async with open_http(server, alice) as http:
        _, hello = await send(http, {"type": "connect"})
        assert hello["payload"]["user_id"] == user_id(alice)
        _, beat = await send(http, {"type": "heartbeat"})
        assert beat["type"] == "heartbeat"
        frame = {"type": "subscribe", "payload": {"channel": "notifications"}}
        _, ack = await send(http, frame)
        assert ack["payload"]["data"]["snapshot"] == {"unread_count": 0}


@pytest.mark.parametrize(
    ("frame", "status", "code"),
    [
        ({"type": "fly"}, 400, "INVALID_MESSAGE"),
        ({"type": "subscribe", "payload": {"channel": "nothing"}}, 404, "CHANNEL_NOT_FOUND"),
        (
            {"type": "notification_read", "payload": {"notification_id": "notif_999999"}},
            404,
            "NOT_FOUND",
        ),
    ],
)
async def test_a_refused_command_is_an_error_envelope_with_the_status_of_its_code(
    server: Address, alice: Any, frame: Frame, status: int, code: str
) -> None:
    async with open_http(server, alice) as http:
        answered, answer = await send(http, {**frame, "ack_id": "a1"})
        assert (answered, answer["type"], answer["ack_id"]) == (status, "error", "a1")
        assert answer["payload"]["code"] == code


async def test_what_is_no_envelope_is_refused_with_the_error_object(
    server: Address, alice: Any
) -> None:
    async with open_http(server, alice) as http:
        for body, message in (({}, "Message type is required"), ([], "must be a JSON object")):
            status, answer = await send(http, body)
            assert (status, answer["code"]) == (400, "INVALID_MESSAGE")
            assert message in answer["message"]
    async with open_http(server, alice) as http:
        raw = b'{"type": "heartbeat", "id": "\\ud800"}'
        response = await http.post(SEND, content=raw, headers={"Content-Type": "application/json"})
        assert response.status_code == 400
    async with open_http(server) as http:
        status, answer = await send(http, {"type": "heartbeat"})
        assert (status, answer["code"]) == (401, "MISSING_TOKEN")


@pytest.mark.options(SENDS_PER_SECOND=2)
async def test_too_many_in_a_second_are_refused(server: Address, alice: Any) -> None:
    async with open_http(server, alice) as http:
        statuses = [(await send(http, {"type": "heartbeat"}))[0] for _ in range(10)]
        assert set(statuses) == {200, 429}
