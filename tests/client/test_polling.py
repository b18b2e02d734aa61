"""A network that lets no WebSocket through: polls take over, and give way again."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from messaging import services
from messaging.models import Message
from realtime import log
from realtime.client import CommandError, Position, Status, Timing
from realtime.revocation import revoke_tokens
from realtime.users import user_id
from tests.client.helpers import (
    QUICK,
    PatientClient,
    Statuses,
    client_of,
    end_of,
    gate_to,
    take,
    take_messages,
    tell,
)
from tests.clients import PATIENCE, in_thread, open_socket, settled
from tests.messaging.talk import group, say, talk_of
from tests.people import signed, token_for
from tests.servers import Address


async def test_polls_take_over_and_give_way_and_nothing_is_lost(
    server: Address, alice: Any
) -> None:
    statuses = Statuses()
    async with gate_to(server) as gate:
        gate.blocked = False
        async with client_of(gate.url, alice, on_status=statuses) as client:
            events = client.events("notification")
            await tell(alice, "by socket")
            gate.blocked = True
            gate.cut()
            await tell(alice, "meanwhile")
            await statuses.until(Status.POLLING)
            await tell(alice, "by poll")
            assert await take_messages(events, 3) == ["by socket", "meanwhile", "by poll"]
            gate.blocked = False
            await statuses.until(Status.CONNECTED, 2)
            await tell(alice, "by socket again")
            assert await take_messages(events, 1) == ["by socket again"]
    assert statuses.seen == [
        Status.CONNECTING,
        Status.CONNECTED,
        Status.RECONNECTING,
        Status.POLLING,
        Status.CONNECTED,
        Status.DISCONNECTED,
    ]


async def test_before_it_polls_it_has_made_as_many_attempts_as_it_was_told(
    server: Address, alice: Any
) -> None:
    timing = Timing(delays=(0.01,), attempts=4)
    async with gate_to(server) as gate, client_of(gate.url, alice, timing=timing) as client:
        assert client.status is Status.POLLING
        assert len(gate.handshakes) == 4


async def test_a_client_that_polls_from_the_first_begins_with_what_happens_next(
    server: Address, alice: Any
) -> None:
    await tell(alice, "before")
    await settled(server, alice)
    async with gate_to(server) as gate, client_of(gate.url, alice) as client:
        assert client.user_id == user_id(alice)
        await tell(alice, "after")
        assert await take_messages(client.events("notification"), 1) == ["after"]


async def test_commands_go_by_posts(server: Address, alice: Any, bob: Any) -> None:
    conversation = await talk_of(server, alice, bob)
    channel = f"conversation:conv_{conversation}"
    async with gate_to(server) as gate, client_of(gate.url, alice) as client:
        assert (await client.subscribe(channel))["unread_count"] == 0
        data = await client.send_with_ack("message", {"content": "Hello"}, channel=channel)
        assert data["content"] == "Hello"
        assert (await take(client.events("message"))).payload == data
        with pytest.raises(CommandError) as refused:
            await client.send_with_ack("message", {"content": " "}, channel=channel)
        assert refused.value.code == "INVALID_MESSAGE"
        with pytest.raises(CommandError) as refused:
            await client.send_with_ack("x" * 70_000)
        assert refused.value.code == "INVALID_MESSAGE"
        errors = client.events("error")
        await client.send("nonsense")
        assert (await take(errors)).payload["code"] == "INVALID_MESSAGE"
        assert client.status is Status.POLLING


async def test_polls_bring_only_what_is_subscribed_to(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    channel = f"conversation:conv_{conversation}"
    async with gate_to(server) as gate, client_of(gate.url, alice) as client:
        events = client.events("message", "notification")
        await in_thread(say, bob, conversation, "unheard")
        assert (await take(events)).type == "notification"
        await client.subscribe(channel)
        await in_thread(say, bob, conversation, "heard")
        assert (await take(client.events("message"))).payload["content"] == "heard"


async def test_a_channel_joined_while_a_poll_waits_is_heard_at_once(
    server: Address, alice: Any, bob: Any
) -> None:
    timing = Timing(delays=(0.01,), attempts=1, poll=25)
    async with gate_to(server) as gate, client_of(gate.url, alice, timing=timing) as client:
        async with asyncio.timeout(PATIENCE):
            while gate.polls < 2:  # the first is answered at once, this one waits
                await asyncio.sleep(0.01)
        events = client.events("presence")
        await client.subscribe("presence")
        async with open_socket(server, bob) as socket:
            await socket.silence()
            while (await take(events)).payload["user_id"] != user_id(bob):
                pass


async def test_a_channel_that_is_not_the_user_s_is_refused_and_forgotten(
    server: Address, alice: Any
) -> None:
    async with (
        gate_to(server) as gate,
        client_of(gate.url, alice, channels=["conversation:conv_999"]) as client,
    ):
        lost = await take(client.events("channel_lost"))
        assert lost.channel == "conversation:conv_999"
        with pytest.raises(CommandError) as refused:
            await client.subscribe("conversation:conv_998")
        assert refused.value.code == "CHANNEL_NOT_FOUND"
        assert client.channels == {"notifications"}
        await tell(alice, "heard")
        assert await take_messages(client.events("notification"), 1) == ["heard"]


async def test_who_was_removed_meanwhile_gets_what_was_said_till_then(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, bob, alice, carol)
    await settled(server, alice)
    channels = [f"conversation:conv_{conversation}"]
    async with client_of(server.http, alice, channels=channels) as client:
        position = client.position
    await in_thread(say, bob, conversation, "Farewell")
    await in_thread(services.remove_participant, user_id(bob), conversation, user_id(alice))
    await settled(server, alice)
    async with gate_to(server) as gate:
        options = {"channels": channels, "position": position}
        async with client_of(gate.url, alice, **options) as client:
            events = client.events("message", "participant_left", "channel_lost")
            taken = [await take(events) for _ in range(3)]
            assert [event.type for event in taken] == [
                "channel_lost",
                "message",
                "participant_left",
            ]
            assert taken[1].payload["content"] == "Farewell"
            assert client.channels == {"notifications"}


async def test_who_is_removed_while_polling_is_told_that_and_that_the_channel_is_lost(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, bob, alice, carol)
    await settled(server, alice)
    async with gate_to(server) as gate, client_of(gate.url, alice) as client:
        await client.subscribe(f"conversation:conv_{conversation}")
        events = client.events("participant_left", "channel_lost")
        await in_thread(services.remove_participant, user_id(bob), conversation, user_id(alice))
        told = {(await take(events)).type for _ in range(2)}
        assert told == {"participant_left", "channel_lost"}
        assert client.channels == {"notifications"}


async def test_who_stands_before_what_was_pruned_is_told_to_resync(
    server: Address, alice: Any
) -> None:
    await tell(alice, "1", "2")
    await settled(server, alice)
    head = await in_thread(log.read_head)
    await in_thread(log.prune, timedelta(0))
    await settled(server, alice)
    async with gate_to(server) as gate:
        position = Position(1, head.epoch)
        async with client_of(gate.url, alice, position=position) as client:
            events = client.events("resync", "notification")
            resync = await take(events)
            assert resync.type == "resync"
            assert resync.payload["last_sequence"] >= head.sequence
            await tell(alice, "3")
            assert await take_messages(events, 1) == ["3"]


async def test_a_message_is_said_once_though_posts_are_cut(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    async with gate_to(server) as gate, client_of(gate.url, alice) as client:
        for number in range(10):
            payload = {"conversation_id": f"conv_{conversation}", "content": str(number)}
            await client.send("message", payload)
        gate.cut()
        payload = {"conversation_id": f"conv_{conversation}", "content": "the last"}
        await client.send_with_ack("message", payload)
    said = await in_thread(lambda: list(Message.objects.order_by("pk").values_list("content")))
    assert [content for (content,) in said] == [*map(str, range(10)), "the last"]


@pytest.mark.options(POLLS_PER_MINUTE=3)
async def test_retry_after_is_obeyed(server: Address, alice: Any) -> None:
    statuses = Statuses()
    timing = Timing(delays=(0.01,), attempts=1, poll=0)
    async with (
        gate_to(server) as gate,
        client_of(gate.url, alice, timing=timing, on_status=statuses),
    ):
        await statuses.until(Status.RECONNECTING)
        # Refused once, with tens of seconds to wait: without that it would ask on.
        assert gate.polls == 4
        async with open_socket(server, alice) as socket:
            for _ in range(20):
                await socket.silence()
        assert gate.polls == 4


async def test_an_expired_token_is_renewed(server: Address, alice: Any) -> None:
    asked = 0

    async def get_token() -> str:
        nonlocal asked
        asked += 1
        return token_for(alice)

    async with gate_to(server) as gate:
        client = PatientClient(gate.url, token="ended", get_token=get_token, timing=QUICK)
        async with client:
            assert client.status is Status.POLLING
            assert asked == 1


async def test_a_revoked_token_ends_the_client(server: Address, alice: Any) -> None:
    # Tokens of the second of the revocation are spared: they may be new.
    old = signed({"user_id": user_id(alice), "exp": int(time.time()) + 60, "iat": 1})
    async with gate_to(server) as gate, client_of(gate.url, alice, token=old) as client:
        events = client.events()
        await in_thread(revoke_tokens, alice)
        assert (await end_of(events)).code == "INVALID_TOKEN"
        assert client.status is Status.ENDED
