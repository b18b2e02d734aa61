"""Handshakes: who gets in, and what the others are told (protocol.md, *Handshake*)."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import jwt
import pytest
from rest_framework_simplejwt.tokens import RefreshToken
from websockets.exceptions import InvalidStatus

from realtime.users import user_id
from tests.clients import in_thread, open_socket
from tests.people import signed, token_for
from tests.servers import Address


async def refusal(server: Address, *arguments: Any, **options: Any) -> tuple[int, Any]:
    """The status and body with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with open_socket(server, *arguments, **options):
            pass
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.body)


def error(code: str, message: str, **details: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "details": details}


INVALID_TOKEN = (401, error("INVALID_TOKEN", "invalid token"))


async def test_without_a_token_nobody_gets_in(
    server: Address, caplog: pytest.LogCaptureFixture
) -> None:
    assert await refusal(server) == (401, error("MISSING_TOKEN", "missing token"))
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_an_expired_token_is_told_apart(server: Address, alice: Any) -> None:
    token = token_for(alice, lifetime=timedelta(seconds=-1))
    assert await refusal(server, token=token) == (401, error("TOKEN_EXPIRED", "token expired"))


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "x" * 5000])
async def test_a_malformed_token_is_invalid(server: Address, token: str) -> None:
    assert await refusal(server, token=token) == INVALID_TOKEN


async def test_a_refresh_token_opens_no_socket(server: Address, alice: Any) -> None:
    assert await refusal(server, token=str(RefreshToken.for_user(alice))) == INVALID_TOKEN


async def test_a_token_signed_by_somebody_else_is_invalid(server: Address, alice: Any) -> None:
    claims = {"user_id": user_id(alice), "exp": time.time() + 60}
    forged = jwt.encode(claims, "another-key-that-is-long-enough-for-hs256", algorithm="HS256")
    assert await refusal(server, token=forged) == INVALID_TOKEN


async def test_an_unsigned_token_is_invalid(server: Address, alice: Any) -> None:
    claims = {"user_id": user_id(alice), "exp": time.time() + 60}
    unsigned = jwt.encode(claims, "", algorithm="none")
    assert await refusal(server, token=unsigned) == INVALID_TOKEN


@pytest.mark.parametrize(
    "key", [None, True, 10**30, -1, "", "nobody", "1\x002", ["1"], {"a": 1}, 1.5]
)
async def test_a_token_for_no_user_is_invalid(server: Address, key: Any) -> None:
    token = signed({"user_id": key, "exp": int(time.time()) + 60})
    assert await refusal(server, token=token) == INVALID_TOKEN


async def test_a_token_has_to_expire(server: Address, alice: Any) -> None:
    assert await refusal(server, token=signed({"user_id": user_id(alice)})) == INVALID_TOKEN


async def test_a_disabled_user_does_not_get_in(server: Address, alice: Any) -> None:
    alice.is_active = False
    await in_thread(alice.save)
    assert await refusal(server, alice) == INVALID_TOKEN


async def test_the_reference_s_token_without_jti_and_type_is_good(
    server: Address, alice: Any
) -> None:
    now = int(time.time())
    token = signed({"user_id": user_id(alice), "exp": now + 60, "iat": now})
    async with open_socket(server, token=token) as socket:
        await socket.silence()


async def test_a_token_of_a_server_whose_clock_is_a_minute_ahead_is_good(
    server: Address, alice: Any
) -> None:
    now = int(time.time())
    claims = {"user_id": user_id(alice), "exp": now + 3600}
    async with open_socket(server, token=signed({**claims, "iat": now + 55})) as socket:
        await socket.silence()
    later = signed({**claims, "iat": now + 3000})
    assert await refusal(server, token=later) == INVALID_TOKEN


async def test_after_accepting_the_server_says_nothing(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.silence()


async def test_the_subprotocol_carries_the_token(server: Address, alice: Any) -> None:
    offered = ["socialhub.v1", f"bearer.{token_for(alice)}"]
    async with open_socket(server, subprotocols=offered) as socket:
        assert socket.connection.subprotocol == "socialhub.v1"
        assert (await socket.ask("connect"))["payload"]["user_id"] == user_id(alice)


async def test_the_header_wins_over_the_subprotocol_and_that_over_the_url(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    offered = ["socialhub.v1", f"bearer.{token_for(bob)}"]
    headers = {"Authorization": f"Bearer {token_for(alice)}"}
    async with open_socket(server, carol, subprotocols=offered) as socket:
        assert (await socket.ask("connect"))["payload"]["user_id"] == user_id(bob)
    async with open_socket(server, carol, subprotocols=offered, headers=headers) as socket:
        assert (await socket.ask("connect"))["payload"]["user_id"] == user_id(alice)


async def test_a_slash_at_the_end_is_fine(server: Address, alice: Any) -> None:
    slashed = type("Slashed", (), {"ws": server.ws + "/"})()
    async with open_socket(slashed, alice) as socket:
        await socket.silence()


async def test_other_paths_do_not_exist(server: Address, alice: Any) -> None:
    elsewhere = type("Elsewhere", (), {"ws": server.ws + "x"})()
    status, body = await refusal(elsewhere, alice)
    assert (status, body["code"]) == (404, "NOT_FOUND")


async def test_a_foreign_origin_is_refused(server: Address, alice: Any) -> None:
    headers = {"Origin": "https://evil.example"}
    assert await refusal(server, alice, headers=headers) == (
        403,
        error("FORBIDDEN", "This origin is not allowed", origin="https://evil.example"),
    )


async def test_pages_of_the_same_host_may_connect(server: Address, alice: Any) -> None:
    async with open_socket(server, alice, headers={"Origin": server.http}) as socket:
        await socket.silence()


@pytest.mark.options(ALLOWED_ORIGINS=["https://app.example.org"])
async def test_listed_origins_may_connect_and_no_others(server: Address, alice: Any) -> None:
    async with open_socket(server, alice, headers={"Origin": "https://app.example.org"}) as socket:
        await socket.silence()
    assert (await refusal(server, alice, headers={"Origin": server.http}))[0] == 403


async def test_the_eleventh_connection_is_refused_and_a_closed_one_makes_room(
    server: Address, alice: Any, bob: Any
) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(open_socket(server, alice)) for _ in range(10)]
        status, body = await refusal(server, alice)
        assert status == 429
        assert body == error(
            "MAX_CONNECTIONS",
            "At most 10 connections per user: close one first",
            retry_after=body["details"]["retry_after"],
        )
        assert body["details"]["retry_after"] > 0
        async with open_socket(server, bob) as socket:
            await socket.silence()
        await sockets[0].connection.close()
        # The slot is freed as the server handles the close: try until it is.
        for _ in range(100):
            try:
                await stack.enter_async_context(open_socket(server, alice))
                return
            except InvalidStatus:
                continue
        pytest.fail("A closed connection's slot was not freed")


@pytest.mark.parametrize("value", ["x", "-1", "1.5", str(2**63)])
async def test_a_malformed_position_is_refused(server: Address, alice: Any, value: str) -> None:
    status, body = await refusal(server, alice, last_sequence=value)
    assert (status, body["code"]) == (400, "INVALID_MESSAGE")
    assert body["details"] == {"field": "last_sequence"}
