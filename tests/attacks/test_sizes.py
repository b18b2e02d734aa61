"""Frames, bodies and handshakes that are too big or no such thing, on every server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from notifications.services import notify
from realtime.users import user_id
from tests.clients import Socket, in_thread, open_http, open_socket
from tests.people import token_for
from tests.realtime.test_nodes import handshake
from tests.servers import DAPHNE, PLAIN_UVICORN, UVICORN, Address, server_process

HUGE = 10 * 1024 * 1024

on_both = pytest.mark.parametrize("command", [UVICORN, DAPHNE], ids=["uvicorn", "daphne"])


@asynccontextmanager
async def under_attack(
    command: tuple[str, ...], bystander: Any, *, quiet: bool = True
) -> AsyncIterator[Address]:
    """A server on which somebody has a socket open that goes on working.

    Args:
        quiet: no failure is logged.
    """
    printed: list[str] = []
    with server_process(command, output=printed) as (server, _):
        async with open_socket(server, bystander) as socket:
            await socket.silence()
            yield server
            await in_thread(notify, bystander, "news", "still here")
            assert (await socket.expect("notification"))["payload"]["message"] == "still here"
    failures = [line for line in printed if "Traceback" in line or "ERROR" in line]
    assert not failures or not quiet, "".join(printed)


async def closed_by(socket: Socket, data: str | bytes, *, text: bool | None = None) -> int:
    """The close code after sending this; 1006 where the server has just hung up."""
    # It need not have taken all of it.
    with suppress(ConnectionClosed):
        await socket.connection.send(data, text=text)
    code, before = await socket.closed()
    assert before == []
    return code


# Daphne hangs up by itself, where a frame is longer than its own limit or no text.
TOO_BIG = (1009, 1006)
NO_TEXT = (1007, 1006)


@pytest.mark.parametrize(
    "command", [UVICORN, PLAIN_UVICORN, DAPHNE], ids=["uvicorn", "plain uvicorn", "daphne"]
)
async def test_frames_of_10_mb_close_their_own_socket_only(
    command: tuple[str, ...], alice: Any, carol: Any
) -> None:
    frame = json.dumps({"type": "heartbeat", "filler": "x" * HUGE})
    async with under_attack(command, carol) as server:
        url = f"{server.ws}?token={token_for(alice)}"
        for data, compression in ((frame, None), (frame.encode(), None), (frame, "deflate")):
            async with connect(url, compression=compression, max_size=None) as connection:
                assert await closed_by(Socket(connection), data) in TOO_BIG


@on_both
async def test_text_that_is_no_utf_8_closes_its_own_socket_only(
    command: tuple[str, ...], alice: Any, carol: Any
) -> None:
    async with (
        # uvicorn logs a traceback of it.
        under_attack(command, carol, quiet=False) as server,
        open_socket(server, alice) as socket,
    ):
        data = b'{"type": "\xff\xfe"}'
        assert await closed_by(socket, data, text=True) in NO_TEXT


@on_both
async def test_bodies_of_10_mb_are_refused(
    command: tuple[str, ...], alice: Any, carol: Any
) -> None:
    filler = "x" * HUGE
    requests: dict[str, dict[str, Any]] = {
        "realtime/send": {"type": "heartbeat", "payload": {"filler": filler}},
        "realtime/poll": {"user_id": user_id(alice), "filler": filler},
        "posts": {"text": filler},
        "conversations": {"participant_ids": [user_id(carol)], "title": filler},
        "auth/token": {"username": filler, "password": filler},
    }
    async with under_attack(command, carol) as server, open_http(server, alice) as http:
        for path, body in requests.items():
            try:
                response = await http.post(f"/api/v1/{path}", json=body)
            except httpx.TransportError:
                continue  # hung up on: the server need not take all of it
            assert (response.status_code, response.json()["code"]) == (413, "INVALID_MESSAGE"), path


@on_both
async def test_nonsense_in_a_handshake_is_refused_or_harmless(
    command: tuple[str, ...], alice: Any, carol: Any
) -> None:
    token = token_for(alice)
    async with under_attack(command, carol) as server:
        for query, status, code in (
            ("?token=%00", 401, "INVALID_TOKEN"),
            ("?token=%ff%fe", 401, "INVALID_TOKEN"),
            ("?token=%ed%a0%80", 401, "INVALID_TOKEN"),
            (f"?token={token}&last_sequence={'9' * 4500}", 400, "INVALID_MESSAGE"),
            (f"?token={token}&last_sequence={2**63}", 400, "INVALID_MESSAGE"),
            (f"?token={token}&last_sequence=%00", 400, "INVALID_MESSAGE"),
            (f"?token={token}&channels={'x,' * 201}", 400, "INVALID_MESSAGE"),
        ):
            answer = await handshake(server.port, query, {})
            assert (answer["status"], answer["body"]["code"]) == (status, code), query[:80]
        hostile = ["conversation:conv_99999999999999999999", "a\x00b", "'; --", "<b>", "\ufffd"]
        async with open_socket(server, alice, channels=",".join(hostile), epoch="\x00") as socket:
            reply = await socket.expect("connect")
            assert set(reply["payload"]["refused"]) == set(hostile)
            await socket.silence()
