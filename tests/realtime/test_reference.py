"""The API reference's examples that are no payloads of frames, as a client would try them.

The payloads are in `tests/scenarios/test_every_type.py`.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from messaging.events import conversation_id
from notifications.services import notify
from presence.models import Presence
from realtime.conf import Options
from realtime.errors import ErrorCode
from realtime.users import user_id
from tests.clients import in_thread, open_http, open_socket, settled
from tests.messaging.talk import pair, say
from tests.people import signed
from tests.realtime import reference_examples as reference
from tests.realtime.reference_examples import assert_like
from tests.servers import Address

POLL = "/api/v1/realtime/poll"


async def test_a_token_with_the_claims_that_it_shows_opens_a_socket(
    server: Address, alice: Any
) -> None:
    claims = {**reference.CLAIMS, "user_id": user_id(alice), "exp": int(time.time()) + 60}
    async with open_socket(server, token=signed(claims)) as socket:
        await socket.silence()


@pytest.mark.parametrize("command", reference.COMMANDS, ids=lambda command: command["type"])
async def test_a_command_as_it_shows_takes_effect(
    server: Address, alice: Any, bob: Any, command: dict[str, Any]
) -> None:
    conversation = conversation_id(await in_thread(pair, alice, bob))
    own: dict[str, Any] = {**command, "payload": dict(command["payload"])}
    for fields, name, value in (
        (own, "channel", f"conversation:{conversation}"),
        (own["payload"], "channel", f"conversation:{conversation}"),
        (own["payload"], "conversation_id", conversation),
    ):
        if name in fields:
            fields[name] = value
    async with open_socket(server, alice) as socket:
        answer = await socket.ask(own.pop("type"), own.pop("payload"), **own)
        assert answer["type"] == "ack", answer


@pytest.mark.parametrize("channel", reference.CHANNELS)
async def test_its_channels_exist_and_are_joined_by_themselves_where_it_says_so(
    server: Address, alice: Any, bob: Any, channel: str
) -> None:
    conversation = conversation_id(await in_thread(pair, alice, bob))
    automatic = reference.CHANNELS[channel]
    channel = channel.replace("{userId}", user_id(bob)).replace("{id}", conversation)
    async with open_socket(server, alice) as socket:
        joined = (await socket.ask("connect"))["payload"]["channels"]
        assert (channel in joined) == automatic
        assert (await socket.ask("subscribe", {"channel": channel}))["type"] == "ack"


async def test_polls_as_it_shows_are_answered_as_it_shows(
    server: Address, alice: Any, bob: Any
) -> None:
    await in_thread(notify, alice, "like", "Bob liked your post", actor=bob, post_id="post_789")
    newest = await settled(server, alice)
    me = user_id(alice)
    async with open_http(server, alice) as http:
        by_query = await http.get(f"{POLL}?user_id={me}&last_poll_id={newest - 1}&timeout=30")
        body = {**reference.POLL_BODY, "user_id": me, "last_poll_id": newest - 1}
        by_body = await http.post(POLL, json=body)
    for response in (by_query, by_body):
        assert_like(reference.POLL_ANSWER, response.json(), "answer")
        assert len(response.json()["events"]) == 1
        assert {name for name in reference.LIMIT_HEADERS if name in response.headers} == set(
            reference.LIMIT_HEADERS
        )


async def test_what_was_missed_is_answered_as_it_shows(
    server: Address, alice: Any, bob: Any, settings: Any
) -> None:
    settings.REALTIME = {
        **settings.REALTIME,
        "DESCRIBE_USER": "tests.scenarios.hooks.with_picture",
    }
    await in_thread(say, bob, await in_thread(pair, alice, bob), "Hello!")
    await settled(server, alice)
    me = user_id(alice)
    async with open_http(server, alice) as http:
        response = await http.get(f"{POLL}/missed?user_id={me}&last_sequence=0")
    missed = response.json()["messages"]
    (example,) = reference.MISSED_ANSWER["messages"]
    (message,) = (frame for frame in missed if frame["type"] == example["type"])
    assert_like(example["payload"], message["payload"])
    for frame in missed:  # the id is a UUID, as it says of all envelopes
        assert reference.UUID.fullmatch(frame["id"])


def test_its_error_codes_have_the_statuses_that_it_says() -> None:
    statuses = {code.value: code.http_status for code in ErrorCode}
    assert reference.ERROR_CODES.items() <= statuses.items()


def test_its_statuses_are_the_statuses() -> None:
    assert set(Presence.Status.values) == set(reference.PRESENCE_STATUSES)


def test_its_limits_are_the_defaults() -> None:
    options = Options()
    assert options.FRAMES_PER_SECOND == reference.FRAMES_PER_SECOND
    assert options.MAX_CONNECTIONS == reference.CONNECTIONS_PER_USER
    assert options.POLLS_PER_MINUTE == reference.POLLS_PER_MINUTE
    assert options.POLL_TIMEOUT == reference.POLL_TIMEOUT
