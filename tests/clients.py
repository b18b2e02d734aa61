"""Clients for tests: a socket, a poller, and what scenarios need of either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from django.db import connections
from django.test import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime import log, relay
from realtime.models import Node, OutboxEvent, Session
from realtime.users import user_id
from tests.people import token_for
from tests.schema import assert_valid
from tests.schema.answers import assert_valid_answer
from tests.servers import Address

P = ParamSpec("P")
R = TypeVar("R")
Frame = dict[str, Any]

# Long enough for a busy machine; reached only when a test fails.
PATIENCE = 30.0


async def in_thread(job: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call `job`, which uses the database, as another thread of the site would."""

    def call() -> R:
        try:
            return job(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


class Socket:
    """A WebSocket client that speaks frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seen: list[Frame] = []
        # The type of each command that was sent with an `ack_id`.
        self._asked: dict[str, str] = {}

    async def send(self, type: str, payload: Frame | None = None, **envelope: Any) -> None:
        """Send a frame."""
        if isinstance(ack_id := envelope.get("ack_id"), str):
            self._asked[ack_id] = type
        await self.send_raw(json.dumps({"type": type, "payload": payload or {}, **envelope}))

    async def send_raw(self, data: str | bytes) -> None:
        """Send a message as it is."""
        await self.connection.send(data)

    async def receive(self) -> Frame:
        """The next frame, whatever it is; it has to be as the schema says."""
        text = await asyncio.wait_for(self.connection.recv(), PATIENCE)
        assert isinstance(text, str)
        frame: Frame = json.loads(text)
        assert_valid(frame, answers=self._asked.get(frame.get("ack_id", "")))
        self.seen.append(frame)
        return frame

    async def expect(self, type: str) -> Frame:
        """The next frame, which has to be of `type`."""
        frame = await self.receive()
        assert frame["type"] == type, frame
        return frame

    async def ask(self, type: str, payload: Frame | None = None, **envelope: Any) -> Frame:
        """Send a command with an `ack_id`; the frame that answers it."""
        ack_id = envelope.pop("ack_id", uuid4().hex)
        await self.send(type, payload, ack_id=ack_id, **envelope)
        while (frame := await self.receive()).get("ack_id") != ack_id:
            pass
        return frame

    async def silence(self) -> None:
        """Nothing was sent: a heartbeat's reply comes next."""
        await self.send("heartbeat")
        await self.expect("heartbeat")

    async def closed(self) -> tuple[int, list[Frame]]:
        """The close code, and the frames that came before the close."""
        before: list[Frame] = []
        async with asyncio.timeout(PATIENCE):
            try:
                async for text in self.connection:
                    before.append(json.loads(text))
                    assert_valid(before[-1])
            except ConnectionClosed:
                pass
        return self.connection.close_code or 0, before


@asynccontextmanager
async def open_socket(
    server: Address,
    user: Any = None,
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
    **query: Any,
) -> AsyncIterator[Socket]:
    """A socket of `user`, closed at the end of the block.

    Args:
        query: further parameters, as `last_sequence`.
    """
    if user is not None:
        token = token_for(user)
    if token is not None:
        query["token"] = token
    url = server.ws + ("?" + urlencode(query) if query else "")
    async with connect(
        url,
        additional_headers=headers,
        subprotocols=subprotocols,  # type: ignore[arg-type]
        compression=None,
        max_size=None,
    ) as connection:
        yield Socket(connection)


@asynccontextmanager
async def sockets_on_two_workers(
    server: Address, users: Iterable[Any]
) -> AsyncIterator[list[Socket]]:
    """A socket for each of `users`, on both workers of a server, closed at the end of the block.

    The second worker may come up late, and the system chooses who gets a connection: where
    one gets them all, they are opened again.
    """
    async with asyncio.timeout(PATIENCE):
        while await in_thread(Node.objects.count) < 2:
            await asyncio.sleep(0.02)
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(PATIENCE):
            while True:
                sockets = [await stack.enter_async_context(open_socket(server, u)) for u in users]
                if await in_thread(Session.objects.values("node").distinct().count) == 2:
                    break
                await stack.aclose()
                while await in_thread(Session.objects.exists):
                    await asyncio.sleep(0.02)
        yield sockets


async def settled(server: Address, user: Any) -> int:
    """Return when the server has handed out all that is committed; the position of its last.

    The presence of the socket that asks is itself an event: what the server has reached
    in the end may be further.
    """

    def newest() -> int | None:
        relay.drain()
        # The server's own relay may be at work on some of it.
        return None if OutboxEvent.objects.exists() else log.read_head().sequence

    async with asyncio.timeout(PATIENCE):
        while (target := await in_thread(newest)) is None:
            await asyncio.sleep(0.02)
    async with open_socket(server, user) as socket, asyncio.timeout(PATIENCE):
        while True:
            await socket.send("heartbeat")
            while (frame := await socket.receive())["type"] != "heartbeat":
                pass
            if frame["payload"]["last_sequence"] >= target:
                return target
            await asyncio.sleep(0.02)


class Poller:
    """A client that polls over HTTP."""

    def __init__(self, http: httpx.AsyncClient, user: Any) -> None:
        self.http = http
        self.position = 0
        self._user_id = user_id(user)

    async def ask_for_events(self, timeout: float = 10, **parameters: Any) -> httpx.Response:
        """Poll from where the last poll ended."""
        return await self.http.get(
            "/api/v1/realtime/poll",
            params={
                "user_id": self._user_id,
                "last_poll_id": self.position,
                "timeout": timeout,
                **parameters,
            },
        )

    def take(self, response: httpx.Response) -> Frame:
        """A poll's answer; the next poll goes on from there."""
        assert response.status_code == 200, response.text
        answer: Frame = response.json()
        self.position = answer["last_poll_id"]
        return answer

    async def poll(self, timeout: float = 10, **parameters: Any) -> Frame:
        """Poll, and take the answer."""
        return self.take(await self.ask_for_events(timeout, **parameters))

    async def ask(self, type: str, payload: Frame | None = None, **envelope: Any) -> Frame:
        """Send a command by `realtime/send`: the frame that answers it."""
        frame = {"type": type, "payload": payload or {}, "ack_id": uuid4().hex, **envelope}
        response = await self.http.post("/api/v1/realtime/send", json=frame)
        answer: Frame = response.json()
        assert answer["ack_id"] == frame["ack_id"], answer
        return answer

    async def events(self, count: int) -> list[Frame]:
        """The next `count` events."""
        found: list[Frame] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                found += (await self.poll())["events"]
        return found


@asynccontextmanager
async def open_http(server: Address, user: Any = None) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that sends the user's token."""
    headers = {"Authorization": f"Bearer {token_for(user)}"} if user is not None else {}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.http,
        headers=headers,
        timeout=60,
        limits=limits,
        event_hooks={"response": [_check_answer]},
    ) as http:
        yield http


