"""Conversations over a socket: the channel, its snapshot, and what clients send."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from messaging import services
from realtime.users import user_id
from tests.clients import Socket, in_thread, open_http, open_socket, settled
from tests.messaging.talk import pair, say, talk_of
from tests.people import make_user
from tests.servers import Address


async def join(socket: Socket, conversation: int) -> dict[str, Any]:
    """Subscribe to a conversation; the ack's data, or the error."""
    answer = await socket.ask("subscribe", {"channel": channel(conversation)})
    payload: dict[str, Any] = answer["payload"]
    return payload["data"] if answer["type"] == "ack" else payload


def channel(conversation: int) -> str:
    return f"conversation:conv_{conversation}"


async def test_joining_a_conversation_shows_where_it_stands(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    for text in ("1", "2"):
        await in_thread(say, bob, conversation, text)
    async with open_socket(server, alice) as socket:
        snapshot = (await join(socket, conversation))["snapshot"]
    people = snapshot.pop("participants")
    assert [person["id"] for person in people] == [user_id(alice), user_id(bob)]
    assert snapshot == {
        "conversation_id": f"conv_{conversation}",
        "title": "",
        "unread_count": 2,
        "last_position": 2,
        "last_read_position": 0,
    }


async def test_outsiders_cannot_subscribe_to_a_conversation(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, carol) as socket:
        answers = [await join(socket, pk) for pk in (conversation, conversation + 1000)]
        for answer in answers:
            assert (answer["code"], answer["message"]) == (
                "CHANNEL_NOT_FOUND",
                "Channel does not exist",
            )


@pytest.mark.parametrize("form", ["{}", "conv_0{}", "conv_{}x", "conv_", "msg_{}", "conv_-1"])
async def test_a_conversation_s_channel_has_one_name(
    server: Address, alice: Any, bob: Any, form: str
) -> None:
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, alice) as socket:
        name = f"conversation:{form.format(conversation)}"
        answer = await socket.ask("subscribe", {"channel": name})
        assert answer["payload"]["code"] == "CHANNEL_NOT_FOUND"
        answer = await socket.ask("message", {"content": "Hello"}, channel=name)
        assert answer["payload"]["code"] == "CHANNEL_NOT_FOUND"


async def test_a_message_by_channel_or_by_id_is_acknowledged_whole(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, alice) as a, open_socket(server, bob) as b:
        await join(a, conversation)
        await join(b, conversation)
        first = await a.ask("message", {"content": "One"}, channel=channel(conversation))
        second = await a.ask(
            "message",
            {
                "content": "Two",
                "conversation_id": f"conv_{conversation}",
                "sender_id": user_id(bob),
            },
        )
        told = [await b.receive() for _ in range(3)]
        messages = [frame["payload"] for frame in told if frame["type"] == "message"]
        assert messages == [first["payload"]["data"], second["payload"]["data"]]
        assert {message["sender_id"] for message in messages} == {user_id(alice)}
        assert {frame["channel"] for frame in told} == {channel(conversation), "notifications"}


async def test_who_is_not_subscribed_is_notified_only(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, bob) as socket:
        await socket.silence()
        await in_thread(say, alice, conversation, "Hello")
        told = await socket.expect("notification")
        assert told["payload"]["extra"]["conversation_id"] == f"conv_{conversation}"
        await socket.silence()


