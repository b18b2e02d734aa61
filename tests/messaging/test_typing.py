"""Typing: shown to the others, never kept, and over by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from messaging import services, typists
from realtime.models import Event
from realtime.users import describe, user_id
from tests.clients import Socket, in_thread, open_poller, open_socket
from tests.messaging.talk import talk_of
from tests.messaging.test_commands import channel, join
from tests.servers import Address


async def typing(socket: Socket, type: str, conversation: int, **envelope: Any) -> dict[str, Any]:
    """Send a typing frame; the answer's payload."""
    payload = {"conversation_id": f"conv_{conversation}", "username": "somebody else"}
    answer: dict[str, Any] = (await socket.ask(type, payload, **envelope))["payload"]
    return answer


async def test_the_others_see_who_types_and_who_types_does_not(
    server: Address, alice: Any, bob: Any
) -> None:
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, alice) as a, open_socket(server, bob) as b:
        await join(a, conversation)
        await join(b, conversation)
        await typing(a, "typing_start", conversation, channel=channel(conversation))
        start = await b.expect("typing_start")
        await typing(a, "typing_stop", conversation)
        stop = await b.expect("typing_stop")
        expected = {
            "conversation_id": f"conv_{conversation}",
            "user_id": user_id(alice),
            "username": describe(alice)["username"],
        }
        assert start["payload"] == {**expected, "is_typing": True}
        assert stop["payload"] == {**expected, "is_typing": False}
        for frame in (start, stop):
            assert frame["channel"] == channel(conversation)
            assert "sequence" not in frame
        await a.silence()
    logged = Event.objects.filter(type__startswith="typing")
    assert not await in_thread(logged.exists)


async def test_typing_ends_with_the_connection(server: Address, alice: Any, bob: Any) -> None:
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, bob) as b:
        await join(b, conversation)
        async with open_socket(server, alice) as a:
            await typing(a, "typing_start", conversation)
            await b.expect("typing_start")
        await b.expect("typing_stop")
        await b.silence()


async def test_typing_that_is_not_renewed_ends_once(
    server: Address, alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typists, "TYPING_SECONDS", 3)
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, alice) as a, open_socket(server, bob) as b:
        await join(b, conversation)
        begun = asyncio.get_running_loop().time()
        for _ in range(2):
            await typing(a, "typing_start", conversation)
        for type in ("typing_start", "typing_start", "typing_stop"):
            await b.expect(type)
        assert asyncio.get_running_loop().time() - begun > 2.5
        await typing(a, "typing_stop", conversation)  # too late to end anything
        await b.silence()


async def test_who_is_not_subscribed_or_not_there_sees_no_typing(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    conversation = await talk_of(server, alice, bob, carol)
    await in_thread(services.leave, user_id(carol), conversation)
    async with (
        open_socket(server, alice) as a,
        open_socket(server, bob) as b,
        open_socket(server, carol) as c,
    ):
        await typing(a, "typing_start", conversation)
        await b.silence()
        await c.silence()
        refused = await typing(c, "typing_start", conversation)
        assert refused["code"] == "NOT_FOUND"
        refused = await typing(c, "typing_stop", conversation)
        assert refused["code"] == "NOT_FOUND"
        answer = await c.ask("typing_start", channel=channel(conversation))
        assert answer["payload"]["code"] == "CHANNEL_NOT_FOUND"


@pytest.mark.options(MAY_MESSAGE="tests.messaging.test_sending.never")
async def test_who_may_not_write_cannot_show_that_they_type(
    server: Address, alice: Any, bob: Any, settings: Any
) -> None:
    refusing = settings.REALTIME
    settings.REALTIME = {k: v for k, v in refusing.items() if k != "MAY_MESSAGE"}
    conversation = await talk_of(server, alice, bob)
    settings.REALTIME = refusing
    async with open_socket(server, alice) as a:
        assert (await typing(a, "typing_start", conversation))["code"] == "FORBIDDEN"


async def test_a_poll_sees_typing_too(server: Address, alice: Any, bob: Any) -> None:
    conversation = await talk_of(server, alice, bob)
    async with open_socket(server, alice) as a, open_poller(server, bob) as poller:
        poll = asyncio.create_task(poller.poll())
        while not poll.done():  # renewed, until a poll that waits has seen it
            await typing(a, "typing_start", conversation)
            await asyncio.wait([poll], timeout=0.1)
        (event,) = (await poll)["events"]
        assert (event["type"], event["sequence"]) == ("typing_start", None)
        assert event["payload"]["user_id"] == user_id(alice)
