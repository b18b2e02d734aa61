"""Connections break, servers forget, bots start again: nothing is missed, nothing comes twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from messaging.models import Message
from realtime import log
from realtime.client import (
    ConnectionLostError,
    Position,
    Status,
    Timing,
)
from tests.client.helpers import (
    Statuses,
    client_of,
    gate_to,
    line_to,
    take,
    take_messages,
    tell,
    url_of,
)
from tests.clients import PATIENCE, in_thread, settled
from tests.messaging.talk import say, talk_of
from tests.servers import Address


async def test_an_unsubscribed_channel_stays_so_over_a_cut(server: Address, alice: Any) -> None:
    statuses = Statuses()
    async with (
        line_to(server) as line,
        client_of(url_of(line), alice, on_status=statuses) as client,
    ):
        await client.unsubscribe("notifications")
        line.cut()
        await statuses.until(Status.CONNECTED, 2)
        await tell(alice, "unheard")
        await settled(server, alice)
        await client.subscribe("presence")
        await client.subscribe("notifications")
        await tell(alice, "heard")
        assert await take_messages(client.events("notification"), 1) == ["heard"]


async def test_cuts_lose_nothing_and_repeat_nothing(server: Address, alice: Any) -> None:
    await be_cut_off_again_and_again(server, alice)


async def be_cut_off_again_and_again(server: Address, user: Any) -> None:
    """Nothing of what is told before, meanwhile and after is missing, or there twice."""
    statuses = Statuses()
    timing = Timing(delays=(0.02,), attempts=1000)
    async with (
        line_to(server) as line,
        client_of(url_of(line), user, on_status=statuses, timing=timing) as client,
    ):
        events = client.events("notification")
        for number in range(4):
            await tell(user, f"{number} before")
            line.cut(PATIENCE)
            await tell(user, f"{number} meanwhile", f"{number} too")
            await settled(server, user)
            line.cut()  # it may come again
            await statuses.until(Status.CONNECTED, number + 2)
            await tell(user, f"{number} after")
        expected = [
            f"{n} {when}" for n in range(4) for when in ("before", "meanwhile", "too", "after")
        ]
        assert await take_messages(events, 16) == expected
        await tell(user, "the last")
        assert await take_messages(events, 1) == ["the last"]


async def test_a_message_sent_while_cut_off_goes_with_the_next_connection(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    statuses = Statuses()
    async with (
        line_to(server) as line,
        client_of(url_of(line), alice, on_status=statuses) as client,
    ):
        line.cut(0.1)
        await statuses.until(Status.RECONNECTING)
        payload = {"conversation_id": f"conv_{conversation}", "content": "Are you there?"}
        assert (await client.send_with_ack("message", payload))["content"] == "Are you there?"


async def test_a_message_whose_ack_was_lost_is_sent_again_and_said_once(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    payload = {"conversation_id": f"conv_{conversation}", "content": "Hello"}
    async with gate_to(server) as gate:
        gate.blocked = False
        async with client_of(gate.url, alice) as client:
            gate.mute = True
            sending = asyncio.create_task(client.send_with_ack("message", payload))
            async with asyncio.timeout(PATIENCE):
                while not await in_thread(Message.objects.exists):
                    await asyncio.sleep(0.01)
            gate.mute = False
            gate.cut()
            assert (await asyncio.wait_for(sending, PATIENCE))["content"] == "Hello"
    assert await in_thread(Message.objects.count) == 1


async def test_a_command_that_may_not_be_repeated_fails_with_its_connection(
    server: Address, alice: Any
) -> None:
    async with gate_to(server) as gate:
        gate.blocked = False
        async with client_of(gate.url, alice) as client:
            gate.mute = True
            sending = asyncio.create_task(client.send_with_ack("notification_read_all"))
            async with asyncio.timeout(PATIENCE):
                while not client._session.outbox.unanswered:
                    await asyncio.sleep(0)
            gate.cut()
            with pytest.raises(ConnectionLostError) as lost:
                await asyncio.wait_for(sending, PATIENCE)
            assert lost.value.code == "CONNECTION_LOST"
            gate.mute = False


async def test_a_dead_connection_is_noticed_and_replaced(server: Address, alice: Any) -> None:
    statuses = Statuses()
    timing = Timing(delays=(0.02,), heartbeat=0.05, heartbeat_timeout=0.3)
    async with line_to(server) as line:
        options: dict[str, Any] = {"timing": timing, "on_status": statuses}
        async with client_of(url_of(line), alice, **options) as client:
            line.go_silent()
            await tell(alice, "said into the void")
            await statuses.until(Status.CONNECTED, 2)
            assert await take_messages(client.events("notification"), 1) == ["said into the void"]


async def test_a_restarted_bot_goes_on_where_it_stood(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    channels = [f"conversation:conv_{conversation}"]
    async with client_of(server.http, alice, channels=channels) as client:
        await tell(alice, "taken", "not taken")
        events = client.events("notification")
        assert await take_messages(events, 1) == ["taken"]
        position = client.position
    assert position is not None
    await in_thread(say, bob, conversation, "said meanwhile")
    async with client_of(server.http, alice, channels=channels, position=position) as client:
        events = client.events("notification", "message")
        assert await take_messages(events, 1) == ["not taken"]
        kinds = {(await take(events)).type for _ in range(2)}
        assert kinds == {"notification", "message"}


async def test_what_has_come_and_was_not_taken_does_not_move_the_position(
    server: Address, alice: Any
) -> None:
    async with client_of(server.http, alice) as client:
        events, start = client.events(), client.position
        await tell(alice, "one")
        await settled(server, alice)
        await client.send_with_ack("heartbeat")
        assert client.position == start
        event = await take(events)
        assert client.position is not None
        assert event.sequence is not None
        assert client.position.sequence >= event.sequence


async def test_a_new_epoch_is_told_and_the_client_goes_on(server: Address, alice: Any) -> None:
    async with client_of(server.http, alice) as client:
        events = client.events("resync", "notification")
        head = await in_thread(log.read_head)
        new = await in_thread(log.begin_epoch, head.epoch)
        event = await take(events)
        assert event.payload["epoch"] == new.epoch
        await tell(alice, "in the new epoch")
        assert await take_messages(events, 1) == ["in the new epoch"]
        assert client.position is not None
        assert client.position.epoch == new.epoch


async def test_who_stands_before_what_was_pruned_is_told_to_resync(
    server: Address, alice: Any
) -> None:
    async with client_of(server.http, alice) as client:
        position = client.position
    assert position is not None
    stale = Position(position.sequence, "an epoch of long ago")
    async with client_of(server.http, alice, position=stale) as client:
        resync = await take(client.events())
        assert (resync.type, resync.payload["reason"]) == ("resync", "epoch")
        assert client.position is not None
        assert client.position.epoch == position.epoch


async def test_a_hello_by_frame_recovers_like_one_in_the_handshake(
    server: Address, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.client.socket.MAX_QUERY_CHARS", 0)
    await be_cut_off_again_and_again(server, alice)


async def test_iterators_end_with_disconnect_and_connect_begins_again(
    server: Address, alice: Any
) -> None:
    client = client_of(server.http, alice)
    async with client:
        pass
    assert [event async for event in client.events("notification")] == []
    await tell(alice, "meanwhile")
    async with client:
        assert await take_messages(client.events("notification"), 1) == ["meanwhile"]
