"""Hostile values in every field of every command, over sockets and `send`."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from messaging.events import conversation_id
from messaging.models import Message
from notifications.services import notify
from realtime.errors import ErrorCode
from realtime.frame_types import find_request, request_types
from realtime.users import user_id
from tests.attacks.conftest import Bystander
from tests.attacks.hostile import KEPT, TEXTS, VALUES, believed, plausible, variations, with_value
from tests.clients import Frame, Socket, in_thread, open_http, open_socket, settled
from tests.messaging.talk import pair, say
from tests.people import make_user, token_for
from tests.servers import Address

SEND = "/api/v1/realtime/send"
POLL = "/api/v1/realtime/poll"
JSON = {"Content-Type": "application/json"}
pytestmark = pytest.mark.options(FRAMES_PER_SECOND=100_000, SENDS_PER_SECOND=100_000)

# All but the one that reads nothing and ends the socket.
COMMANDS = [request.name for request in request_types() if request.name != "disconnect"]
# What answers where somebody is at fault, and it is not the server.
REFUSALS = {code.value for code in ErrorCode} - {"INTERNAL_ERROR", "RATE_LIMITED"}

# Sends one frame, as it is; the frames (or the body) that answer it.
Way = Callable[[str], Awaitable[list[Frame]]]


@asynccontextmanager
async def by_socket(server: Address, user: Any) -> AsyncIterator[Way]:
    async with open_socket(server, user) as socket:

        async def send(text: str) -> list[Frame]:
            await socket.send_raw(text)
            return await _up_to_ack(socket)

        yield send


async def _up_to_ack(socket: Socket) -> list[Frame]:
    """Whatever came before the answer to a command that is in order."""
    sync, before = uuid4().hex, len(socket.seen)
    await socket.ask("unsubscribe", {"channel": "presence"}, ack_id=sync)
    answers = (frame for frame in socket.seen[before:-1] if "sequence" not in frame)
    return [frame for frame in answers if frame["type"] != "resync"]


@asynccontextmanager
async def by_send(server: Address, user: Any) -> AsyncIterator[Way]:
    async with open_http(server, user) as http:

        async def send(text: str) -> list[Frame]:
            response = await http.post(SEND, content=text.encode(), headers=JSON)
            return [response.json()]

        yield send


@pytest.fixture(params=[by_socket, by_send], ids=["socket", "send"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


def known_fields(alice: Any, bob: Any) -> dict[str, Any]:
    """For each field that is known here a value that will do."""
    conversation = pair(alice, bob)
    message, notification = say(bob, conversation, "Hello"), notify(alice, "news", "text")
    assert notification is not None
    return {
        "conversation_id": conversation_id(conversation),
        "content": "Hello",
        "message_ids": [message.id],
        "notification_id": f"notif_{notification.pk}",
        "status": "busy",
        "token": token_for(alice),
        "channel": "feed:updates",
        "channels": ["feed:updates"],
        "epoch": "x",
        "last_sequence": 0,
    }


def fault(answers: list[Frame], doing: str) -> str:
    """What is wrong with the answers to one frame; nothing, if it is clear what became of it."""
    if len(answers) != 1:
        return f"{doing}: answered {len(answers)} times"
    error = answers[0].get("payload", answers[0])
    refused = "code" in error
    if refused and (error["code"] not in REFUSALS or not error["message"]):
        return f"{doing}: {error}"
    return ""


@pytest.mark.parametrize("command", COMMANDS)
async def test_hostile_values_in_a_payload_are_refused_or_harmless(
    server: Address, bystander: Bystander, alice: Any, bob: Any, way: Any, command: str
) -> None:
    request = find_request(command)
    assert request is not None
    payload = plausible(request.request, await in_thread(known_fields, alice, bob))
    async with bystander(), way(server, alice) as send:
        frame = {"type": command, "ack_id": "a1"}
        sent = [(doing, with_value(frame, "payload", text)) for doing, text in variations(payload)]
        faults = [fault(await send(text), doing) for doing, text in sent]
        assert list(filter(None, faults)) == []


ENVELOPE = ["type", "id", "channel", "ack_id", "timestamp", "payload", "sequence"]


@pytest.mark.parametrize("field", ENVELOPE)
async def test_hostile_values_in_an_envelope_are_refused_or_harmless(
    server: Address, bystander: Bystander, alice: Any, way: Any, field: str
) -> None:
    envelope = {"type": "message", "ack_id": "a1", "payload": {"content": "Hello"}}
    async with bystander(), way(server, alice) as send:
        sent = [(name, with_value(envelope, field, value)) for name, value in VALUES.items()]
        faults = [fault(await send(text), doing) for doing, text in sent]
        assert list(filter(None, faults)) == []


@pytest.mark.parametrize("name", KEPT)
async def test_what_is_just_text_comes_back_as_it_was(
    server: Address, bystander: Bystander, alice: Any, bob: Any, way: Any, name: str
) -> None:
    conversation, text = conversation_id(await in_thread(pair, alice, bob)), TEXTS[name]
    channel = f"conversation:{conversation}"
    payload = {"content": text, "conversation_id": conversation}
    start = await settled(server, bob)
    async with (
        bystander(),
        way(server, alice) as send,
        open_socket(server, bob) as listener,
        open_http(server, bob) as http,
    ):
        await listener.ask("subscribe", {"channel": channel})
        (ack,) = await send(json.dumps({"type": "message", "ack_id": "a1", "payload": payload}))
        message = ack["payload"]["data"]
        assert message["content"] == text
        frame = await listener.expect("message")
        assert frame["payload"] == message
        me = {"user_id": user_id(bob)}
        polled = await http.get(POLL, params={**me, "last_poll_id": start, "timeout": 10})
        assert polled.json()["events"][0]["payload"] == message
        missed = await http.get(f"{POLL}/missed", params={**me, "last_sequence": start})
        assert missed.json()["messages"][0] == frame
        page = (await http.get(f"/api/v1/conversations/{conversation}/messages")).json()
        assert page["results"] == [message]


UNSTORABLE = {"NUL": "a\\u0000b", "a lone surrogate": "a\\ud800b"}


@pytest.mark.parametrize("text", UNSTORABLE.values(), ids=list(UNSTORABLE))
async def test_a_message_that_no_database_holds_is_refused_and_leaves_no_trace(
    server: Address, bystander: Bystander, alice: Any, bob: Any, way: Any, text: str
) -> None:
    payload = {"conversation_id": conversation_id(await in_thread(pair, alice, bob))}
    async with bystander(), way(server, alice) as send, open_socket(server, bob) as other:
        await other.silence()
        frame = {"type": "message", "ack_id": "a1"}
        body = with_value(payload, "content", f'"{text}"')
        (answer,) = await send(with_value(frame, "payload", body))
        assert answer.get("payload", answer)["code"] == "INVALID_MESSAGE"
        await other.silence()
    assert not await in_thread(Message.objects.exists)


# What a client might hope that the server believes.
SPOOFED = {
    **dict.fromkeys(("username", "display_name", "actor_name", "title"), "mallory"),
    **dict.fromkeys(("read_at", "created_at", "timestamp", "last_seen"), "1970-01-01T00:00:00Z"),
    **dict.fromkeys(("position", "last_read_position", "unread_count", "sequence"), 4711),
    **{"is_read": True, "read": True, "is_staff": True, "is_typing": "perhaps", "expires_at": 1e12},
    "sender": {"id": "0", "username": "mallory", "display_name": "Mallory", "avatar_url": None},
}
OTHERS_ID = ("user_id", "sender_id", "actor_id", "recipient_id", "author_id", "creator_id", "pk")


async def test_who_sends_and_when_is_not_read_from_the_payload(
    server: Address, bystander: Bystander, alice: Any, bob: Any, carol: Any, way: Any
) -> None:
    known = await in_thread(known_fields, alice, bob)
    spoofed = {**SPOOFED, **dict.fromkeys(OTHERS_ID, user_id(carol))}
    async with bystander(), way(server, alice) as send:
        for command in COMMANDS:
            request = find_request(command)
            assert request is not None
            payload = {**spoofed, **plausible(request.request, known)}
            frame = {"type": command, "ack_id": "a1", "payload": payload}
            (answer,) = await send(json.dumps({**spoofed, **frame}))
            assert answer["type"] == request.reply, answer
            assert believed(answer, spoofed) == []


def others_fields(carol: Any) -> dict[str, Any]:
    """What is Carol's and not Alice's, for each field that names something."""
    dora = make_user("dora")
    conversation = pair(dora, carol)
    message, notification = say(carol, conversation, "Secret"), notify(carol, "news", "Secret")
    assert notification is not None
    channel = f"conversation:{conversation_id(conversation)}"
    return {
        "conversation_id": conversation_id(conversation),
        "message_ids": [message.id],
        "notification_id": f"notif_{notification.pk}",
        "channel": channel,
        "channels": [channel],
    }


def naming(command: str) -> list[str]:
    """The fields of a command that name something that may be somebody else's."""
    request = find_request(command)
    assert request is not None
    fields = request.request.__struct_encode_fields__
    return [name for name in fields if re.search(r"(^|_)(ids?|channels?)$", name)]


# Of a channel that is not one's own, one may well be unsubscribed.
NAMING = [name for name in COMMANDS if naming(name) and name != "unsubscribe"]


@pytest.mark.parametrize("command", NAMING)
async def test_what_is_somebody_else_s_does_not_exist(
    server: Address,
    bystander: Bystander,
    alice: Any,
    bob: Any,
    carol: Any,
    way: Any,
    command: str,
) -> None:
    request = find_request(command)
    assert request is not None
    own = plausible(request.request, await in_thread(known_fields, alice, bob))
    theirs = await in_thread(others_fields, carol)
    async with bystander(), way(server, alice) as send:
        for name in naming(command):
            frame = {"type": command, "ack_id": "a1", "payload": {**own, name: theirs[name]}}
            (answer,) = await send(json.dumps(frame))
            assert "Secret" not in json.dumps(answer)
            if command == "connect":
                assert set(answer["payload"]["refused"]) == set(theirs["channels"])
                assert not set(answer["payload"]["channels"]) & set(theirs["channels"])
            else:
                assert answer["type"] == "error", answer
                assert answer["payload"]["code"] in ("NOT_FOUND", "CHANNEL_NOT_FOUND")
