"""The long poll (protocol.md, *Polling*)."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rest_framework_simplejwt.tokens import RefreshToken

from notifications.services import notify
from realtime import database, log, relay
from realtime.authentication import Identity
from realtime.models import Node
from realtime.polling import Poll, PollRequest
from realtime.users import user_id
from realtime.waiting import PollChannels, PollWait, WaitingPolls
from tests.clients import (
    PATIENCE,
    RestClient,
    in_thread,
    open_http,
    open_poller,
    open_socket,
    settled,
    waiting_poll,
)
from tests.people import token_for
from tests.realtime.test_hub import running
from tests.servers import Address

POLL = "/api/v1/realtime/poll"
MISSED = "/api/v1/realtime/poll/missed"


async def notify_now(server: Address, user: Any, *texts: str) -> None:
    """Notify, and wait until the server has handed it out."""

    def notify_each() -> None:
        for text in texts:
            notify(user, "like", text)

    await in_thread(notify_each)
    await settled(server, user)


def refused(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    assert set(body) == {"code", "message", "details"}
    assert response.headers["X-RateLimit-Limit"]
    return response.status_code, body["code"], body["message"]


# --- what it returns ---------------------------------------------------------------


async def test_poll_missed_and_socket_return_the_same_event(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket, open_http(server, alice) as http:
        await notify_now(server, alice, "Bob liked your post")
        frame = await socket.expect("notification")
        me = user_id(alice)
        polled = (await http.get(POLL, params={"user_id": me, "timeout": 0})).json()
        missed = (await http.get(MISSED, params={"user_id": me, "last_sequence": 0})).json()
    # Others' events may have moved the positions on meanwhile.
    assert polled.pop("last_poll_id") >= frame["sequence"]
    assert missed.pop("last_sequence") >= frame["sequence"]
    assert polled == {
        "events": [
            {
                "id": frame["sequence"],
                "event_id": frame["id"],
                "type": "notification",
                "channel": "notifications",
                "payload": frame["payload"],
                "timestamp": frame["timestamp"],
                "sequence": frame["sequence"],
            }
        ],
        "has_more": False,
        "epoch": polled["epoch"],
    }
    assert missed == {
        "messages": [frame],
        "has_more": False,
        "epoch": polled["epoch"],
    }


@pytest.mark.options(MAX_WAITING_POLLS=1)
async def test_a_waiting_poll_answers_when_something_happens(server: Address, alice: Any) -> None:
    async with open_poller(server, alice) as poller:
        waiting = await waiting_poll(poller.http, alice, poller.position)
        await in_thread(notify, alice, "like", "now")
        answer = (await asyncio.wait_for(waiting, 15)).json()
        assert [event["payload"]["message"] for event in answer["events"]] == ["now"]
        assert answer["last_poll_id"] >= answer["events"][0]["id"]


async def test_nothing_foreign_is_returned_and_the_position_moves_on(
    server: Address, alice: Any, bob: Any
) -> None:
    async with open_poller(server, alice) as poller:
        start = poller.position
        await notify_now(server, bob, "for bob")
        for _ in range(100):
            answer = await poller.poll(timeout=0.1)
            assert answer["events"] == []
            if poller.position > start:
                return
        pytest.fail("An empty poll did not move the position")


async def test_pages_are_as_long_as_asked_and_say_if_there_is_more(
    server: Address, alice: Any
) -> None:
    async with open_poller(server, alice) as poller:
        texts = [str(number) for number in range(5)]
        await notify_now(server, alice, *texts)
        found: list[str] = []
        async with asyncio.timeout(15):
            while len(found) < 5:
                answer = await poller.poll(limit=2)
                found += [event["payload"]["message"] for event in answer["events"]]
                assert len(answer["events"]) <= 2
                assert answer["has_more"] == (len(found) < 5)
        assert found == texts


async def test_a_limit_above_100_means_100(server: Address, alice: Any) -> None:
    await notify_now(server, alice, *map(str, range(150)))
    async with open_http(server, alice) as http:
        for path, name, found in (
            (POLL, "last_poll_id", "events"),
            (MISSED, "last_sequence", "messages"),
        ):
            parameters: dict[str, Any] = {"user_id": user_id(alice), name: 0, "limit": 1000}
            answer = (await http.get(path, params=parameters)).json()
            assert len(answer[found]) == 100
            assert answer["has_more"] is True
            rest = {**parameters, name: answer[name]}
            answer = (await http.get(path, params=rest)).json()
            assert len(answer[found]) == 50
            assert answer["has_more"] is False


async def test_post_takes_the_same_parameters_in_its_body(server: Address, alice: Any) -> None:
    await notify_now(server, alice, "1", "2")
    async with open_http(server, alice) as http:
        body = {"user_id": user_id(alice), "last_poll_id": 0, "timeout": 0, "limit": 1}
        response = await http.post(POLL, json=body)
        assert response.status_code == 200
        assert len(response.json()["events"]) == 1
        assert response.json()["has_more"] is True


async def test_the_token_may_stand_in_the_url(server: Address, alice: Any) -> None:
    async with open_http(server) as http:
        parameters: dict[str, Any] = {
            "user_id": user_id(alice),
            "timeout": 0,
            "token": token_for(alice),
        }
        assert (await http.get(POLL, params=parameters)).status_code == 200


async def test_named_channels_carry_their_snapshots_in_the_first_answer(
    server: Address, alice: Any
) -> None:
    await notify_now(server, alice, "1")
    async with open_http(server, alice) as http:
        parameters: dict[str, Any] = {
            "user_id": user_id(alice),
            "timeout": 0,
            "channels": "notifications",
        }
        answer = (await http.get(POLL, params=parameters)).json()
        assert answer["channels"] == {"notifications": {"unread_count": 1}}
        later: dict[str, Any] = {**parameters, "last_poll_id": answer["last_poll_id"]}
        assert "channels" not in (await http.get(POLL, params=later)).json()


# --- where the log does not reach ---------------------------------------------------


@pytest.mark.parametrize(("path", "name"), [(POLL, "last_poll_id"), (MISSED, "last_sequence")])
async def test_a_position_out_of_reach_is_answered_with_resync(
    server: Address, alice: Any, path: str, name: str
) -> None:
    await notify_now(server, alice, "1", "2", "3")
    await in_thread(log.prune, timedelta(0))
    await settled(server, alice)
    async with open_http(server, alice) as http:
        parameters: dict[str, Any] = {"user_id": user_id(alice), "timeout": 0}
        if path == MISSED:
            del parameters["timeout"]
        for position, extra in ((1, {}), (10**12, {}), (10**6, {"epoch": "another"})):
            response = await http.get(path, params={**parameters, name: position, **extra})
            assert response.status_code == 200
            answer = response.json()
            assert answer["resync"] is True
            assert answer["events" if path == POLL else "messages"] == []
            again = await http.get(path, params={**parameters, name: answer[name]})
            assert "resync" not in again.json()
        oldest = await http.get(path, params={**parameters, name: 0})
        assert "resync" not in oldest.json()


# --- bad input ----------------------------------------------------------------------


async def test_tokens_are_required_and_checked(server: Address, alice: Any) -> None:
    expired = token_for(alice, lifetime=timedelta(seconds=-1))
    async with open_http(server) as http:
        for path in (POLL, MISSED):
            parameters: dict[str, Any] = {"user_id": user_id(alice), "last_sequence": 0}
            for token, code, message in (
                ("", "MISSING_TOKEN", "missing token"),
                ("nonsense", "INVALID_TOKEN", "invalid token"),
                (str(RefreshToken.for_user(alice)), "INVALID_TOKEN", "invalid token"),
                (expired, "TOKEN_EXPIRED", "token expired"),
            ):
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                response = await http.get(path, params=parameters, headers=headers)
                assert refused(response) == (401, code, message)
                assert "Bearer" in response.headers["WWW-Authenticate"]


async def test_another_s_events_are_forbidden(server: Address, alice: Any, bob: Any) -> None:
    async with open_http(server, alice) as http:
        for path in (POLL, MISSED):
            response = await http.get(path, params={"user_id": user_id(bob), "last_sequence": 0})
            assert refused(response) == (403, "FORBIDDEN", "user_id is not the token's user")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", "soon"),
        ("timeout", "-1"),
        ("timeout", "nan"),
        ("last_poll_id", "x"),
        ("last_poll_id", "-1"),
        ("last_poll_id", str(2**63)),
        ("last_poll_id", "9" * 400),
        ("limit", "0"),
        ("limit", "many"),
    ],
)
async def test_a_malformed_parameter_is_named(
    server: Address, alice: Any, name: str, value: str
) -> None:
    async with open_http(server, alice) as http:
        parameters: dict[str, Any] = {"user_id": user_id(alice), "timeout": 0, name: value}
        for response in (
            await http.get(POLL, params=parameters),
            await http.post(POLL, json=parameters),
        ):
            assert refused(response)[:2] == (400, "INVALID_MESSAGE")
            assert response.json()["details"] == {"field": name}


async def test_required_parameters_are_named(server: Address, alice: Any) -> None:
    async with open_http(server, alice) as http:
        response = await http.get(POLL)
        assert refused(response) == (400, "INVALID_MESSAGE", "Field user_id is required")
        response = await http.get(MISSED, params={"user_id": user_id(alice)})
        assert refused(response) == (400, "INVALID_MESSAGE", "Field last_sequence is required")


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "\xff"])
async def test_a_malformed_body_is_refused(server: Address, alice: Any, body: str) -> None:
    async with open_http(server, alice) as http:
        headers = {"Content-Type": "application/json"}
        response = await http.post(POLL, content=body.encode("latin-1"), headers=headers)
        assert refused(response)[:2] == (400, "INVALID_MESSAGE")


async def test_a_timeout_above_30_means_30(server: Address, alice: Any) -> None:
    async with open_http(server, alice) as http:
        await notify_now(server, alice, "at once")
        response = await http.get(POLL, params={"user_id": user_id(alice), "timeout": 1e9})
        assert response.status_code == 200


async def test_unknown_channels_do_not_exist(server: Address, alice: Any) -> None:
    async with open_http(server, alice) as http:
        for path in (POLL, MISSED):
            response = await http.get(
                path, params={"user_id": user_id(alice), "last_sequence": 0, "channels": "x"}
            )
            assert refused(response) == (404, "CHANNEL_NOT_FOUND", "Channel does not exist")


async def test_other_paths_and_methods_are_refused_in_the_one_form_of_error(
    server: Address, alice: Any
) -> None:
    async with open_http(server, alice) as http:
        assert refused(await http.get("/api/v1/realtime/nothing"))[:2] == (404, "NOT_FOUND")
        for method in ("DELETE", "PUT", "PATCH"):
            response = await http.request(method, POLL)
            assert refused(response)[:2] == (405, "INVALID_MESSAGE")
            assert "GET" in response.headers["Allow"]


# --- limits -------------------------------------------------------------------------


@pytest.mark.options(POLLS_PER_MINUTE=3)
async def test_the_fourth_poll_of_three_is_one_too_many(
    server: Address, alice: Any, bob: Any
) -> None:
    parameters: dict[str, Any] = {"user_id": user_id(alice), "timeout": 0, "last_sequence": 0}
    async with open_http(server, alice) as http:
        for number, path in enumerate((POLL, MISSED, POLL)):
            response = await http.get(path, params=parameters)
            assert response.headers["X-RateLimit-Limit"] == "3"
            assert response.headers["X-RateLimit-Remaining"] == str(2 - number)
            assert 0 < int(response.headers["X-RateLimit-Reset"]) - time.time() <= 61
        response = await http.get(POLL, params=parameters)
        assert refused(response) == (429, "RATE_LIMITED", "More than 3 polls a minute")
        assert response.headers["X-RateLimit-Remaining"] == "0"
        retry_after = response.json()["details"]["retry_after"]
        assert response.headers["Retry-After"] == str(retry_after)
        assert 0 < retry_after <= 60
    async with open_http(server, bob) as http:
        response = await http.get(POLL, params={"user_id": user_id(bob), "timeout": 0})
        assert response.status_code == 200


@pytest.mark.options(POLLS_PER_MINUTE=3)
async def test_requests_without_a_valid_token_are_counted_by_address(server: Address) -> None:
    async with open_http(server) as http:
        statuses = [(await http.get(POLL)).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]


@pytest.mark.options(MAX_WAITING_POLLS=2)
async def test_one_waiting_poll_too_many_ends_the_oldest(server: Address, alice: Any) -> None:
    async with open_poller(server, alice) as poller:
        waiting = [asyncio.create_task(poller.poll(timeout=30)) for _ in range(3)]
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=15)
        assert [task.result()["events"] for task in done] == [[]]
        assert len(pending) == 2
        await in_thread(notify, alice, "like", "now")
        for answer in await asyncio.gather(*pending):
            assert len(answer["events"]) == 1


# --- who goes away -------------------------------------------------------------------


@pytest.mark.options(MAX_WAITING_POLLS=1)
async def test_a_disabled_user_s_waiting_poll_ends(server: Address, alice: Any) -> None:
    async with open_poller(server, alice) as poller:
        waiting = await waiting_poll(poller.http, alice, poller.position)
        alice.is_active = False
        await in_thread(alice.save)
        response = await asyncio.wait_for(waiting, 15)
        assert refused(response)[:2] == (401, "INVALID_TOKEN")


async def test_a_waiting_poll_ends_with_its_token(server: Address, alice: Any) -> None:
    async with open_http(server) as http:
        token = token_for(alice, lifetime=timedelta(seconds=4))
        response = await http.get(
            POLL,
            params={"user_id": user_id(alice), "timeout": 30},
            headers={"Authorization": f"Bearer {token}"},
            timeout=15,
        )
        assert response.status_code == 200
        assert response.json()["events"] == []


def test_under_wsgi_a_poll_answers_at_once_and_starts_no_node(alice: Any) -> None:
    notify(alice, "like", "1")
    relay.drain()
    client = RestClient(alice)
    me: dict[str, Any] = {"user_id": user_id(alice)}
    answer = client.get(POLL, {**me, "timeout": 30}).json()
    assert [event["payload"]["message"] for event in answer["events"]] == ["1"]
    waiting = {**me, "timeout": 30, "last_poll_id": answer["last_poll_id"]}
    empty = client.get(POLL, waiting).json()
    assert empty["events"] == []
    missed = client.get(MISSED, {**me, "last_sequence": 0}).json()
    assert len(missed["messages"]) == 1
    beyond = client.get(MISSED, {**me, "last_sequence": 10**9}).json()
    assert beyond["resync"] is True
    assert not Node.objects.exists()
    database.close()


async def test_what_woke_a_poll_is_read_next_and_nothing_before_it() -> None:
    # Else each of thousands of polls looks through all that happened while it waited.
    wait = PollWait("1", PollChannels([]), 5)
    for first, last in ((4, 5), (100, 100), (101, 102)):
        wait.deliver(SimpleNamespace(first=first, last=last))  # type: ignore[arg-type]
    assert (wait.woken, wait.position) == (True, 99)


async def test_on_an_empty_log_a_poll_that_names_a_channel_waits_too(alice: Any) -> None:
    async with running() as hub, asyncio.timeout(PATIENCE):
        assert hub.position == 0
        polls = WaitingPolls()
        node: Any = SimpleNamespace(hub=hub, polls=polls, draining=False)
        identity = Identity(user_id(alice), time.time() + 60, alice)
        request = PollRequest(user_id=user_id(alice), channels="feed:updates")
        first = await Poll(hub, identity, request, node=node, checked_at=0).begin()
        assert first is not None
        assert "feed:updates" in (first.channels or {})
        poll = Poll(hub, identity, request, node=node, checked_at=0)
        assert await poll.begin() is None
        second = asyncio.create_task(poll.wait())
        while not len(polls):
            assert not second.done()
            await asyncio.sleep(0)
        polls.release_all()
        assert (await second).last_poll_id == 0
