"""Frames from clients: what is understood, and how the rest is refused."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from notifications.services import notify
from realtime.users import user_id
from tests.clients import Frame, in_thread, open_socket
from tests.servers import Address

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NO_OBJECT = "Payload must be a JSON object"
NO_CHANNEL = "Say which channel, in the payload"
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def failure(frame: Frame) -> tuple[str, str, dict[str, Any]]:
    assert frame["type"] == "error"
    assert set(frame["payload"]) == {"code", "message", "details"}
    return frame["payload"]["code"], frame["payload"]["message"], frame["payload"]["details"]


@pytest.mark.parametrize(
    ("text", "message", "details"),
    [
        ("{", "Frame is not valid JSON", {}),
        ('{"type": "\\ud800"}', "Frame is not valid JSON", {}),
        ("[" * 10_000 + "]" * 10_000, "Frame must be a JSON object", {}),
        ("[]", "Frame must be a JSON object", {}),
        ('"subscribe"', "Frame must be a JSON object", {}),
        ("{}", "Message type is required", {"field": "type"}),
        ('{"type": ""}', "Message type is required", {"field": "type"}),
        ('{"type": null}', "Expected `str`, got `null`", {"field": "type"}),
        ('{"type": 5}', "Expected `str`, got `int`", {"field": "type"}),
        ('{"type": "subscribe", "payload": []}', NO_OBJECT, {"field": "payload"}),
        ('{"type": "subscribe", "payload": "x"}', NO_OBJECT, {"field": "payload"}),
        ('{"type": "subscribe"}', NO_CHANNEL, {"field": "payload.channel"}),
        (
            '{"type": "subscribe", "payload": {"channel": 5}}',
            "Expected `str | null`, got `int`",
            {"field": "payload.channel"},
        ),
        (
            '{"type": "notification_read"}',
            "Field notification_id is required",
            {"field": "payload.notification_id"},
        ),
        (
            '{"type": "notification_read", "payload": {"notification_id": "note_1"}}',
            "Expected an id like notif_1, got 'note_1'",
            {"field": "payload.notification_id"},
        ),
        (
            '{"type": "notification_read", "payload": {"notification_id": "notif_'
            + "9" * 30
            + '"}}',
            "Expected an id like notif_1, got 'notif_" + "9" * 30 + "'",
            {"field": "payload.notification_id"},
        ),
        ('{"type": "fly"}', "Unknown message type 'fly'", {"field": "type"}),
        ('{"type": "notification"}', "Unknown message type 'notification'", {"field": "type"}),
        ('{"type": "ack"}', "Unknown message type 'ack'", {"field": "type"}),
        (
            '{"type": "connect", "payload": {"last_sequence": -1}}',
            "Expected `int` >= 0",
            {"field": "payload.last_sequence"},
        ),
    ],
)
async def test_a_malformed_frame_is_explained_and_the_connection_stays(
    server: Address, alice: Any, text: str, message: str, details: dict[str, Any]
) -> None:
    async with open_socket(server, alice) as socket:
        await socket.send_raw(text)
        assert failure(await socket.receive()) == ("INVALID_MESSAGE", message, details)
        await socket.silence()


async def test_an_id_of_more_than_64_characters_is_refused(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.send("heartbeat", id="x" * 65)
        code, _, details = failure(await socket.receive())
        assert (code, details) == ("INVALID_MESSAGE", {"field": "id"})


async def test_binary_frames_are_refused(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.send_raw(b'{"type": "heartbeat"}')
        code, message, _ = failure(await socket.receive())
        assert (code, message) == ("INVALID_MESSAGE", "Frames are JSON text, this one was binary")
        await socket.silence()


@pytest.mark.parametrize("character", ["x", "é", "😀"])
async def test_a_frame_over_64_kib_closes_with_1009(
    server: Address, alice: Any, character: str
) -> None:
    frame = json.dumps({"type": "heartbeat", "filler": ""}, ensure_ascii=False)
    room = 64 * 1024 - len(frame.encode())
    fits = frame.replace('""', f'"{character * (room // len(character.encode()))}"')
    fits += " " * (64 * 1024 - len(fits.encode()))
    async with open_socket(server, alice) as socket:
        await socket.send_raw(fits)
        await socket.expect("heartbeat")
        await socket.send_raw(fits + " ")
        assert await socket.closed() == (1009, [])


async def test_a_malformed_frame_s_error_carries_its_ack_id(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.send_raw('{"ack_id": "a1"}')
        frame = await socket.receive()
        assert failure(frame)[1] == "Message type is required"
        assert frame["ack_id"] == "a1"


async def test_unknown_fields_are_ignored(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        frame = await socket.ask("connect", {"colour": "red"}, mood="good")
        assert frame["type"] == "connect"


async def test_a_frame_with_an_ack_id_gets_exactly_one_answer(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.send("subscribe", {"channel": "notifications"}, ack_id="a1")
        ack = await socket.expect("ack")
        assert ack["ack_id"] == ack["payload"]["ack_id"] == "a1"
        assert ack["payload"]["status"] == "success"
        assert ack["payload"]["data"]["channel"] == "notifications"
        await socket.send("heartbeat", ack_id="a2")
        assert (await socket.expect("heartbeat"))["ack_id"] == "a2"
        await socket.send("connect", ack_id="a3")
        assert (await socket.expect("connect"))["ack_id"] == "a3"
        await socket.silence()


async def test_without_an_ack_id_only_failures_are_answered(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.send("subscribe", {"channel": "notifications"})
        await socket.send("subscribe", {"channel": "nothing"})
        assert failure(await socket.receive())[0] == "CHANNEL_NOT_FOUND"
        await socket.silence()


async def test_every_frame_of_the_server_is_a_full_envelope(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        frames = [
            await socket.ask("connect"),
            await socket.ask("subscribe", {"channel": "notifications"}),
            await socket.ask("fly"),
        ]
        await in_thread(notify, alice, "like", "Bob liked your post")
        frames.append(await socket.expect("notification"))
    for frame in frames:
        assert UUID.fullmatch(frame["id"])
        assert UTC.fullmatch(frame["timestamp"])
        assert isinstance(frame["payload"], dict)
    assert frames[-1]["channel"] == "notifications"
    assert isinstance(frames[-1]["sequence"], int)


async def test_commands_take_effect_in_the_order_sent(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        for number in range(60):
            kind = "unsubscribe" if number % 2 else "subscribe"
            await socket.send(kind, {"channel": "notifications"}, ack_id=str(number))
        answered = [(await socket.expect("ack"))["ack_id"] for _ in range(60)]
        assert answered == [str(number) for number in range(60)]


@pytest.mark.options(FRAMES_PER_SECOND=10_000)
async def test_more_frames_than_may_wait_are_answered_all(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await asyncio.gather(
            *(
                socket.send("subscribe", {"channel": "notifications"}, ack_id=str(number))
                for number in range(300)
            )
        )
        answered = {(await socket.expect("ack"))["ack_id"] for _ in range(300)}
        assert len(answered) == 300


@pytest.mark.options(FRAMES_PER_SECOND=5)
async def test_too_many_frames_a_second_are_refused(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        for number in range(20):
            await socket.send("heartbeat", ack_id=str(number))
        answers = [await socket.receive() for _ in range(20)]
        refused = [frame for frame in answers if frame["type"] == "error"]
        assert len(refused) >= 5
        code, message, details = failure(refused[0])
        assert (code, message) == ("RATE_LIMITED", "More than 5 frames a second")
        assert 0 < details["retry_after"] <= 1
        assert {frame["ack_id"] for frame in answers} == {str(number) for number in range(20)}


@pytest.mark.options(FRAMES_PER_SECOND=5, FLOOD_SECONDS=0)
async def test_persistent_flooding_closes_with_4529(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        for _ in range(20):
            await socket.send("heartbeat")
        code, before = await socket.closed()
        assert code == 4529
        assert before[-1]["type"] == "disconnect"
        assert before[-1]["payload"] == {"reason": "flooding", "code": 4529, "reconnect": False}


async def test_disconnect_closes_with_1000(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.send("disconnect", {"reason": "client_initiated"})
        assert await socket.closed() == (1000, [])


async def test_connect_says_who_and_where(server: Address, alice: Any) -> None:
    await in_thread(notify, alice, "like", "Bob liked your post")
    async with open_socket(server, alice) as socket:
        payload = (await socket.ask("connect"))["payload"]
        assert payload["user_id"] == user_id(alice)
        assert UTC.fullmatch(payload["timestamp"])
        assert isinstance(payload["epoch"], str)
        assert isinstance(payload["last_sequence"], int)
        assert payload["recovered"] is False
        assert payload["channels"] == {"notifications": {"unread_count": 1}}


async def test_what_a_client_says_of_itself_is_ignored(
    server: Address, alice: Any, bob: Any
) -> None:
    async with open_socket(server, alice) as socket:
        reply = await socket.ask("connect", {"user_id": user_id(bob)})
        assert reply["payload"]["user_id"] == user_id(alice)
