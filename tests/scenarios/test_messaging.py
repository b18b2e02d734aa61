"""Conversations as Alice, Bob and Carol live through them, on both transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from messaging import services
from messaging.events import channel
from realtime.users import user_id
from tests.clients import Frame, in_thread, open_http, open_poller, open_socket, settled
from tests.messaging.talk import group, pair, say
from tests.people import make_user
from tests.scenarios.conftest import Connect
from tests.servers import Address

Replay = Callable[[Any, int], Any]


@pytest.fixture(params=["socket", "poll", "missed", "rest"])
def contents(request: pytest.FixtureRequest, server: Address) -> Replay:
    """What a user who comes anew is given of a conversation: contents, oldest first."""

    async def from_socket(user: Any, conversation: int) -> list[Frame]:
        joined = channel(conversation)
        async with open_socket(server, user, last_sequence=0, channels=joined) as socket:
            frames: list[Frame] = []
            while (frame := await socket.receive())["type"] != "connect":
                frames.append(frame)
            return frames

    async def over_http(user: Any, path: str, field: str, **query: Any) -> list[Frame]:
        async with open_http(server, user) as http:
            frames: list[Frame] = (await http.get(f"/api/v1/{path}", params=query)).json()[field]
            return frames

    async def look(user: Any, conversation: int) -> list[str]:
        await settled(server, user)
        me = {"user_id": user_id(user)}
        match request.param:
            case "socket":
                frames = await from_socket(user, conversation)
            case "poll":
                frames = await over_http(user, "realtime/poll", "events", timeout=0, **me)
            case "missed":
                query = {**me, "last_sequence": 0}
                frames = await over_http(user, "realtime/poll/missed", "messages", **query)
            case _:
                path = f"conversations/conv_{conversation}/messages"
                page = await over_http(user, path, "results")
                return [message["content"] for message in reversed(page)]
        return [frame["payload"]["content"] for frame in frames if frame["type"] == "message"]

    return look


async def test_both_see_a_talk_in_one_order(connect: Connect, alice: Any, bob: Any) -> None:
    conversation = await in_thread(pair, alice, bob)
    async with connect(alice, channel(conversation)) as a, connect(bob, channel(conversation)) as b:
        for turn in range(6):
            speaker = (a, b)[turn % 2]
            await speaker.call("message", {"content": str(turn)}, channel=channel(conversation))
        for client in (a, b):
            told = [await client.next_of("message") for _ in range(6)]
            assert [event["payload"]["position"] for event in told] == list(range(1, 7))
            assert [event["payload"]["content"] for event in told] == list("012345")


async def test_a_queue_that_is_sent_again_is_sent_once(
    connect: Connect, alice: Any, bob: Any
) -> None:
    conversation = await in_thread(pair, alice, bob)
    queue = [(str(uuid4()), str(number)) for number in range(3)]
    acks = []
    for _ in range(2):
        async with connect(alice, channel(conversation)) as client:
            acks.append(
                [
                    await client.call(
                        "message", {"content": text}, id=frame_id, channel=channel(conversation)
                    )
                    for frame_id, text in queue
                ]
            )
    assert acks[0] == acks[1]
    assert [ack["position"] for ack in acks[0]] == [1, 2, 3]


async def test_who_is_added_hears_from_then_on_and_who_is_removed_until_then(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    dora = await in_thread(make_user, "dora")
    conversation = await in_thread(group, alice, bob, dora)
    await in_thread(say, alice, conversation, "before")
    added = user_id(alice), conversation, [user_id(carol)]
    await in_thread(services.add_participants, *added)
    async with (
        connect(carol, channel(conversation)) as client,
        connect(bob, channel(conversation)) as other,
    ):
        await in_thread(say, alice, conversation, "during")
        await in_thread(services.remove_participant, user_id(alice), conversation, user_id(carol))
        await in_thread(say, alice, conversation, "after")
        await in_thread(say, carol, await in_thread(pair, bob, carol), "What happened?")
        told = [await client.next_of("message", "participant_left") for _ in range(2)]
        assert told[0]["payload"]["content"] == "during"
        assert told[1]["payload"]["user_id"] == user_id(carol)
        for refused in (
            await client.call(
                "message", {"content": "x", "conversation_id": f"conv_{conversation}"}
            ),
            await client.call("read_receipt", {"message_ids": []}, channel=channel(conversation)),
        ):
            assert refused["code"] in ("NOT_FOUND", "CHANNEL_NOT_FOUND")
        kinds = [await other.next_of("message", "participant_left") for _ in range(3)]
        assert [event["payload"].get("content") for event in kinds] == ["during", None, "after"]


async def test_who_comes_in_learns_of_it_without_having_subscribed(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    dora = await in_thread(make_user, "dora")
    async with open_socket(server, carol) as socket, open_poller(server, carol) as poller:
        await socket.silence()
        conversation = await in_thread(group, alice, bob, dora)
        await in_thread(services.add_participants, user_id(alice), conversation, [user_id(carol)])
        own = await in_thread(pair, bob, carol)
        events = await poller.events(2)
        for event, joined, by in zip(events, (conversation, own), (alice, bob), strict=True):
            frame = await socket.expect("participants_added")
            assert frame["channel"] == "notifications"
            assert frame["payload"]["conversation_id"] == f"conv_{joined}"
            assert frame["payload"]["added_by"] == user_id(by)
            assert user_id(carol) in [person["id"] for person in frame["payload"]["participants"]]
            assert (event["event_id"], event["channel"]) == (frame["id"], "notifications")


async def test_each_finds_exactly_their_part_when_they_come_anew(
    contents: Replay, alice: Any, bob: Any, carol: Any
) -> None:
    dora = await in_thread(make_user, "dora")
    conversation = await in_thread(group, alice, bob, dora)
    await in_thread(say, alice, conversation, "before")
    await in_thread(services.add_participants, user_id(alice), conversation, [user_id(carol)])
    await in_thread(say, alice, conversation, "during")
    assert await contents(carol, conversation) == ["during"]
    await in_thread(services.remove_participant, user_id(alice), conversation, user_id(dora))
    await in_thread(say, alice, conversation, "after")
    assert await contents(carol, conversation) == ["during", "after"]
    assert await contents(bob, conversation) == ["before", "during", "after"]


async def test_who_was_removed_still_finds_what_was_said_until_then(
    contents: Replay, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, alice, bob, carol)
    await in_thread(say, alice, conversation, "until then")
    await in_thread(services.remove_participant, user_id(alice), conversation, user_id(carol))
    await in_thread(say, alice, conversation, "afterwards")
    assert await contents(carol, conversation) == ["until then"]


async def test_an_outsider_gets_nothing_and_can_do_nothing(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    conversation, own = await in_thread(pair, alice, bob), await in_thread(pair, alice, carol)
    async with connect(carol, channel(own)) as outsider:
        await in_thread(say, alice, conversation, "secret")
        named = {"conversation_id": f"conv_{conversation}"}
        for type, payload in (
            ("message", {"content": "x"}),
            ("typing_start", {}),
            ("typing_stop", {}),
            ("read_receipt", {"message_ids": ["msg_1"]}),
        ):
            refused = await outsider.call(type, {**payload, **named})
            assert refused["code"] == "NOT_FOUND"
            refused = await outsider.call(type, payload, channel=channel(conversation))
            assert refused["code"] == "CHANNEL_NOT_FOUND"
        refused = await outsider.call("subscribe", {"channel": channel(conversation)})
        assert refused["code"] == "CHANNEL_NOT_FOUND"
        await in_thread(say, alice, own, "for carol")
        event = await outsider.next_event()
        assert event["payload"]["content"] == "for carol"
