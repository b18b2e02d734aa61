"""A user who takes all connections that one may have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.faults.proxy import HOST, Line
from tests.faults.run import Run
from tests.people import token_for

ANSWER_SECONDS = 10.0
TOO_MANY = 429


@asynccontextmanager
async def all_slots(run: Run, user: Any, number: int) -> AsyncIterator[Line]:
    """So many sockets of this user, which answer pings, on a line of their own."""
    line = Line(run.balancer)
    await line.open()
    async with AsyncExitStack() as stack:
        for _ in range(number):
            await stack.enter_async_context(_socket(line, user))
        yield line
        line.close()


async def is_admitted(run: Run, user: Any) -> bool:
    """Whether one more socket of this user is let in; it is closed at once."""
    line = Line(run.balancer)
    await line.open()
    try:
        async with _socket(line, user):
            return True
    except InvalidStatus as refusal:
        if refusal.response.status_code != TOO_MANY:
            raise
        return False
    finally:
        line.close()


def _socket(line: Line, user: Any) -> connect:
    return connect(
        f"ws://{HOST}:{line.port}/ws",
        additional_headers={"Authorization": f"Bearer {token_for(user)}"},
        compression=None,
        ping_interval=None,
        open_timeout=ANSWER_SECONDS,
        close_timeout=0.2,
        proxy=None,
    )
