"""Tokens that end while a client is connected, and clients that are sent away."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from typing import Any

import pytest

from realtime.client import AuthenticationError, ClientEndedError, Status, Timing
from realtime.errors import CloseCode
from realtime.revocation import revoke_tokens
from realtime.rights import close_user
from realtime.users import user_id
from tests.client.helpers import (
    QUICK,
    PatientClient,
    Statuses,
    client_of,
    take,
    take_messages,
    tell,
)
from tests.clients import in_thread
from tests.people import token_for
from tests.servers import Address, server_process


class Giver:
    """A `get_token` that gives the tokens that it was given, the last one again and again."""

    def __init__(self, *tokens: str | Exception) -> None:
        self.asked = 0
        self._tokens = list(tokens)

    async def __call__(self) -> str:
        self.asked += 1
        token = self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        if isinstance(token, Exception):
            raise token
        return token


async def test_a_token_is_renewed_on_the_open_socket(server: Address, alice: Any) -> None:
    short = token_for(alice, lifetime=timedelta(seconds=6))
    giver, statuses = Giver(short, token_for(alice)), Statuses()
    client = PatientClient(server.http, get_token=giver, timing=QUICK, on_status=statuses)
    async with client, client_of(server.http, alice, token=short) as forgotten:
        # The server ends the one whose token was not renewed.
        with pytest.raises(AuthenticationError) as ended:
            await take(forgotten.events())
        assert ended.value.code == "TOKEN_EXPIRED"
        await tell(alice, "still here")
        assert await take_messages(client.events("notification"), 1) == ["still here"]
    assert giver.asked == 2
    assert statuses.seen == [Status.CONNECTING, Status.CONNECTED, Status.DISCONNECTED]


async def test_a_token_that_ends_before_it_is_renewed_is_replaced(
    server: Address, alice: Any
) -> None:
    short = token_for(alice, lifetime=timedelta(seconds=4))
    fresh, statuses = token_for(alice), Statuses()

    async def get_token() -> str:
        if Status.CONNECTED not in statuses.seen:
            return short
        if client.status is Status.CONNECTED:
            raise OSError("no network")
        return fresh

    client = PatientClient(
        server.http, get_token=get_token, timing=Timing(delays=(0.02,)), on_status=statuses
    )
    async with client:
        await statuses.until(Status.CONNECTED, 2)
        await tell(alice, "back")
        assert await take_messages(client.events("notification"), 1) == ["back"]


@pytest.mark.parametrize("refused", ["x", "a.b.c"])
async def test_a_refused_token_is_replaced_once(server: Address, alice: Any, refused: str) -> None:
    giver = Giver(refused, token_for(alice))
    with pytest.raises(AuthenticationError):
        await PatientClient(server.http, get_token=giver, timing=QUICK).connect()
    assert giver.asked == 1  # what the callback gives is its last word
    giver = Giver(token_for(alice))
    async with PatientClient(server.http, token=refused, get_token=giver, timing=QUICK):
        assert giver.asked == 1


async def test_a_callback_that_fails_is_asked_again(server: Address, alice: Any) -> None:
    giver = Giver(OSError("no network"), token_for(alice))
    async with PatientClient(server.http, get_token=giver, timing=QUICK):
        assert giver.asked == 2


async def test_a_callback_may_say_that_there_is_no_token(server: Address) -> None:
    giver = Giver(AuthenticationError("LOGGED_OUT", "The bot has no account any more"))
    with pytest.raises(AuthenticationError) as ended:
        await PatientClient(server.http, get_token=giver, timing=QUICK).connect()
    assert ended.value.code == "LOGGED_OUT"


async def test_revoked_tokens_end_the_client(server: Address, alice: Any) -> None:
    giver = Giver(token_for(alice))
    async with PatientClient(server.http, get_token=giver, timing=QUICK) as client:
        events = client.events()
        await in_thread(revoke_tokens, alice)
        with pytest.raises(AuthenticationError) as ended:
            await take(events)
        assert ended.value.details == {"close_code": 4501, "reason": "token_revoked"}
        assert client.status is Status.ENDED
        with pytest.raises(AuthenticationError):
            await client.send_with_ack("heartbeat")


async def test_a_disabled_account_ends_the_client(server: Address, alice: Any) -> None:
    async with client_of(server.http, alice) as client:
        events = client.events()
        await in_thread(close_user, user_id(alice), CloseCode.ACCOUNT_DISABLED, "account_disabled")
        with pytest.raises(ClientEndedError) as ended:
            await take(events)
        assert ended.value.details == {"close_code": 4503, "reason": "account_disabled"}


async def test_who_is_one_too_many_waits(server: Address, alice: Any) -> None:
    statuses = Statuses()
    timing = Timing(delays=(0.02,), attempts=1000)
    clients = [client_of(server.http, alice) for _ in range(10)]
    for client in clients:
        await client.connect()
    late = client_of(server.http, alice, timing=timing, on_status=statuses)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await late.connect()
    for client in clients:
        await client.disconnect()
    async with late:
        assert late.status is Status.CONNECTED


async def test_a_server_that_goes_is_left_for_the_next(alice: Any) -> None:
    statuses = Statuses()
    with server_process() as (server, process):
        client = client_of(server.http, alice, on_status=statuses)
        await client.connect()
        process.send_signal(signal.SIGTERM)
        await statuses.until(Status.RECONNECTING)
        assert client.status is not Status.ENDED
        await client.disconnect()
