"""Around every attack: somebody who must not notice, and a log that shows no failure."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from notifications.services import notify
from tests.clients import in_thread, open_socket, settled
from tests.servers import Address

Bystander = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def bystander(server: Address, carol: Any) -> Bystander:
    """Carol has a socket open during the block; all that reaches it is her own event, after."""

    @asynccontextmanager
    async def stand_by() -> AsyncIterator[None]:
        await settled(server, carol)
        async with open_socket(server, carol) as socket:
            await socket.silence()
            yield
            await in_thread(notify, carol, "news", "still here")
            frame = await socket.expect("notification")
            assert frame["payload"]["message"] == "still here"

    return stand_by


@pytest.fixture(autouse=True)
def _nothing_failed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The server has logged no error and no traceback."""
    yield
    failures = [
        record
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR or record.exc_info
    ]
    assert not failures, [record.getMessage()[:300] for record in failures]
