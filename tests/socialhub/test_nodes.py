"""The feed over two server processes on one database, with nothing else between them."""

from __future__ import annotations

from typing import Any

from realtime.feed_commands import CHANNEL
from tests.clients import Frame, Socket, open_http, open_socket
from tests.servers import server_process


async def next_of(socket: Socket, type: str) -> Frame:
    """The next frame of this type."""
    while (frame := await socket.receive())["type"] != type:
        pass
    return frame


async def test_a_post_on_one_node_is_told_and_counted_on_both(
    alice: Any, bob: Any, carol: Any
) -> None:
    with server_process(REDIS_URL="") as (one, _), server_process(REDIS_URL="") as (two, _):
        async with (
            open_socket(one, alice) as a,
            open_socket(two, alice) as elsewhere,
            open_socket(two, bob) as author,
            open_socket(two, carol) as outsider,
            open_http(one, bob) as http,
        ):
            for socket in (a, elsewhere, author):
                assert (await socket.ask("subscribe", {"channel": CHANNEL}))["type"] == "ack"
            await outsider.silence()
            post = (await http.post("/api/v1/posts", json={"text": "Fresh bread"})).json()
            update = await a.expect("feed_update")
            assert update["payload"]["post_id"] == post["id"]
            for socket in (elsewhere, author):
                assert await socket.expect("feed_update") == update
            for socket, new in ((a, 1), (elsewhere, 1), (author, 0)):
                count = await next_of(socket, "count_update")
                assert count["payload"]["new_posts_count"] == new
                assert count["payload"]["last_update"] == post["created_at"]
            await outsider.silence()
