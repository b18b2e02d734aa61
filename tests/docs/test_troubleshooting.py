"""The symptoms of docs/troubleshooting.md, brought about: it quotes what is really said."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_out
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from notifications.services import notify
from realtime import log
from realtime.checks import check_processes
from realtime.errors import CloseCode
from realtime.lifecycle import draining_error
from realtime.models import OutboxEvent
from realtime.revocation import revoke_tokens
from realtime.rights import close_user
from realtime.users import user_id
from tests.clients import in_thread, open_http, open_socket, settled
from tests.people import token_for
from tests.realtime.test_handshake import refusal
from tests.servers import ROOT, Address

PAGE = (ROOT / "docs/troubleshooting.md").read_text()
POLL = "/api/v1/realtime/poll"


def assert_on_page(*cells: object) -> None:
    """The page has a row that begins with these cells."""
    row = "".join(f"| {cell} " for cell in cells)
    assert row in PAGE, row


# --- sockets ---------------------------------------------------------------------------


def disable(user: Any) -> None:
    user.is_active = False
    user.save()


def change_password(user: Any) -> None:
    user.set_password("another good password")
    user.save()


def log_out(user: Any) -> None:
    user_logged_out.send(type(user), request=None, user=user)


@transaction.atomic
def end_by_operator(user: Any) -> None:
    close_user(user.pk, CloseCode.RECONNECT, "ended_by_operator")


@pytest.mark.parametrize("act", [revoke_tokens, disable, change_password, log_out, end_by_operator])
async def test_the_page_says_why_a_socket_was_closed(
    server: Address, alice: Any, act: Callable[[Any], None]
) -> None:
    async with open_socket(server, alice) as socket:
        await in_thread(act, alice)
        code, before = await socket.closed()
    assert_on_page(code, f"`{before[-1]['payload']['reason']}`")


async def test_the_page_knows_the_end_of_a_token(server: Address, alice: Any) -> None:
    token = token_for(alice, lifetime=timedelta(seconds=4))
    async with open_socket(server, token=token) as socket:
        code, before = await socket.closed()
    assert_on_page(code, f"`{before[-1]['payload']['reason']}`")


@pytest.mark.options(FRAMES_PER_SECOND=1, FLOOD_SECONDS=0)
async def test_the_page_knows_flooding(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        for _ in range(5):
            await socket.send("heartbeat")
        code, before = await socket.closed()
    assert_on_page(code, f"`{before[-1]['payload']['reason']}`")


async def test_the_page_says_why_a_handshake_was_refused(server: Address, alice: Any) -> None:
    late = token_for(alice, lifetime=timedelta(seconds=-60))
    foreign = {"headers": {"Origin": "https://elsewhere.example"}}
    for arguments in ({}, {"token": "x"}, {"token": late}, {"token": token_for(alice), **foreign}):
        status, body = await refusal(server, **arguments)
        assert_on_page(status, f"`{body['message']}`")


async def test_the_page_knows_the_eleventh_connection(server: Address, alice: Any) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(open_socket(server, alice))
        status, body = await refusal(server, alice)
    assert_on_page(status, f"`{body['message']}`")


def test_the_page_knows_a_server_that_goes() -> None:
    error = draining_error()
    assert_on_page(error.status, f"`{error.message}`")


async def test_without_its_upgrade_a_handshake_is_a_page_that_does_not_exist(
    server: Address, alice: Any
) -> None:
    async with open_http(server, alice) as http:
        response = await http.get("/ws")
    assert response.headers["Content-Type"].startswith("text/html")
    assert_on_page(response.status_code, "a page of HTML")


# --- polls -----------------------------------------------------------------------------


@pytest.mark.options(POLLS_PER_MINUTE=30)
async def test_the_page_says_why_a_poll_was_answered_at_once(
    server: Address, alice: Any, bob: Any
) -> None:
    async with open_http(server, alice) as http:
        for path, query in (
            (f"{POLL}/", {}),
            (POLL, {"user_id": user_id(bob)}),
            *([(POLL, {"user_id": user_id(alice), "timeout": "0"})] * 29),
        ):
            response = await http.get(path, params=query)
            if response.status_code != 200:
                assert_on_page(f"{response.status_code} `{response.json()['message']}`")
    assert response.status_code == 429


def test_under_wsgi_no_poll_waits(alice: Any) -> None:
    headers = {"Authorization": f"Bearer {token_for(alice)}"}
    answer = Client().get(POLL, {"user_id": user_id(alice), "timeout": "30"}, headers=headers)
    assert answer.status_code == 200
    assert '"events":[]' in answer.content.decode()
    assert_on_page('200, `"events":[]`')


async def test_the_page_has_each_reason_for_a_resync(server: Address, alice: Any) -> None:
    await in_thread(notify, alice, "like", "Bob liked your post")
    newest = await settled(server, alice)
    reasons = [
        await reason(server, alice, last_sequence=newest + 1000),
        await reason(server, alice, last_sequence=newest, epoch="another"),
    ]
    await in_thread(log.prune, timedelta(0))
    await settled(server, alice)  # the server has heard of it
    reasons.append(await reason(server, alice, last_sequence=newest - 1))
    assert reasons == ["future", "epoch", "pruned"]
    for found in reasons:
        assert_on_page(f"`{found}`")


async def reason(server: Address, user: Any, **position: Any) -> Any:
    async with open_socket(server, user, **position) as socket:
        return (await socket.expect("resync"))["payload"]["reason"]


# --- what commands say -------------------------------------------------------------------


def test_the_doctor_says_that_no_server_is_alive(alice: Any) -> None:
    notify(alice, "like", "Bob liked your post")
    rows = OutboxEvent.objects.all()
    rows.update(created_at=rows[0].created_at - timedelta(minutes=1))
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", json=True, stdout=out)
    findings = {found["check"]: found for found in json.loads(out.getvalue())["findings"]}
    assert f"outbox … {findings['outbox']['advice']}`" in PAGE


def test_the_check_names_a_missing_layer(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    (found,) = check_processes()
    assert f"has {found.id}" in PAGE


def test_nobody_is_notified_of_their_own_acts(alice: Any) -> None:
    assert notify(alice, "like", "You liked your post", actor=alice) is None
