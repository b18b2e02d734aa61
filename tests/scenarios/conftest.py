"""Each scenario runs over both transports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from tests.clients import open_poller, open_socket, settled
from tests.scenarios.clients import Client, PollClient, SocketClient
from tests.servers import Address

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(params=["socket", "poll"])
def connect(request: pytest.FixtureRequest, server: Address) -> Iterator[Connect]:
    """Opens a client for a user, subscribed to the channels named."""
    clients: list[Client] = []

    @asynccontextmanager
    async def open_client(user: Any, *channels: str) -> AsyncIterator[Client]:
        await settled(server, user)
        async with _open(request.param, server, user) as client:
            clients.append(client)
            for channel in channels:
                await client.join(channel)
            yield client

    yield open_client
    if walked := request.node.get_closest_marker("walks"):
        sent = {type for client in clients for type in client.sent}
        received = {type for client in clients for type in client.received}
        assert set(walked.kwargs.get("sends", ())) <= sent
        assert set(walked.kwargs.get("receives", ())) <= received


@asynccontextmanager
async def _open(transport: str, server: Address, user: Any) -> AsyncIterator[Client]:
    if transport == "socket":
        async with open_socket(server, user) as socket:
            await socket.silence()
            yield SocketClient(user, socket)
    else:
        async with open_poller(server, user) as poller:
            client = PollClient(user, poller)
            try:
                yield client
            finally:
                client.close()
