"""A database or a Redis that takes connections and never answers: worse than one that is down."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from notifications.services import notify
from realtime.users import user_id
from tests.clients import PATIENCE, in_thread, open_http, open_socket
from tests.faults.proxy import Balancer, Line
from tests.messaging.talk import pair
from tests.servers import database_url, server_process


@asynccontextmanager
async def way_to(url: str) -> AsyncIterator[tuple[Line, str]]:
    """A line to this service, and the URL that goes by it."""
    parts = urlsplit(url)
    assert parts.port
    line = Line(Balancer([parts.port]))
    await line.open()
    try:
        yield line, url.replace(f":{parts.port}", f":{line.port}")
    finally:
        line.close()


async def becomes(http: Any, status: int, said: str) -> None:
    async with asyncio.timeout(2 * PATIENCE):
        while (answer := await http.get("/readyz")).status_code != status or said not in (
            answer.text
        ):
            await asyncio.sleep(0.1)


async def test_a_server_whose_database_hangs_says_so_and_ends_when_it_is_told(alice: Any) -> None:
    async with way_to(database_url()) as (line, url):
        with await asyncio.to_thread(enter, server_process(DATABASE_URL=url)) as server:
            address, process = server
            async with open_socket(address, alice) as socket, open_http(address) as http:
                await socket.silence()
                line.go_silent(for_good=True)
                await socket.send("notification_read_all", ack_id="never")
                await becomes(http, 503, "database: TimeoutError")
                await socket.silence()  # sockets stay
                process.send_signal(signal.SIGTERM)
                code, before = await socket.closed()
            assert (code, before[-1]["type"]) == (4001, "disconnect")
            assert await asyncio.to_thread(process.wait, 4 * PATIENCE) == 0


async def test_everything_resumes_when_the_database_answers_again(alice: Any) -> None:
    async with way_to(database_url()) as (line, url):
        with await asyncio.to_thread(enter, server_process(DATABASE_URL=url)) as server:
            address, _ = server
            async with open_socket(address, alice) as socket, open_http(address) as http:
                await socket.silence()
                line.go_silent(for_good=True)
                await becomes(http, 503, "database: TimeoutError")
                await in_thread(notify, alice, "like", "written meanwhile")
                line.cut()
                notification = await socket.expect("notification")
                assert notification["payload"]["message"] == "written meanwhile"
                assert (await socket.ask("notification_read_all"))["type"] in (
                    "ack",
                    "notification_read_all",
                )
                await becomes(http, 200, "ok")


async def test_with_a_redis_that_hangs_all_but_other_nodes_typing_works(
    alice: Any, bob: Any
) -> None:
    conversation = await in_thread(pair, alice, bob)
    channel = f"conversation:conv_{conversation}"
    async with way_to(settings.REDIS_URL) as (line, url):
        with await asyncio.to_thread(enter, server_process(REDIS_URL=url)) as server:
            address, process = server
            async with (
                open_socket(address, alice, channels=channel) as socket,
                open_socket(address, bob) as other,
                open_http(address, alice) as http,
            ):
                await socket.expect("connect")
                line.go_silent(for_good=True)
                await in_thread(notify, alice, "like", "by the clock")
                await socket.expect("notification")
                await other.ask("typing_start", {"conversation_id": f"conv_{conversation}"})
                await socket.expect("typing_start")
                parameters: dict[str, Any] = {"user_id": user_id(alice), "timeout": 0}
                answer = await http.get("/api/v1/realtime/poll", params=parameters)
                assert answer.headers["X-RateLimit-Remaining"]
                await becomes(http, 200, "channel layer")
                line.cut()
                async with asyncio.timeout(4 * PATIENCE):
                    while (await http.get("/readyz")).json()["degraded"]:
                        await asyncio.sleep(0.1)
                assert process.poll() is None


def enter(manager: Any) -> Any:
    """Enter a context manager that waits, in another thread; the result leaves it again."""
    return _Entered(manager, manager.__enter__())


class _Entered:
    def __init__(self, manager: Any, value: Any) -> None:
        self._manager, self._value = manager, value

    def __enter__(self) -> Any:
        return self._value

    def __exit__(self, *error: Any) -> Any:
        return self._manager.__exit__(*error)
