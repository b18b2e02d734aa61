"""Forged tokens at every door: none of them opens one."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import jwt
import pytest
from django.conf import settings
from rest_framework_simplejwt.tokens import RefreshToken
from websockets.exceptions import InvalidStatus

from realtime.users import user_id
from tests.attacks.conftest import Bystander
from tests.clients import open_http, open_socket
from tests.people import signed, token_for
from tests.realtime.test_nodes import handshake
from tests.servers import DAPHNE, Address, server_process

INVALID = {"code": "INVALID_TOKEN", "message": "invalid token", "details": {}}
KEY = settings.JWT_SIGNING_KEY


def claims(user: Any, **changed: Any) -> dict[str, Any]:
    return {"user_id": user_id(user), "exp": int(time.time()) + 600, **changed}


def spliced(head: str, body: str, signature: str) -> str:
    """A token of parts of others."""
    return ".".join((head.split(".")[0], body.split(".")[1], signature.split(".")[2]))


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def by_hand(
    header: dict[str, Any], content: object, key: str = KEY, algorithm: str = "HS256"
) -> str:
    """A token with this header, whatever it says, and a signature."""
    signing = f"{part(header)}.{part(content)}"
    mac = jwt.get_algorithm_by_name(algorithm).sign(signing.encode(), key.encode())
    return f"{signing}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


FORGERIES: dict[str, Callable[[Any, Any], str]] = {
    "a refresh token": lambda alice, bob: str(RefreshToken.for_user(alice)),
    "alg none": lambda alice, bob: jwt.encode(claims(alice), "", algorithm="none"),
    "alg nOnE": lambda alice, bob: by_hand({"alg": "nOnE", "typ": "JWT"}, claims(alice)),
    "alg none, signed": lambda alice, bob: by_hand({"alg": "none"}, claims(alice)),
    "another key": lambda alice, bob: jwt.encode(claims(alice), "k" * 40, algorithm="HS256"),
    "an empty key": lambda alice, bob: by_hand({"alg": "HS256"}, claims(alice), key=""),
    "another algorithm": lambda alice, bob: jwt.encode(claims(alice), "k" * 64, algorithm="HS512"),
    "our key, another algorithm": lambda alice, bob: by_hand(
        {"alg": "HS512"}, claims(alice), algorithm="HS512"
    ),
    "RS256 over our key": lambda alice, bob: by_hand({"alg": "RS256"}, claims(alice)),
    "a key in the header": lambda alice, bob: by_hand(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": part("k")}, "kid": "../../dev/null"},
        claims(alice),
        key="k",
    ),
    "another's claims": lambda alice, bob: spliced(
        token_for(bob), token_for(alice), token_for(bob)
    ),
    "no signature": lambda alice, bob: spliced(token_for(alice), token_for(alice), "a.b."),
    "claims that are no object": lambda alice, bob: by_hand({"alg": "HS256"}, [user_id(alice)]),
    "no end": lambda alice, bob: signed({"user_id": user_id(alice)}),
    "an end that is no time": lambda alice, bob: signed(claims(alice, exp="tomorrow")),
    "an end beyond all time": lambda alice, bob: signed(claims(alice, exp=1e400)),
    "a beginning to come": lambda alice, bob: signed(claims(alice, nbf=int(time.time()) + 600)),
    "a user with NUL": lambda alice, bob: signed(claims(alice, user_id=f"{user_id(alice)}\0")),
    "half a character": lambda alice, bob: by_hand(
        {"alg": "HS256"}, claims(alice, user_id="\ud800")
    ),
    "a user beyond": lambda alice, bob: signed(claims(alice, user_id=10**30)),
    "SQL": lambda alice, bob: signed(claims(alice, user_id="1 OR 1=1")),
}

# A request that brings a token along, as the user of this id.
Door = Callable[[httpx.AsyncClient, str, str], Awaitable[httpx.Response]]


def header(path: str, method: str = "GET", **options: Any) -> Door:
    async def knock(http: httpx.AsyncClient, token: str, me: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await http.request(
            method, f"/api/v1/{path.format(me=me)}", headers=headers, **options
        )

    return knock


def query(path: str) -> Door:
    async def knock(http: httpx.AsyncClient, token: str, me: str) -> httpx.Response:
        return await http.get(f"/api/v1/{path.format(me=me)}&token={token}")

    return knock


DOORS: dict[str, Door] = {
    "poll": header("realtime/poll?user_id={me}&timeout=0"),
    "poll by URL": query("realtime/poll?user_id={me}&timeout=0"),
    "poll with a body": header("realtime/poll", "POST", json={"user_id": "1", "timeout": 0}),
    "missed": header("realtime/poll/missed?user_id={me}&last_sequence=0"),
    "missed by URL": query("realtime/poll/missed?user_id={me}&last_sequence=0"),
    "send": header("realtime/send", "POST", json={"type": "notification_read_all"}),
    "notifications": header("notifications"),
    "conversations": header("conversations"),
    "presence": header("presence/me", "PUT", json={"status": "busy"}),
    "posts": header("posts", "POST", json={"text": "Mine now"}),
}


@pytest.fixture(params=FORGERIES, ids=str)
def forged(request: pytest.FixtureRequest, alice: Any, bob: Any) -> str:
    """A token that would be Alice's."""
    return FORGERIES[request.param](alice, bob)


async def test_no_request_with_a_forged_token_is_served(
    server: Address, bystander: Bystander, alice: Any, forged: str
) -> None:
    async with bystander(), open_http(server) as http:
        for door, knock in DOORS.items():
            response = await knock(http, forged, user_id(alice))
            assert (response.status_code, response.json()) == (401, INVALID), door
            assert "Bearer" in response.headers["WWW-Authenticate"]


async def test_no_socket_is_opened_or_renewed_by_a_forged_token(
    server: Address, bystander: Bystander, alice: Any, forged: str
) -> None:
    ways: list[dict[str, Any]] = [
        {"token": forged},
        {"headers": {"Authorization": f"Bearer {forged}"}},
        {"subprotocols": ["socialhub.v1", f"bearer.{forged}"]},
    ]
    async with bystander(), open_socket(server, alice) as own:
        for way in ways:
            with pytest.raises(InvalidStatus) as refused:
                async with open_socket(server, **way):
                    pass
            response = refused.value.response
            assert (response.status_code, json.loads(response.body or b"")) == (401, INVALID)
        answer = await own.ask("authenticate", {"token": forged})
        assert (answer["type"], answer["payload"]) == ("error", INVALID)
        await own.silence()


async def test_daphne_refuses_them_too(alice: Any, bob: Any, carol: Any) -> None:
    printed: list[str] = []
    with server_process(DAPHNE, output=printed) as (server, _):
        async with open_socket(server, carol) as socket:
            for name, forge in FORGERIES.items():
                answer = await handshake(server.port, f"?token={forge(alice, bob)}", {})
                assert (answer["status"], answer["body"]) == (401, INVALID), name
            await socket.silence()
    assert not [line for line in printed if "Traceback" in line or " ERROR " in line]
