"""Programs that take events more slowly than they come: bounded memory, and nothing lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from messaging.models import Message
from realtime.client import Client, ConnectionLostError, Status
from tests.client.helpers import (
    Statuses,
    client_of,
    line_to,
    take,
    take_messages,
    tell,
    url_of,
)
from tests.clients import PATIENCE, in_thread, settled
from tests.messaging.talk import talk_of
from tests.servers import Address

FEW = 5


def kept(client: Client) -> int:
    """How many events the client keeps for its iterators."""
    return len(client._session.buffer)


async def test_the_socket_is_not_read_while_there_is_no_room(server: Address, alice: Any) -> None:
    texts = [f"{number} {'x' * 2000}" for number in range(60)]
    async with client_of(server.http, alice, max_events=FEW) as client:
        events = client.events("notification")
        await tell(alice, *texts)
        await settled(server, alice)
        # The fifth of them has been put in; the next one waits, and with it the socket.
        async with asyncio.timeout(PATIENCE):
            while not client._session.waiting:
                await asyncio.sleep(0)
        for text in texts:
            assert kept(client) <= FEW
            assert await take_messages(events, 1) == [text]


async def test_who_waits_for_answers_while_taking_events_gets_both(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    texts = [str(number) for number in range(100)]
    async with client_of(server.http, alice, max_events=FEW) as client:
        events = client.events("notification")
        await tell(alice, *texts)
        await settled(server, alice)
        for text in texts:
            assert await take_messages(events, 1) == [text]
            assert kept(client) <= FEW
            # Its answer is behind all the events that there is no room for.
            payload = {"conversation_id": f"conv_{conversation}", "content": f"re {text}"}
            await client.send_with_ack("message", payload)
    said = await in_thread(lambda: list(Message.objects.order_by("pk").values_list("content")))
    assert [content for (content,) in said] == [f"re {text}" for text in texts]


async def test_a_bot_that_was_away_for_long_answers_all_that_it_missed(
    server: Address, alice: Any
) -> None:
    async with client_of(server.http, alice) as client:
        position = client.position
    texts = [str(number) for number in range(100)]
    await tell(alice, *texts)
    await settled(server, alice)
    async with client_of(server.http, alice, max_events=FEW, position=position) as client:
        taken = []
        async with asyncio.timeout(PATIENCE):
            async for event in client.events("notification"):
                taken.append(event.payload["message"])
                payload = {"notification_id": event.payload["id"]}
                await client.send_with_ack("notification_read", payload)
                if len(taken) == len(texts):
                    break
        assert taken == texts


async def test_events_that_come_while_others_are_asked_for_again_keep_their_place(
    server: Address, alice: Any
) -> None:
    statuses = Statuses()
    async with line_to(server) as line:
        options: dict[str, Any] = {"max_events": FEW, "on_status": statuses}
        async with client_of(url_of(line), alice, **options) as client:
            events = client.events("notification")
            telling = asyncio.create_task(tell(alice, *map(str, range(200))))
            for number in range(200):
                assert (await take(events)).payload["message"] == str(number)
                with suppress(ConnectionLostError):  # the one that was cut off with the line
                    await client.send_with_ack("heartbeat")
                if number % 50 == 25:
                    # What is taken next may have come before. Nobody waits here for the other
                    # socket: a client whose events nobody takes may not look whether its own
                    # is still open.
                    line.cut()
            await telling
            assert statuses.seen.count(Status.CONNECTED) == 5


async def test_a_client_that_takes_no_events_still_gets_answers_and_can_take_them_later(
    server: Address, alice: Any
) -> None:
    texts = [str(number) for number in range(50)]
    async with client_of(server.http, alice, max_events=FEW) as client:
        await tell(alice, *texts)
        await settled(server, alice)
        for _ in range(10):
            await client.send_with_ack("heartbeat")
        assert kept(client) == FEW
        # Nor is the socket left unread, till the server takes it for dead.
        assert not client._session.waiting
        assert await take_messages(client.events("notification"), 50) == texts


async def test_of_two_iterators_the_slower_one_decides(server: Address, alice: Any) -> None:
    texts = [str(number) for number in range(20)]
    async with client_of(server.http, alice, max_events=FEW) as client:
        quick, slow = client.events("notification"), client.events("notification")
        await tell(alice, *texts)
        assert await take_messages(quick, FEW) == texts[:FEW]
        waiting = asyncio.ensure_future(take_messages(quick, 1))
        assert await take_messages(slow, 1) == texts[:1]
        assert await waiting == [texts[FEW]]
        slow.close()
        assert await take_messages(quick, 14) == texts[FEW + 1 :]