async def _check_answer(response: httpx.Response) -> None:
    request, body = response.request, await response.aread()
    assert_valid_answer(
        request.method, request.url.path, request.content, response.status_code, body
    )


class RestClient(Client):
    """Django's test client of `user`, or of nobody; its answers are as the schema says."""

    def __init__(self, user: Any = None) -> None:
        headers = {"Authorization": f"Bearer {token_for(user)}"} if user is not None else None
        super().__init__(headers=headers)

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        sent = response.wsgi_request
        assert_valid_answer(
            sent.method or "", sent.path, b"{}", response.status_code, response.content
        )
        return response


async def waiting_poll(
    http: httpx.AsyncClient, user: Any, position: int = 0
) -> asyncio.Task[httpx.Response]:
    """A poll of which it is certain that it waits.

    Needs `@pytest.mark.options(MAX_WAITING_POLLS=1)`: of two polls, the one that
    comes second ends the other as it begins to wait.
    """
    parameters: dict[str, Any] = {"user_id": user_id(user), "last_poll_id": position, "timeout": 30}
    polls = {
        asyncio.create_task(http.get("/api/v1/realtime/poll", params=parameters)) for _ in range(2)
    }
    ended, waiting = await asyncio.wait(
        polls, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
    )
    assert [task.result().status_code for task in ended] == [200]
    return waiting.pop()


@asynccontextmanager
async def open_poller(server: Address, user: Any) -> AsyncIterator[Poller]:
    """A poller that begins with what happens next."""
    async with open_http(server, user) as http:
        poller = Poller(http, user)
        while (await poller.poll(timeout=0))["has_more"]:
            pass
        yield poller
