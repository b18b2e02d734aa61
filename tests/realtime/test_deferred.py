"""A poll that waits is answered as if Django had answered it, which has long forgotten it."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import httpx
import pytest
from django.core.handlers.asgi import ASGIRequest
from prometheus_client import REGISTRY

from notifications.services import notify
from realtime.users import user_id
from tests.clients import PATIENCE, in_thread, open_http, open_poller, waiting_poll
from tests.servers import PLAIN_UVICORN, Address, server_process

POLL = "/api/v1/realtime/poll"
PASSED_ON = {"date", "server"}


def waiting_polls() -> float:
    return REGISTRY.get_sample_value("realtime_waiting_polls") or 0


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.options(MAX_WAITING_POLLS=1)
async def test_it_has_the_headers_of_an_answer_at_once(server: Address, alice: Any) -> None:
    async with open_poller(server, alice) as poller:
        poller.http.headers["Origin"] = server.http
        me: dict[str, Any] = {"user_id": user_id(alice)}
        at_once = await poller.http.get(POLL, params={**me, "timeout": 0})
        waiting = await waiting_poll(poller.http, alice, poller.position)
        await in_thread(notify, alice, "like", "now")
        later = await asyncio.wait_for(waiting, PATIENCE)
    assert later.json()["events"]
    assert later.headers["Access-Control-Allow-Origin"] == server.http
    assert later.headers["X-RateLimit-Remaining"] < at_once.headers["X-RateLimit-Remaining"]
    # Django leaves the length of its answers to the server.
    assert set(later.headers) - {"content-length"} == set(at_once.headers) - {"transfer-encoding"}
    same = ("content-type", "cache-control", "vary", "x-ratelimit-limit")
    assert {name: later.headers[name] for name in same} == {
        name: at_once.headers[name] for name in same
    }


@pytest.mark.options(MAX_WAITING_POLLS=1)
async def test_a_refusal_that_comes_later_has_its_headers(server: Address, alice: Any) -> None:
    async with open_poller(server, alice) as poller:
        waiting = await waiting_poll(poller.http, alice, poller.position)
        alice.is_active = False
        await in_thread(alice.save)
        refusal = await asyncio.wait_for(waiting, PATIENCE)
    assert (refusal.status_code, refusal.json()["code"]) == (401, "INVALID_TOKEN")
    assert refusal.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert refusal.headers["Content-Type"] == "application/json"
    assert refusal.headers["X-RateLimit-Limit"]


@pytest.mark.options(MAX_WAITING_POLLS=1)
async def test_nothing_is_kept_of_the_request_while_it_waits(server: Address, alice: Any) -> None:
    async with open_poller(server, alice) as poller:
        waiting = await waiting_poll(poller.http, alice, poller.position)
        gc.collect()
        assert not requests_in_memory()
        await in_thread(notify, alice, "like", "now")
        assert (await asyncio.wait_for(waiting, PATIENCE)).json()["events"]


@pytest.mark.parametrize("timeout", [0, 0.05])
async def test_a_poll_that_is_answered_leaves_nothing_to_the_garbage_collector(
    server: Address, alice: Any, timeout: float
) -> None:
    async with open_poller(server, alice) as poller:
        await poller.poll(timeout=0.05)
        gc.collect()
        gc.disable()
        try:
            await poller.poll(timeout=timeout)
            await until(lambda: not requests_in_memory())
        finally:
            gc.enable()


def requests_in_memory() -> list[ASGIRequest]:
    return [kept for kept in gc.get_objects() if isinstance(kept, ASGIRequest)]


async def test_a_client_that_goes_away_waits_no_more(server: Address, alice: Any) -> None:
    before = waiting_polls()
    async with open_http(server, alice) as http:
        parameters: dict[str, Any] = {"user_id": user_id(alice), "timeout": 30}
        poll = asyncio.create_task(http.get(POLL, params=parameters))
        await until(lambda: waiting_polls() > before)
        poll.cancel()
        await until(lambda: waiting_polls() == before)


async def test_on_a_server_of_any_kind_a_poll_can_follow_on_the_same_connection(
    alice: Any,
) -> None:
    with server_process(PLAIN_UVICORN) as (address, _):
        one_connection = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(base_url=address.http, limits=one_connection) as http:
            async with open_http(address, alice) as signed_in:
                http.headers = signed_in.headers
            me: dict[str, Any] = {"user_id": user_id(alice), "timeout": 0.2}
            position = 0
            for _ in range(3):
                answer = await http.get(POLL, params={**me, "last_poll_id": position})
                assert answer.status_code == 200
                position = answer.json()["last_poll_id"]
