"""A usual handshake is recognised, and answered as the full parser would answer it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from realtime.lifecycle import LocalNode
from realtime.opening import Opening, usual_opening
from realtime.outbound import TRANSPORT_EXTENSION
from realtime.uvicorn_protocol import WebSocketProtocol
from tests.clients import PATIENCE
from tests.people import token_for
from tests.realtime.test_nodes import upgrade
from tests.servers import Address, uvicorn_thread

KEY = b"AAAAAAAAAAAAAAAAAAAAAA=="
USUAL = {
    b"host": b"app.example",
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def opening(
    *more: tuple[bytes, bytes], url: bytes = b"/ws", **changed: bytes | None
) -> Opening | None:
    headers = {**USUAL, **{name.replace("_", "-").encode(): v for name, v in changed.items()}}
    given = [(name, value) for name, value in headers.items() if value is not None]
    return usual_opening("GET", url, "1.1", [*given, *more])


# --- what is usual --------------------------------------------------------------------------


def test_what_browsers_send_is_usual() -> None:
    assert opening() == Opening(KEY.decode(), [], extensions=False)
    from_firefox = opening(
        (b"origin", b"https://app.example"),
        (b"sec-websocket-protocol", b"socialhub.v1, bearer.a.b.c"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        connection=b"keep-alive, Upgrade",
    )
    offered = ["socialhub.v1", "bearer.a.b.c"]
    assert from_firefox == Opening(KEY.decode(), offered, extensions=True)


@pytest.mark.parametrize("name", ["connection", "upgrade", "sec_websocket_key", "origin"])
def test_a_header_that_may_come_once_and_comes_twice_is_not(name: str) -> None:
    again = name.replace("_", "-").encode()
    assert opening((again, USUAL.get(again, b"https://a.example")), origin=b"https://a") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"upgrade": b"h2c"},
        {"connection": b"close"},
        {"connection": None},
        {"sec_websocket_version": b"8"},
        {"sec_websocket_key": None},
        {"sec_websocket_key": b"AAAA"},
        {"sec_websocket_key": b"not base64, but of 24 chr"},
        {"content_length": b"0"},
        {"transfer_encoding": b"chunked"},
        {"sec_websocket_protocol": b"two words"},
        {"host": b"app.example "},
        {"cookie": b"x" * 8192},
        {"url": b"/ws?x=" + b"x" * 8192},
        {"url": "/é".encode()},
    ],
)
def test_what_is_wrong_or_rare_is_not(changed: dict[str, Any]) -> None:
    assert opening(**changed) is None


def test_other_methods_and_versions_are_not() -> None:
    headers = list(USUAL.items())
    assert usual_opening("POST", b"/ws", "1.1", headers) is None
    assert usual_opening("GET", b"/ws", "1.0", headers) is None
    assert usual_opening("GET", b"/ws", "1.1", headers + [(b"x", b"y")] * 200) is None


names = st.sampled_from([*USUAL, b"origin", b"content-length", b"sec-websocket-protocol", b"x"])
values = st.sampled_from(
    [*USUAL.values(), KEY.lower(), b"", b"keep-alive, Upgrade", b"WebSocket", b"8", b"a, b"]
)


@given(st.lists(st.tuples(names, values), max_size=3), st.sets(st.sampled_from([*USUAL])))
def test_whatever_is_usual_the_full_parser_accepts(
    more: list[tuple[bytes, bytes]], without: set[bytes]
) -> None:
    headers = [(name, value) for name, value in USUAL.items() if name not in without] + more
    if usual_opening("GET", b"/ws", "1.1", headers) is None:
        return
    parser = ServerProtocol()
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    parser.receive_data(b"GET /ws HTTP/1.1\r\n" + lines + b"\r\n")
    (request,) = parser.events_received()
    assert isinstance(request, Request)
    assert parser.accept(request).status_code == 101


# --- how it is answered -----------------------------------------------------------------------


@pytest.fixture(params=["quickly", "by uvicorn"])
def answered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both ways; uvicorn's where handshakes are logged."""
    quick = []
    # Uvicorn sets the level that it is given; no server does while one is running.
    monkeypatch.setattr(
        logging.getLogger("uvicorn.error"),
        "isEnabledFor",
        lambda level: level > logging.INFO or request.param == "by uvicorn",
    )
    take_over = WebSocketProtocol.take_over

    def noted(self: WebSocketProtocol, *args: Any) -> None:
        quick.append(self)
        take_over(self, *args)

    monkeypatch.setattr(WebSocketProtocol, "take_over", noted)
    yield request.param
    assert bool(quick) == (request.param == "quickly")


