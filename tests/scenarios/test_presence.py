"""Presence as a watcher sees it, on both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import pytest

from realtime.users import user_id
from tests.clients import in_thread, open_http, open_poller, open_socket, waiting_poll
from tests.people import make_user
from tests.presence.watching import (
    Watcher,
    channel,
    status_told,
    until_in_grace,
    until_shown,
    until_sockets,
    watch_by_polls,
    watch_by_socket,
)
from tests.servers import Address

Watch = Callable[..., AbstractAsyncContextManager[Watcher]]

AT_ONCE = pytest.mark.options(PRESENCE_GRACE=0)
NEVER_OVER = pytest.mark.options(PRESENCE_GRACE=3600)


@pytest.fixture(params=[watch_by_socket, watch_by_polls], ids=["socket", "poll"])
def watch(request: pytest.FixtureRequest) -> Watch:
    """Opens a client that follows presence."""
    opener: Watch = request.param
    return opener


@pytest.mark.options(PRESENCE_GRACE=0.3)
async def test_a_watcher_sees_somebody_come_and_go(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher:
        async with open_socket(server, alice):
            event = await watcher.next()
            assert event["channel"] == channel(alice)
            assert set(event["payload"]) == {"user_id", "status", "last_seen"}
            assert event["payload"]["user_id"] == user_id(alice)
            assert event["payload"]["status"] == "online"
            assert event["payload"]["last_seen"].endswith("Z")
        gone = await watcher.next()
        assert gone["payload"]["status"] == "offline"
        times = event["payload"]["last_seen"], gone["payload"]["last_seen"], gone["timestamp"]
        came, went, told = map(datetime.fromisoformat, times)
        assert came < went < told


@pytest.mark.options(PRESENCE_GRACE=0.3)
async def test_a_watcher_of_everybody_sees_everybody(
    server: Address, watch: Watch, alice: Any, bob: Any, carol: Any
) -> None:
    async with watch(server, bob, "presence") as watcher:

        async def told_of_others() -> set[tuple[str, str]]:
            """Who has changed to what, of the next two events that are not the watcher's."""
            told: set[tuple[str, str]] = set()
            while len(told) < 2:
                payload = (await watcher.next())["payload"]
                if payload["user_id"] != user_id(bob):
                    told.add((payload["user_id"], payload["status"]))
            return told

        async with open_socket(server, alice), open_socket(server, carol):
            assert await told_of_others() == {(user_id(user), "online") for user in (alice, carol)}
        assert await told_of_others() == {(user_id(user), "offline") for user in (alice, carol)}


@NEVER_OVER
async def test_a_page_reload_is_not_told(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher:
        async with open_socket(server, alice):
            assert await status_told(watcher) == "online"
        await until_in_grace(alice)
        async with open_socket(server, alice) as reloaded:
            await until_shown(alice, "online")
            await reloaded.ask("presence", {"status": "busy"})
            assert await status_told(watcher) == "busy", "nothing came before it"


@AT_ONCE
async def test_who_closes_one_of_two_connections_is_still_there(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher:
        async with open_socket(server, alice) as phone:
            async with open_socket(server, alice):
                assert await status_told(watcher) == "online"
                await until_sockets(alice, 2)
            await until_sockets(alice, 1)
            await phone.ask("presence", {"status": "busy"})
            assert await status_told(watcher) == "busy"
        assert await status_told(watcher) == "offline"


@AT_ONCE
async def test_busy_stays_across_reconnects(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher:
        async with open_socket(server, alice) as socket:
            assert await status_told(watcher) == "online"
            ack = await socket.ask("presence", {"status": "busy"})
            told = await watcher.next()
            assert told["payload"] == ack["payload"]["data"]
            assert told["payload"]["status"] == "busy"
        assert await status_told(watcher) == "offline"
        async with open_socket(server, alice) as socket:
            assert await status_told(watcher) == "busy"
            await socket.ask("presence", {"status": "online"})
            assert await status_told(watcher) == "online"


async def test_a_client_says_that_it_is_away_and_back(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher, open_socket(server, alice) as socket:
        assert await status_told(watcher) == "online"
        for status in ("away", "online"):
            await socket.ask("presence", {"status": status})
            assert await status_told(watcher) == status


async def test_a_status_set_over_rest_is_told(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with (
        watch(server, bob, channel(alice)) as watcher,
        open_socket(server, alice),
        open_http(server, alice) as http,
    ):
        assert await status_told(watcher) == "online"
        response = await http.post("/api/v1/presence/me", json={"status": "busy"})
        assert (await watcher.next())["payload"] == response.json()


@pytest.mark.options(PRESENCE_IDLE=3)
async def test_who_sends_heartbeats_only_is_away_until_another_frame(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher, open_socket(server, alice) as socket:

        async def beat() -> None:
            while True:
                await socket.send("heartbeat")
                await asyncio.sleep(0.05)

        assert await status_told(watcher) == "online"
        beating = asyncio.create_task(beat())
        assert await status_told(watcher) == "away"
        beating.cancel()
        await socket.send("notification_read_all")
        assert await status_told(watcher) == "online"


@pytest.mark.options(PRESENCE_IDLE=3)
async def test_who_says_online_is_online_at_once_however_idle(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher, open_socket(server, alice) as socket:
        assert await status_told(watcher) == "online"
        assert await status_told(watcher) == "away"
        ack = await socket.ask("presence", {"status": "online"})
        assert ack["payload"]["data"]["status"] == "online"
        assert await status_told(watcher) == "online"


@pytest.mark.options(MAX_WAITING_POLLS=1, PRESENCE_GRACE=0, POLL_LEASE=1)
async def test_who_polls_is_connected_and_gone_when_the_polls_end(
    server: Address, alice: Any, bob: Any
) -> None:
    async with watch_by_socket(server, bob, channel(alice)) as watcher:
        async with open_poller(server, alice):
            assert await status_told(watcher) == "online"
        assert await status_told(watcher) == "offline"


@pytest.mark.options(MAX_WAITING_POLLS=1, PRESENCE_GRACE=0)
async def test_a_poll_keeps_who_has_closed_the_last_socket(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    async with watch(server, bob, channel(alice)) as watcher, open_http(server, alice) as http:
        async with open_socket(server, alice):
            assert await status_told(watcher) == "online"
            waiting = await waiting_poll(http, alice)
        await until_sockets(alice, 0)
        await http.post("/api/v1/presence/me", json={"status": "busy"})
        assert await status_told(watcher) == "busy"
        waiting.cancel()


async def test_the_state_at_joining_and_the_events_after_it_make_the_state_now(
    server: Address, watch: Watch, alice: Any, bob: Any
) -> None:
    people = [await in_thread(make_user, f"user{number}") for number in range(3)]
    async with watch(server, bob, "presence") as watcher:
        known = {item["user_id"]: item for item in watcher.snapshots["presence"]["users"]}
        async with open_http(server, bob) as http:
            for user in people:
                async with open_socket(server, user) as socket:
                    for status in ("busy", "away"):
                        await socket.ask("presence", {"status": status})
                        while known.get(user_id(user), {}).get("status") != status:
                            payload = (await watcher.next())["payload"]
                            known[payload["user_id"]] = payload
            ids = ",".join(map(user_id, people))
            now = (await http.get("/api/v1/presence", params={"user_ids": ids})).json()["users"]
            for payload in now:
                assert known[payload["user_id"]]["status"] == payload["status"]
