"""What the service refuses before it looks at who asks, and what it never gives away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import httpx
import hypothesis
import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from realtime import protocol, uvicorn_protocol
from realtime.errors import RealtimeError
from realtime.polling import MissedRequest, PollRequest, parse
from tests.clients import PATIENCE, open_http, open_socket
from tests.people import PASSWORD, login_name, make_user, token_for
from tests.realtime.test_nodes import handshake, upgrade
from tests.servers import DAPHNE, ROOT, UVICORN, Address, server_process


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "a b"])
async def test_a_host_that_is_not_the_site_s_is_refused(
    server: Address, alice: Any, settings: Any, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    refused = await handshake(server.port, f"?token={token_for(alice)}", {"Host": host})
    assert (refused["status"], refused["body"]["code"]) == (400, "INVALID_MESSAGE")
    async with open_http(server, alice) as http:
        for path in ("poll", "poll/missed"):
            answer = await http.get(f"/api/v1/realtime/{path}", headers={"Host": host})
            assert answer.status_code == 400
    async with open_socket(server, alice) as socket:  # under its own name it goes on
        await socket.silence()


async def test_a_forwarded_host_counts_where_the_site_says_so(
    server: Address, alice: Any, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["app.example"]
    headers = {"X-Forwarded-Host": "app.example"}
    query = f"?token={token_for(alice)}"
    assert (await handshake(server.port, query, headers))["status"] == 400
    settings.USE_X_FORWARDED_HOST = True
    async with open_socket(server, alice, headers=headers) as socket:
        await socket.silence()


LONG = "x" * (protocol.MAX_QUERY_BYTES + 1)


async def test_endless_queries_are_refused(server: Address, alice: Any) -> None:
    async with open_http(server, alice) as http:
        answer = await http.get(f"/api/v1/realtime/poll?x={LONG}")
        assert (answer.status_code, answer.json()["code"]) == (414, "INVALID_MESSAGE")
    # A handshake's is refused by the websockets library already.
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(upgrade(server.port, f"?token={token_for(alice)}&x={LONG}"))
    assert b" 414 " in await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()


@pytest.mark.parametrize("command", [UVICORN, DAPHNE], ids=["uvicorn", "daphne"])
async def test_bodies_that_are_too_long_are_refused(alice: Any, command: tuple[str, ...]) -> None:
    with server_process(command) as (server, _):
        async with open_http(server, alice) as http:
            body = b'{"type": "' + b"x" * (protocol.MAX_BODY_BYTES + 1) + b'"}'
            answer = await http.post("/api/v1/realtime/send", content=body)
            assert (answer.status_code, answer.json()["code"]) == (413, "INVALID_MESSAGE")
            assert (await http.get("/readyz")).status_code == 200


async def test_a_body_without_an_announced_length_ends_where_the_limit_is(
    server: Address, alice: Any
) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * protocol.MAX_BODY_BYTES

    async with open_http(server, alice) as http:
        with pytest.raises(httpx.TransportError):  # it is cut off
            await http.post("/api/v1/realtime/send", content=endless())
        assert (await http.get("/readyz")).status_code == 200


async def test_who_sends_a_request_s_head_slowly_is_sent_away(
    server: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn_protocol, "HEAD_SECONDS", 0.2)
    for beginning in (b"", b"GET /ws HTTP/1.1\r\nHost: a\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(beginning)
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()


async def test_a_head_without_an_end_is_refused(server: Address) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\n")
    for number in range(3):
        writer.write(f"X-{number}: ".encode() + b"x" * 30_000 + b"\r\n")
    assert b" 400 " in await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()


@pytest.mark.django_db
def test_the_admin_is_for_staff_only() -> None:
    browser = Client()
    alice = make_user("alice")
    assert browser.get("/admin/realtime/event/").status_code == 302
    assert browser.login(username=login_name(alice), password=PASSWORD)
    answer = browser.get("/admin/realtime/event/")
    assert (answer.status_code, answer.headers["Location"][:13]) == (302, "/admin/login/")


@pytest.mark.named_users
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/login", "/api/docs", "/admin/login/"])
def test_pages_load_scripts_from_here_only_and_have_none_written_in(path: str) -> None:
    browser = Client()
    browser.force_login(make_user("alice"))
    page = browser.get(path, follow=True)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy, "so that default-src is what holds"
    html = page.content.decode()
    scripts = [part.split(">")[0] for part in html.split("<script")[1:]]
    assert all("src=" in script for script in scripts), scripts
    assert "onclick=" not in html


def test_the_deployment_check_is_clean_with_production_settings() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "".join(chr(33 + number % 90) for number in range(80)),
        "ALLOWED_HOSTS": "app.example",
        "DATABASE_URL": "postgres://user:password@db.example/socialhub",
        "REDIS_URL": "redis://redis.example/0",
    }
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


# --- whatever comes in -------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


# The machine may be busy: no time is measured here.
unhurried = hypothesis.settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(st.text() | json_values.map(json.dumps))
def test_the_frame_decoder_takes_a_frame_or_says_what_is_wrong(text: str) -> None:
    try:
        envelope = protocol.decode_envelope(text)
    except protocol.DecodeError as error:
        said = str(error)
    else:
        said = envelope.type
    assert isinstance(said, str)


@unhurried
@given(
    st.dictionaries(
        st.sampled_from([*PollRequest.__struct_fields__, *MissedRequest.__struct_fields__]),
        st.text() | json_values,
    )
)
def test_the_parameters_of_polls_are_understood_or_refused(values: dict[str, Any]) -> None:
    for request in (PollRequest, MissedRequest):
        try:
            parse(request, values)
        except RealtimeError as error:
            refusal = error
        else:
            continue
        assert refusal.code == "INVALID_MESSAGE"
        assert refusal.details["field"]


async def test_no_stack_trace_leaves_the_server(server: Address, alice: Any) -> None:
    async with open_http(server, alice) as http:
        for path in ("/nothing", "/api/v1/nothing", "/api/v1/realtime/poll?user_id=%00"):
            answer = await http.get(path)
            assert answer.status_code in (400, 403, 404)
            assert "Traceback" not in answer.text
            assert "site-packages" not in answer.text