async def shaken(server: Address, request: bytes) -> tuple[list[str], Any, Any]:
    """The lines of the answer but for the date, sorted; the open connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    lines = head.decode().strip().lower().split("\r\n")
    return sorted(line for line in lines if not line.startswith("date:")), reader, writer


async def test_the_answer_is_the_same_either_way(
    server: Address, answered: str, alice: Any
) -> None:
    offered = {"Sec-WebSocket-Protocol": f"socialhub.v1, bearer.{token_for(alice)}"}
    lines, _, writer = await shaken(server, upgrade(server.port, "", offered))
    assert lines == [
        "connection: upgrade",
        "http/1.1 101 switching protocols",
        "sec-websocket-accept: icx+yqv66kxgm0fcwalwlflwtai=",
        "sec-websocket-protocol: socialhub.v1",
        "server: uvicorn",
        "upgrade: websocket",
    ]
    writer.close()


async def test_a_frame_that_comes_before_the_answer_is_not_lost(
    server: Address, answered: str, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, came, go_on = threading.Event(), threading.Event(), threading.Event()
    frame = Frame(Opcode.TEXT, b'{"type": "heartbeat", "ack_id": "early"}').serialize(mask=True)
    admit, data_received = LocalNode.admit, WebSocketProtocol.data_received

    async def admit_later(self: LocalNode, token: str | None, address: str) -> Any:
        asked.set()
        assert await asyncio.to_thread(go_on.wait, PATIENCE)
        return await admit(self, token, address)

    def noted(self: WebSocketProtocol, data: bytes) -> None:
        data_received(self, data)
        if data == frame:
            came.set()

    monkeypatch.setattr(LocalNode, "admit", admit_later)
    monkeypatch.setattr(WebSocketProtocol, "data_received", noted)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(upgrade(server.port, f"?token={token_for(alice)}"))
    assert await asyncio.to_thread(asked.wait, PATIENCE)
    writer.write(frame)
    assert await asyncio.to_thread(came.wait, PATIENCE)
    go_on.set()
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert b"heartbeat" in await asyncio.wait_for(reader.readuntil(b'"early"'), PATIENCE)
    writer.write(frame)  # and it is still read from
    assert b"heartbeat" in await asyncio.wait_for(reader.readuntil(b'"early"'), PATIENCE)
    writer.close()


async def test_a_refusal_is_the_same_either_way(server: Address, answered: str) -> None:
    lines, reader, writer = await shaken(server, upgrade(server.port, "?token=x"))
    assert lines == [
        "connection: close",
        "content-length: 63",
        "content-type: application/json",
        "http/1.1 401 unauthorized",
        "www-authenticate: bearer",
    ]
    assert b"invalid token" in await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()


# --- other applications -------------------------------------------------------------------------


async def test_an_application_sees_the_same_either_way(answered: str) -> None:
    scopes = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scopes.append({name: scope[name] for name in scope if name not in ("client", "extensions")})
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept"})

    with uvicorn_thread(application) as server:
        request = upgrade(server.port, "%20b?x=%C3%A9&y", {"X-Tab": "a\tb"})
        _, _, writer = await shaken(server, request)
        writer.close()
    headers = dict(scopes[0].pop("headers"))
    assert headers[b"host"] == f"127.0.0.1:{server.port}".encode()
    assert headers[b"x-tab"] == b"a\tb"
    assert scopes == [
        {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": ("127.0.0.1", server.port),
            "root_path": "",
            "path": "/ws b",
            "raw_path": b"/ws%20b",
            "query_string": b"x=%C3%A9&y",
            "subprotocols": [],
            "state": {},
        }
    ]


async def test_headers_of_an_application_are_sent(answered: str) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [[b"x-a", b"1"], (b"x-b", b"\xe9")]})

    with uvicorn_thread(application) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(upgrade(server.port, ""))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        writer.close()
    assert b"\r\nx-a: 1\r\n" in head
    assert b"\r\nx-b: \xe9\r\n" in head


async def test_a_header_with_a_line_break_is_refused(answered: str) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-a", b"1\r\nSet-Cookie: a=b")]})

    with uvicorn_thread(application) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(upgrade(server.port, ""))
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"Set-Cookie" not in answer


async def test_a_long_header_on_a_used_connection_is_refused(server: Address) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    # Without a token: the error object says how long it is.
    request = f"GET /api/v1/realtime/poll HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    writer.write(request.encode())
    await asyncio.wait_for(reader.readuntil(b"}}"), PATIENCE)
    writer.write(upgrade(server.port, "", {"X-Long": "x" * 9000}))
    assert await asyncio.wait_for(reader.readuntil(b"HTTP/1.1 431 "), PATIENCE)
    writer.close()


async def test_who_leaves_before_the_answer_makes_no_noise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Known to the transport a moment before it is known to the protocol."""
    ended = threading.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        scope["extensions"][TRANSPORT_EXTENSION].transport.close()
        try:
            await send({"type": "websocket.accept"})
        finally:
            ended.set()

    with uvicorn_thread(application) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(upgrade(server.port, ""))
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        assert await asyncio.to_thread(ended.wait, PATIENCE)
        writer.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
