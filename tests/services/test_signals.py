"""What is not logged crosses from node to node by Redis: typing, and counts that were reset."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf import settings

from messaging.events import channel, conversation_id
from notifications.services import notify
from realtime.feed_commands import CHANNEL
from realtime.users import describe, user_id
from socialhub import services as site
from tests.clients import in_thread, open_poller, open_socket, waiting_poll
from tests.messaging.talk import pair
from tests.messaging.test_commands import join
from tests.servers import server_process


@pytest.fixture(autouse=True)
def _with_redis() -> None:
    assert settings.REDIS_URL, "tests/services needs REDIS_URL=redis://..."


async def test_typing_on_one_node_is_seen_on_the_other_and_by_no_outsider(
    alice: Any, bob: Any, carol: Any
) -> None:
    conversation, own = await in_thread(pair, alice, bob), await in_thread(pair, alice, carol)
    about = {"conversation_id": conversation_id(conversation)}
    with server_process() as (one, _), server_process() as (two, _):
        async with (
            open_socket(one, alice) as a,
            open_socket(one, bob) as near,
            open_socket(two, bob) as far,
            open_socket(two, carol) as outsider,
        ):
            for socket in (a, near, far):
                await join(socket, conversation)
            await join(outsider, own)
            for type, is_typing in (("typing_start", True), ("typing_stop", False)):
                await a.ask(type, about)
                frames = [await socket.expect(type) for socket in (near, far)]
                assert frames[0] == frames[1]
                assert frames[0]["channel"] == channel(conversation)
                assert frames[0]["payload"] == {
                    **about,
                    "user_id": user_id(alice),
                    "username": describe(alice)["username"],
                    "is_typing": is_typing,
                }
            await a.silence()
            await in_thread(notify, carol, "news", "Nothing before this")
            frame = await outsider.expect("notification")
            assert frame["payload"]["message"] == "Nothing before this"


async def test_typing_ends_on_the_other_node_with_the_connection(alice: Any, bob: Any) -> None:
    conversation = await in_thread(pair, alice, bob)
    with server_process() as (one, _), server_process() as (two, _):
        async with open_socket(two, bob) as b:
            await join(b, conversation)
            async with open_socket(one, alice) as a:
                await a.ask("typing_start", {}, channel=channel(conversation))
                await b.expect("typing_start")
            await b.expect("typing_stop")


@pytest.mark.options(MAX_WAITING_POLLS=1)
async def test_a_poll_that_waits_on_the_other_node_sees_typing(alice: Any, bob: Any) -> None:
    conversation = await in_thread(pair, alice, bob)
    with server_process() as (one, _), server_process() as (two, _):
        async with open_socket(one, alice) as a, open_poller(two, bob) as poller:
            waiting = await waiting_poll(poller.http, bob, poller.position)
            await a.ask("typing_start", {}, channel=channel(conversation))
            response = await asyncio.wait_for(waiting, 15)
            (event,) = response.json()["events"]
            assert (event["type"], event["sequence"]) == ("typing_start", None)
            assert event["payload"]["user_id"] == user_id(alice)


async def test_feed_seen_on_one_node_resets_the_count_on_the_other(alice: Any, bob: Any) -> None:
    await in_thread(site.create_post, bob, "Fresh bread at nine")
    with server_process() as (one, _), server_process() as (two, _):
        async with open_socket(one, alice) as phone, open_socket(two, alice) as laptop:
            joined = await laptop.ask("subscribe", {"channel": CHANNEL})
            assert joined["payload"]["data"]["snapshot"]["new_posts_count"] == 1
            seen = await phone.ask("feed_seen")
            while (frame := await laptop.receive())["type"] != "count_update":
                pass
            while frame["payload"]["new_posts_count"]:  # of the post itself, on its way
                frame = await laptop.expect("count_update")
            assert frame["payload"] == seen["payload"]["data"]
