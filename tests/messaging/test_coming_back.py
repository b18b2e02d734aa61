"""Coming back to conversations on a socket, also to those that one was removed from."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from messaging import services
from realtime import log, relay
from realtime.authentication import Identity
from realtime.connection import Connection
from realtime.errors import CloseCode
from realtime.protocol import Burst, ConnectRequest
from realtime.protocol import Frame as EncodedFrame
from realtime.users import user_id
from tests.clients import PATIENCE, Frame, Socket, in_thread, open_socket, settled
from tests.messaging.talk import group, pair, say
from tests.realtime.test_hub import running
from tests.servers import Address


def channel(conversation: int) -> str:
    return f"conversation:conv_{conversation}"


async def replay(socket: Socket, conversation: int) -> tuple[list[Frame], Frame]:
    """What is replayed of a conversation, and the payload of the `connect` reply."""
    missed = []
    while (frame := await socket.receive())["type"] != "connect":
        if frame.get("channel") == channel(conversation):
            missed.append(frame)
    return missed, frame["payload"]


def kinds(frames: list[Frame]) -> list[str]:
    """What was said, and the types of the other events."""
    return [frame["payload"].get("content", frame["type"]) for frame in frames]


def remove(remover: Any, conversation: int, removed: Any) -> None:
    services.remove_participant(user_id(remover), conversation, user_id(removed))


async def test_who_was_removed_while_away_gets_what_was_said_until_then_and_no_more(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, alice, bob, carol)
    await in_thread(say, alice, conversation, "until then")
    await in_thread(remove, alice, conversation, carol)
    await in_thread(say, alice, conversation, "afterwards")
    await settled(server, carol)
    named = channel(conversation)
    async with open_socket(server, carol, last_sequence=0, channels=named) as socket:
        missed, reply = await replay(socket, conversation)
        assert kinds(missed) == ["until then", "participant_left"]
        assert reply["recovered"] is True
        assert reply["refused"][named]["code"] == "CHANNEL_NOT_FOUND"
        assert named not in reply["channels"]
        await in_thread(say, alice, conversation, "live")
        await settled(server, alice)
        await socket.silence()


async def test_the_same_on_a_socket_that_is_open_already(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, alice, bob, carol)
    await in_thread(say, alice, conversation, "until then")
    await in_thread(remove, alice, conversation, carol)
    await settled(server, carol)
    async with open_socket(server, carol) as socket:
        await socket.silence()
        await socket.send("connect", {"last_sequence": 0, "channels": [channel(conversation)]})
        missed, reply = await replay(socket, conversation)
        assert kinds(missed) == ["until then", "participant_left"]
        assert reply["refused"][channel(conversation)]["code"] == "CHANNEL_NOT_FOUND"


class SlowReader:
    """A client that takes one frame and then no more until it is told to go on."""

    behind = False
    buffered = 0

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self.replied = asyncio.Event()

    def write(self, burst: Burst | EncodedFrame) -> bool:
        self.frames += [json.loads(frame.data) for frame in burst.frames]
        self.began.set()
        if self.frames[-1]["type"] == "connect":
            self.replied.set()
        return True

    async def caught_up(self) -> None:
        """Nothing has to be taken."""

    async def drained(self) -> None:
        await self.go_on.wait()

    def pause_reading(self) -> None:
        """It sends nothing."""

    def resume_reading(self) -> None:
        """It sends nothing."""

    def close(self, code: CloseCode, last: EncodedFrame | None) -> None:
        raise AssertionError(f"closed with {code}")


async def test_who_is_removed_during_the_replay_gets_it_to_the_end(
    alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, alice, bob, carol)
    for text in ("1", "2"):
        await in_thread(say, alice, conversation, text)
    await in_thread(relay.drain)
    reader = SlowReader()
    async with running() as hub, asyncio.timeout(PATIENCE):
        client = Connection(Identity(user_id(carol), time.time() + 60, carol), hub, reader)
        client.start(0, ConnectRequest(last_sequence=0, channels=[channel(conversation)]))
        await reader.began.wait()
        await in_thread(remove, alice, conversation, carol)
        await in_thread(say, alice, conversation, "afterwards")
        await in_thread(relay.drain)
        end = (await in_thread(log.read_head)).sequence
        hub.wake()
        while hub.position < end:
            await asyncio.sleep(0)
        reader.go_on.set()
        await reader.replied.wait()
        client.stop()
    told = [frame for frame in reader.frames if frame.get("channel") == channel(conversation)]
    assert kinds(told) == ["1", "2", "participant_left"]
    reply = reader.frames[-1]["payload"]
    assert reply["refused"][channel(conversation)]["code"] == "CHANNEL_NOT_FOUND"


async def test_what_is_not_in_the_log_yet_when_the_removed_comes_back_comes_when_it_is(
    alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, alice, bob, carol)
    await in_thread(relay.drain)
    # The relay is slow, or frozen: all this waits in the outbox.
    await in_thread(say, alice, conversation, "until then")
    await in_thread(remove, alice, conversation, carol)
    await in_thread(say, alice, conversation, "afterwards")
    reader = SlowReader()
    reader.go_on.set()
    async with running() as hub, asyncio.timeout(PATIENCE):
        client = Connection(Identity(user_id(carol), time.time() + 60, carol), hub, reader)
        client.start(0, ConnectRequest(last_sequence=0, channels=[channel(conversation)]))
        await reader.replied.wait()
        await in_thread(relay.drain)
        end = (await in_thread(log.read_head)).sequence
        hub.wake()
        while hub.position < end:
            await asyncio.sleep(0)
        client.stop()
    told = [frame for frame in reader.frames if frame.get("channel") == channel(conversation)]
    assert kinds(told) == ["until then", "participant_left"]
    assert channel(conversation) not in client.channels


async def test_who_was_removed_and_added_again_gets_both_stays_and_what_follows(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(group, alice, bob, carol)
    await in_thread(say, alice, conversation, "first stay")
    await in_thread(remove, alice, conversation, carol)
    await in_thread(say, alice, conversation, "in between")
    await in_thread(services.add_participants, user_id(alice), conversation, [user_id(carol)])
    await in_thread(say, alice, conversation, "second stay")
    await settled(server, carol)
    named = channel(conversation)
    async with open_socket(server, carol, last_sequence=0, channels=named) as socket:
        missed, reply = await replay(socket, conversation)
        assert kinds(missed) == ["first stay", "participant_left", "second stay"]
        assert "refused" not in reply
        await in_thread(say, alice, conversation, "live")
        assert kinds([await socket.expect("message")]) == ["live"]


async def test_a_stranger_who_names_a_conversation_is_replayed_nothing_of_it(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await in_thread(pair, alice, bob)
    await in_thread(say, alice, conversation, "secret")
    await settled(server, carol)
    named = channel(conversation)
    async with open_socket(server, carol, last_sequence=0, channels=named) as socket:
        missed, reply = await replay(socket, conversation)
        assert missed == []
        assert reply["refused"][named]["code"] == "CHANNEL_NOT_FOUND"
