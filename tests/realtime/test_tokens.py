"""The life of a token on an open socket, and logging in."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils.timezone import now
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken

from realtime.authentication import authenticate
from realtime.errors import RealtimeError
from realtime.revocation import revoke_tokens
from realtime.users import user_id
from tests.clients import in_thread, open_http, open_socket
from tests.people import PASSWORD, login_name, make_user, signed, token_for
from tests.servers import Address, manage


async def test_at_its_token_s_end_a_socket_is_told_and_closed(server: Address, alice: Any) -> None:
    token = token_for(alice, lifetime=timedelta(seconds=4))
    async with open_socket(server, token=token) as socket:
        code, before = await socket.closed()
    assert code == 4501
    assert [frame["type"] for frame in before] == ["error", "disconnect"]
    assert before[0]["payload"] == {
        "code": "TOKEN_EXPIRED",
        "message": "token expired",
        "details": {},
    }
    assert before[1]["payload"]["reason"] == "token_expired"
    assert before[1]["payload"]["reconnect"] is False


async def test_a_fresh_token_in_time_keeps_the_socket_open(server: Address, alice: Any) -> None:
    short, long = timedelta(seconds=5), timedelta(hours=1)
    async with (
        open_socket(server, token=token_for(alice, lifetime=short)) as renewed,
        open_socket(server, token=token_for(alice, lifetime=short)) as forgotten,
    ):
        ack = await renewed.ask("authenticate", {"token": token_for(alice, lifetime=long)})
        assert ack["type"] == "ack", ack
        assert (await forgotten.closed())[0] == 4501
        await renewed.silence()


async def test_another_user_s_token_changes_nothing(server: Address, alice: Any, bob: Any) -> None:
    async with open_socket(server, alice) as socket:
        frame = await socket.ask("authenticate", {"token": token_for(bob)})
        assert frame["payload"] == {
            "code": "INVALID_TOKEN",
            "message": "invalid token",
            "details": {},
        }
        await socket.silence()


async def test_a_disabled_user_s_sockets_are_closed(server: Address, alice: Any, bob: Any) -> None:
    async with open_socket(server, alice) as socket, open_socket(server, bob) as other:
        alice.is_active = False
        await in_thread(alice.save)
        code, before = await socket.closed()
        assert code == 4503
        assert before[-1]["payload"]["reason"] == "account_disabled"
        await other.silence()


async def test_a_deleted_user_s_sockets_are_closed(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.silence()
        await in_thread(alice.delete)
        assert (await socket.closed())[0] == 4503


@pytest.mark.options(USER_CHECK_INTERVAL=0.1)
async def test_a_user_disabled_without_a_signal_is_found(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        users = get_user_model().objects.filter(pk=alice.pk)
        await in_thread(users.update, is_active=False)
        assert (await socket.closed())[0] == 4503


async def test_logging_in_gives_a_token_that_opens_a_socket(server: Address, alice: Any) -> None:
    field = type(alice).USERNAME_FIELD
    async with open_http(server) as http:
        response = await http.post(
            "/api/v1/auth/token", json={field: login_name(alice), "password": PASSWORD}
        )
        assert response.status_code == 200
        tokens = response.json()
        async with open_socket(server, token=tokens["access"]) as socket:
            await socket.silence()
        response = await http.post(
            "/api/v1/auth/token/refresh", json={"refresh": tokens["refresh"]}
        )
        assert response.status_code == 200
        async with open_socket(server, token=response.json()["access"]) as socket:
            await socket.silence()


async def test_wrong_passwords_and_tokens_are_refused_in_the_one_form_of_error(
    server: Address, alice: Any
) -> None:
    field = type(alice).USERNAME_FIELD

    async def post(http: httpx.AsyncClient, path: str, body: Any) -> tuple[int, str]:
        response = await http.post(f"/api/v1/auth/{path}", json=body)
        error = response.json()
        assert set(error) == {"code", "message", "details"}
        return response.status_code, error["code"]

    async with open_http(server) as http:
        wrong = {field: login_name(alice), "password": "wrong"}
        assert await post(http, "token", wrong) == (401, "INVALID_TOKEN")
        assert await post(http, "token", {}) == (400, "INVALID_MESSAGE")
        assert await post(http, "token", []) == (400, "INVALID_MESSAGE")
        assert await post(http, "token/refresh", {"refresh": "x"}) == (401, "INVALID_TOKEN")
        # An access token is not a refresh token.
        access = {"refresh": token_for(alice)}
        assert await post(http, "token/refresh", access) == (401, "INVALID_TOKEN")


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["revoked", "disabled", "deleted"])
def test_a_refresh_token_ends_with_what_it_was_got_by(end: str) -> None:
    dora = make_user("dora")
    refresh = RefreshToken.for_user(dora)
    refresh.set_iat(at_time=now() - timedelta(minutes=1))  # whole seconds: not of this one
    match end:
        case "revoked":
            revoke_tokens(dora)
        case "disabled":
            get_user_model().objects.update(is_active=False)
        case "deleted":
            get_user_model().objects.all().delete()
    response = Client().post(
        "/api/v1/auth/token/refresh", {"refresh": str(refresh)}, "application/json"
    )
    assert (response.status_code, response.json()["code"]) == (401, "INVALID_TOKEN")


@pytest.mark.django_db
def test_a_session_gives_a_token_to_who_shows_the_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    dora = make_user("dora")
    for headers in ({}, {"Authorization": f"Bearer {token_for(dora)}"}):
        response = client.post("/api/v1/auth/token/session", headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "MISSING_TOKEN")
        assert "Django session" in response.json()["message"]
    client.force_login(dora)
    refused = client.post("/api/v1/auth/token/session")
    assert refused.status_code == 403
    assert refused.json()["code"] == "FORBIDDEN"
    client.cookies["csrftoken"] = "x" * 32
    response = client.post("/api/v1/auth/token/session", headers={"X-CSRFToken": "x" * 32})
    assert response.status_code == 200
    assert set(response.json()) == {"access", "expires_at"}


def test_where_the_site_says_so_a_token_ends_with_its_password(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_settings, "CHECK_REVOKE_TOKEN", True)
    token = token_for(alice)
    assert authenticate(token).user_id == user_id(alice)
    alice.set_password("another password")
    alice.save()
    with pytest.raises(RealtimeError, match="invalid token"):
        authenticate(token)


def test_where_the_site_says_so_tokens_name_users_by_another_field(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_settings, "USER_ID_FIELD", type(alice).USERNAME_FIELD)
    assert authenticate(token_for(alice)).user_id == user_id(alice)


async def test_revoked_tokens_close_sockets_and_are_refused_until_the_next_login(
    server: Address, alice: Any, bob: Any
) -> None:
    old = signed({"user_id": user_id(alice), "exp": int(time.time()) + 60, "iat": 1})
    async with open_socket(server, token=old) as socket, open_socket(server, bob) as other:
        await socket.silence()
        assert manage("revoke_tokens", login_name(alice)).returncode == 0
        code, before = await socket.closed()
        assert code == 4501
        assert before[-1]["payload"]["reason"] == "token_revoked"
        await other.silence()
    with pytest.raises(RealtimeError, match="invalid token"):
        await in_thread(authenticate, old)
    async with open_socket(server, alice) as socket:
        await socket.silence()


async def test_a_changed_password_ends_what_was_got_by_the_old_one(
    server: Address, alice: Any
) -> None:
    def change() -> None:
        alice.set_password("another password")
        alice.save()

    async with open_socket(server, alice) as socket:
        await socket.silence()
        await in_thread(change)
        code, before = await socket.closed()
        assert (code, before[-1]["payload"]["reason"]) == (4501, "password_changed")
    without_iat = signed({"user_id": user_id(alice), "exp": int(time.time()) + 60})
    with pytest.raises(RealtimeError, match="invalid token"):
        await in_thread(authenticate, without_iat)


async def test_signing_out_of_the_site_closes_the_user_s_sockets(
    server: Address, alice: Any
) -> None:
    def log_out() -> None:
        browser = Client()
        browser.force_login(alice)
        browser.post("/logout")

    async with open_socket(server, alice) as socket:
        await socket.silence()
        await in_thread(log_out)
        code, before = await socket.closed()
        assert (code, before[-1]["payload"]["reason"]) == (4501, "logged_out")
