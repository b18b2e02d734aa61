"""Conversations over two server processes on one database, with nothing else between them."""

from __future__ import annotations

from typing import Any

from messaging import services
from messaging.events import channel, conversation_id
from notifications.services import notify
from realtime.users import user_id
from tests.clients import Frame, Socket, in_thread, open_socket
from tests.messaging.talk import group, pair, say
from tests.messaging.test_commands import join
from tests.servers import server_process


async def next_of(socket: Socket, type: str) -> Frame:
    """The next frame of this type, past notifications."""
    while (frame := await socket.receive())["type"] != type:
        pass
    return frame


async def test_who_talk_on_two_nodes_see_one_conversation_and_outsiders_none_of_it(
    alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(pair, alice, bob)
    with server_process(REDIS_URL="") as (one, _), server_process(REDIS_URL="") as (two, _):
        async with (
            open_socket(one, alice) as a,
            open_socket(two, bob) as b,
            open_socket(two, carol) as outsider,
        ):
            for socket in (a, b):
                await join(socket, conversation)
            assert (await join(outsider, conversation))["code"] == "CHANNEL_NOT_FOUND"
            for speaker, text in ((a, "One"), (b, "Two"), (a, "Three")):
                await speaker.send("message", {"content": text}, channel=channel(conversation))
                heard = [await next_of(socket, "message") for socket in (a, b)]
                assert heard[0] == heard[1], "the same frame on either node"
                assert heard[0]["payload"]["content"] == text
            message_ids = [heard[0]["payload"]["id"]]
            receipt = {"conversation_id": conversation_id(conversation), "message_ids": message_ids}
            await b.send("read_receipt", receipt)
            told = [await next_of(socket, "read_receipt") for socket in (a, b)]
            assert told[0] == told[1]
            assert told[0]["payload"]["message_ids"] == message_ids
            await in_thread(notify, carol, "news", "Nothing before this")
            frame = await outsider.expect("notification")
            assert frame["payload"]["message"] == "Nothing before this"


async def test_who_is_removed_through_one_node_is_unsubscribed_on_the_other(
    alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, alice, bob, carol)
    with server_process(REDIS_URL="") as (one, _), server_process(REDIS_URL="") as (two, _):
        async with open_socket(one, alice) as a, open_socket(two, carol) as c:
            for socket in (a, c):
                await join(socket, conversation)
            await in_thread(
                services.remove_participant, user_id(alice), conversation, user_id(carol)
            )
            assert await a.expect("participant_left") == await c.expect("participant_left")
            await in_thread(say, alice, conversation, "Without her")
            assert (await next_of(a, "message"))["payload"]["content"] == "Without her"
            await in_thread(notify, carol, "news", "Nothing before this")
            frame = await c.expect("notification")
            assert frame["payload"]["message"] == "Nothing before this"


async def test_without_redis_typing_on_another_node_is_not_seen_and_nothing_breaks(
    alice: Any, bob: Any
) -> None:
    conversation = await in_thread(pair, alice, bob)
    with server_process(REDIS_URL="") as (one, _), server_process(REDIS_URL="") as (two, _):
        async with open_socket(one, alice) as a, open_socket(two, bob) as b:
            await join(b, conversation)
            typing = await a.ask("typing_start", {}, channel=channel(conversation))
            assert typing["type"] == "ack"
            said = await a.ask("message", {"content": "Hello"}, channel=channel(conversation))
            assert (await b.expect("message"))["payload"] == said["payload"]["data"]