async def test_a_frame_s_uuid_makes_a_message_safe_to_send_again(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation, frame_id = await talk_of(server, alice, bob), str(uuid4())
    where = {"channel": channel(conversation)}
    async with open_socket(server, alice) as socket:
        first = await socket.ask("message", {"content": "One"}, id=frame_id, **where)
    async with open_socket(server, alice) as socket:
        again = await socket.ask("message", {"content": "One"}, id=frame_id, **where)
        assert again["payload"]["data"] == first["payload"]["data"]
        other = await socket.ask("message", {"content": "Two"}, id=frame_id, **where)
        assert other["payload"]["code"] == "INVALID_MESSAGE"
        # What is no UUID is no key.
        ids = {
            (await socket.ask("message", {"content": "x"}, id="msg_123", **where))["payload"][
                "data"
            ]["id"]
            for _ in range(2)
        }
        assert len(ids) == 2


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "INVALID_MESSAGE"),
        ({"content": "x"}, "INVALID_MESSAGE"),
        ({"content": "x", "conversation_id": "1"}, "INVALID_MESSAGE"),
        ({"content": " ", "conversation_id": "mine"}, "INVALID_MESSAGE"),
        ({"content": "x" * 5001, "conversation_id": "mine"}, "INVALID_MESSAGE"),
        ({"content": "\x00", "conversation_id": "mine"}, "INVALID_MESSAGE"),
        ({"content": "x", "conversation_id": "foreign"}, "NOT_FOUND"),
        ({"content": "x", "conversation_id": "conv_999999"}, "NOT_FOUND"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_the_socket_stays_open(
    server: Address, alice: Any, bob: Any, carol: Any, payload: dict[str, str], code: str
) -> None:
    named = {
        "mine": f"conv_{await talk_of(server, alice, bob)}",
        "foreign": f"conv_{await talk_of(server, bob, carol)}",
    }
    if (name := payload.get("conversation_id")) in named:
        payload = {**payload, "conversation_id": named[name]}
    async with open_socket(server, alice) as socket:
        answer = await socket.ask("message", payload)
        assert (answer["type"], answer["payload"]["code"]) == ("error", code)
        await socket.silence()


async def test_a_frame_names_one_conversation(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    one, other = [await talk_of(server, alice, user) for user in (bob, carol)]
    async with open_socket(server, alice) as socket:
        payload = {"content": "x", "conversation_id": f"conv_{one}"}
        answer = await socket.ask("message", payload, channel=channel(other))
        assert answer["payload"]["code"] == "INVALID_MESSAGE"
        answer = await socket.ask("message", payload, channel=channel(one))
        assert answer["type"] == "ack"
        answer = await socket.ask("message", {"content": "x"}, channel="notifications")
        assert answer["payload"]["code"] == "CHANNEL_NOT_FOUND"


async def test_reading_over_the_socket(server: Address, alice: Any, bob: Any, carol: Any) -> None:
    conversation = await talk_of(server, alice, bob)
    message = await in_thread(say, bob, conversation, "Hello")
    await settled(server, alice)
    receipt = {"conversation_id": f"conv_{conversation}", "message_ids": [message.id]}
    async with open_socket(server, alice) as a, open_socket(server, bob) as b:
        await join(b, conversation)
        ack = await a.ask("read_receipt", {**receipt, "read_at": "1970-01-01T00:00:00Z"})
        told = await b.expect("read_receipt")
        assert told["payload"] == ack["payload"]["data"]
        assert told["channel"] == channel(conversation)
        assert told["payload"]["user_id"] == user_id(alice)
        assert told["payload"]["read_at"] > "2000"
        for message_ids in (["1"], ["msg_1"] * 1001, "msg_1", None):
            answer = await a.ask("read_receipt", {**receipt, "message_ids": message_ids})
            assert answer["payload"]["code"] == "INVALID_MESSAGE"
        answer = await a.ask("read_receipt", {**receipt, "message_ids": ["msg_999999"]})
        assert answer["payload"]["code"] == "NOT_FOUND"
    async with open_socket(server, carol) as outsider:
        assert (await outsider.ask("read_receipt", receipt))["payload"]["code"] == "NOT_FOUND"


async def test_who_is_removed_is_unsubscribed_and_has_to_be_let_in_again(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await talk_of(server, alice, bob, carol)
    ids = user_id(alice), conversation, user_id(carol)
    async with open_socket(server, carol) as socket:
        await join(socket, conversation)
        await in_thread(services.remove_participant, *ids)
        await socket.expect("participant_left")
        await in_thread(services.add_participants, *ids[:2], [user_id(carol)])
        await socket.expect("participants_added")
        await in_thread(say, alice, conversation, "Welcome back")
        await socket.expect("notification")
        await socket.silence()  # her subscription went with the removal
        snapshot = (await join(socket, conversation))["snapshot"]
        assert (snapshot["last_position"], snapshot["unread_count"]) == (1, 1)


async def test_a_poll_that_names_no_channels_has_all_of_the_user_s_conversations(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    for other in (bob, carol):
        await in_thread(say, other, await talk_of(server, alice, other), "Hello")
    await settled(server, alice)
    async with open_http(server, alice) as http:
        answer = await http.get(
            "/api/v1/realtime/poll", params={"user_id": user_id(alice), "timeout": 0}
        )
        kinds = [event["type"] for event in answer.json()["events"]]
        assert kinds == ["participants_added", "message", "notification"] * 2


async def test_a_poll_cannot_name_a_foreign_conversation(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await in_thread(pair, bob, await in_thread(make_user, "dora"))
    async with open_http(server, alice) as http:
        answer = await http.get(
            "/api/v1/realtime/poll",
            params={"user_id": user_id(alice), "timeout": 0, "channels": channel(conversation)},
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "CHANNEL_NOT_FOUND")
