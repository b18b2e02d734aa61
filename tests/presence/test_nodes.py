"""Presence over several server processes on one database."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from realtime.users import user_id
from tests.clients import open_http, open_socket
from tests.presence.watching import (
    channel,
    status_told,
    until_sockets,
    watch_by_polls,
    watch_by_socket,
)
from tests.servers import Address, server_process

QUICK_LEASE = {"LEASE_INTERVAL": 0.2, "LEASE_SECONDS": 4}


@pytest.mark.options(PRESENCE_GRACE=0.3, **QUICK_LEASE)
async def test_the_users_of_a_killed_server_go_offline(
    server: Address, alice: Any, bob: Any
) -> None:
    async with watch_by_socket(server, bob, channel(alice)) as watcher:
        with server_process(REDIS_URL="") as (doomed, process):
            async with open_socket(doomed, alice):
                assert await status_told(watcher) == "online"
                process.kill()
                assert await status_told(watcher) == "offline"


@pytest.mark.options(PRESENCE_GRACE=0.3, **QUICK_LEASE)
async def test_the_users_of_a_killed_server_who_are_elsewhere_too_stay(
    server: Address, alice: Any, bob: Any
) -> None:
    async with watch_by_socket(server, bob, channel(alice)) as watcher:
        with server_process(REDIS_URL="") as (doomed, process):
            async with open_socket(server, alice) as kept, open_socket(doomed, alice):
                assert await status_told(watcher) == "online"
                process.kill()
                await until_sockets(alice, 1)
                await kept.ask("presence", {"status": "busy"})
                assert await status_told(watcher) == "busy"


@pytest.mark.options(PRESENCE_GRACE=0.3)
async def test_two_nodes_that_decide_at_once_announce_once(alice: Any, bob: Any) -> None:
    with server_process(REDIS_URL="") as (one, _), server_process(REDIS_URL="") as (two, _):
        async with (
            watch_by_socket(one, bob, channel(alice)) as first,
            watch_by_socket(two, bob, channel(alice)) as second,
        ):
            for _round in range(3):
                async with AsyncExitStack() as stack:
                    opening = [open_socket(node, alice) for node in (one, two, one, two)]
                    await asyncio.gather(*map(stack.enter_async_context, opening))
                    for watcher in (first, second):
                        assert await status_told(watcher) == "online"
                    closing = stack.pop_all()
                await closing.aclose()
                # Both nodes carry out graces; whichever is first, one event is written.
                for watcher in (first, second):
                    assert await status_told(watcher) == "offline"


async def test_a_status_set_through_one_node_is_told_and_shown_by_the_other(
    alice: Any, bob: Any
) -> None:
    with server_process(REDIS_URL="") as (one, _), server_process(REDIS_URL="") as (two, _):
        async with (
            watch_by_socket(two, bob, channel(alice)) as by_socket,
            watch_by_polls(two, bob, channel(alice)) as by_polls,
            open_socket(one, alice) as socket,
            open_http(two, bob) as http,
        ):
            for watcher in (by_socket, by_polls):
                assert await status_told(watcher) == "online"
            for status in ("busy", "away"):
                ack = await socket.ask("presence", {"status": status})
                for watcher in (by_socket, by_polls):
                    assert (await watcher.next())["payload"] == ack["payload"]["data"]
                shown = await http.get("/api/v1/presence", params={"user_ids": user_id(alice)})
                assert shown.json()["users"] == [ack["payload"]["data"]]
