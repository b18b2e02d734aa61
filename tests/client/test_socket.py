"""The client on a socket of the real server: commands and events."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from messaging.models import Message
from realtime.client import (
    AckTimeoutError,
    ClientEndedError,
    CommandError,
    QueueFullError,
    Status,
)
from realtime.users import user_id
from tests.client.helpers import (
    QUICK,
    PatientClient,
    client_of,
    gate_to,
    line_to,
    take,
    take_messages,
    tell,
    url_of,
)
from tests.clients import PATIENCE, in_thread, settled
from tests.messaging.talk import talk_of
from tests.servers import Address


async def test_two_clients_talk(server: Address, alice: Any, bob: Any) -> None:
    channel = f"conversation:conv_{await talk_of(server, alice, bob)}"
    async with client_of(server.http, alice) as one, client_of(server.http, bob) as other:
        assert (await one.subscribe(channel))["unread_count"] == 0
        await other.subscribe(channel)
        heard = other.events("message")
        data = await one.send_with_ack("message", {"content": "Hello, Bob"}, channel=channel)
        assert data["content"] == "Hello, Bob"
        event = await take(heard)
        assert event.payload == data
        assert event.payload["sender_id"] == user_id(alice)
        assert event.channel == channel
        await other.send("message", {"content": "Hello, Alice"}, channel=channel)
        answers = one.events("message")
        assert [(await take(answers)).payload["content"] for _ in range(2)] == [
            "Hello, Bob",
            "Hello, Alice",
        ]


async def test_the_token_is_in_the_header_and_never_in_the_url(server: Address, alice: Any) -> None:
    async with gate_to(server) as gate:
        gate.blocked = False
        async with client_of(gate.url, alice):
            (head,) = gate.handshakes
    request, _, headers = head.partition(b"\r\n")
    assert b"Authorization: Bearer ey" in headers
    assert b"token" not in request
    assert b"bearer" not in request


async def test_a_refused_command_raises_what_the_server_has_said(
    server: Address, alice: Any
) -> None:
    async with client_of(server.http, alice) as client:
        with pytest.raises(CommandError) as refused:
            await client.subscribe("conversation:conv_999")
        assert refused.value.code == "CHANNEL_NOT_FOUND"
        assert refused.value.details == {"channel": "conversation:conv_999"}
        assert client.channels == {"notifications"}
        with pytest.raises(CommandError) as refused:
            await client.send_with_ack("message", {"content": "x", "conversation_id": "nonsense"})
        assert refused.value.code == "INVALID_MESSAGE"


async def test_what_send_has_sent_and_was_refused_is_an_event(server: Address, alice: Any) -> None:
    async with client_of(server.http, alice) as client:
        errors = client.events("error")
        await client.send("message", {"content": "x", "conversation_id": "conv_999"})
        assert (await take(errors)).payload["code"] == "NOT_FOUND"
        await client.send("typing_start", {"conversation_id": "conv_999"})
        assert (await take(errors)).payload["code"] == "NOT_FOUND"


async def test_events_of_a_type_leave_out_the_others(server: Address, alice: Any, bob: Any) -> None:
    async with client_of(server.http, alice) as client:
        await client.subscribe("presence")
        told, seen = client.events("notification"), client.events("presence")
        async with client_of(server.http, bob):
            await tell(alice, "one")
            assert await take_messages(told, 1) == ["one"]
            assert (await take(seen)).type == "presence"


async def test_after_unsubscribe_nothing_more_comes(server: Address, alice: Any) -> None:
    async with client_of(server.http, alice) as client:
        await client.unsubscribe("notifications")
        await tell(alice, "unheard")
        await settled(server, alice)
        await client.subscribe("notifications")
        await tell(alice, "heard")
        assert await take_messages(client.events("notification"), 1) == ["heard"]


async def test_a_message_under_the_same_id_is_said_once(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    payload = {"conversation_id": f"conv_{conversation}", "content": "Hello"}
    async with client_of(server.http, alice) as client:
        id = uuid4()
        first = await client.send_with_ack("message", payload, id=id)
        assert await client.send_with_ack("message", payload, id=id) == first
    assert await in_thread(Message.objects.count) == 1


async def test_a_command_without_an_answer_times_out(server: Address, alice: Any) -> None:
    async with line_to(server) as line, client_of(url_of(line), alice) as client:
        await client.send_with_ack("heartbeat")
        line.go_silent()
        with pytest.raises(AckTimeoutError) as late:
            await client.send_with_ack("heartbeat", timeout=0.05)
        assert late.value.code == "TIMEOUT"
        assert isinstance(late.value, TimeoutError)
        line.cut()


async def test_more_channels_than_a_url_holds_go_by_a_frame(server: Address, alice: Any) -> None:
    channels = [f"nowhere:{'x' * 60}{number}" for number in range(199)]
    async with client_of(server.http, alice, channels=channels) as client:
        events = client.events("channel_lost", "notification")
        assert [(await take(events)).channel for _ in channels] == channels
        assert client.channels == {"notifications"}
        await tell(alice, "one")
        assert await take_messages(events, 1) == ["one"]


async def test_more_channels_than_the_server_takes_end_the_client(
    server: Address, alice: Any
) -> None:
    channels = [f"nowhere:{'x' * 60}{number}" for number in range(200)]
    client = client_of(server.http, alice, channels=channels)
    with pytest.raises(ClientEndedError) as refused:
        await client.connect()
    assert refused.value.code == "INVALID_MESSAGE"


async def test_disconnect_has_what_was_sent_arrive(server: Address, alice: Any, bob: Any) -> None:
    conversation = await talk_of(server, alice, bob)
    async with client_of(server.http, alice) as client:
        for number in range(20):
            payload = {"conversation_id": f"conv_{conversation}", "content": str(number)}
            await client.send("message", payload)
    assert client.status is Status.DISCONNECTED
    said = await in_thread(lambda: list(Message.objects.order_by("pk").values_list("content")))
    assert [content for (content,) in said] == [str(number) for number in range(20)]


async def test_connecting_can_be_given_up(alice: Any, unused_tcp_port: int) -> None:
    client = client_of(f"http://127.0.0.1:{unused_tcp_port}", alice)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.connect()
    assert client.status is Status.DISCONNECTED
    assert [task for task in asyncio.all_tasks() if task.get_name() == "realtime.client"] == []


async def test_a_cancelled_wait_for_an_event_loses_none(server: Address, alice: Any) -> None:
    async with client_of(server.http, alice) as client:
        events = client.events("notification")
        waiting = asyncio.create_task(anext(events))
        await client.send_with_ack("heartbeat")
        waiting.cancel()
        await asyncio.wait([waiting])
        await tell(alice, "one")
        assert await take_messages(events, 1) == ["one"]


async def test_a_token_that_is_refused_ends_the_client(server: Address, alice: Any) -> None:
    client = PatientClient(server.http, token="x", timing=QUICK)
    with pytest.raises(ClientEndedError) as refused:
        await client.connect()
    assert refused.value.code == "INVALID_TOKEN"
    assert client.status is Status.ENDED
    with pytest.raises(ClientEndedError):
        await client.send("heartbeat")
    with pytest.raises(ClientEndedError):
        await anext(client.events())


# More than the client sends: a server that stood still for a moment gets them at once.
@pytest.mark.options(FRAMES_PER_SECOND=150)
async def test_a_long_queue_is_sent_no_faster_than_the_server_takes_it(
    server: Address, alice: Any
) -> None:
    client = client_of(server.http, alice)
    errors = client.events("error")
    for _ in range(150):
        await client.send("heartbeat")
    async with client:
        await client.send_with_ack("heartbeat", timeout=PATIENCE)
    assert [event async for event in errors] == []


async def test_a_queue_that_is_full_says_so_while_there_is_no_connection(
    server: Address, alice: Any
) -> None:
    client = client_of(server.http, alice, max_queue=2)
    for _ in range(2):
        await client.send("heartbeat")
    with pytest.raises(QueueFullError):
        await client.send("heartbeat")
    async with client:
        for _ in range(10):  # with one it waits for room
            await client.send_with_ack("heartbeat")


async def test_what_the_client_sends_by_itself_is_not_for_others_to_send(alice: Any) -> None:
    client = client_of("http://localhost", alice)
    for type in ("connect", "disconnect", "authenticate", "subscribe", "unsubscribe"):
        with pytest.raises(ValueError, match=type):
            await client.send(type)
