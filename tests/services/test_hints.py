"""With Redis, events come at once instead of by the clock.

The clock is stopped here: nodes look at the log by themselves once an hour, so
whatever arrives has arrived by a hint.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf import settings

from tests.clients import open_socket
from tests.realtime.test_nodes import NOTIFY, shell
from tests.servers import server_process

pytestmark = pytest.mark.options(TAIL_INTERVAL=3600)


@pytest.fixture(autouse=True)
def _with_redis() -> None:
    assert settings.REDIS_URL, "tests/services needs REDIS_URL=redis://..."


async def test_a_commit_in_another_process_wakes_every_node_at_once(alice: Any) -> None:
    with server_process() as (one, _), server_process() as (two, _):
        async with open_socket(one, alice) as first, open_socket(two, alice) as second:
            await first.silence()
            await second.silence()
            await asyncio.to_thread(shell, NOTIFY, alice)
            assert await first.expect("notification") == await second.expect("notification")


async def test_a_command_on_one_node_reaches_the_other_at_once(alice: Any) -> None:
    with server_process() as (one, _), server_process() as (two, _):
        async with open_socket(one, alice) as first, open_socket(two, alice) as second:
            await first.silence()
            await second.silence()
            await asyncio.to_thread(shell, NOTIFY, alice)
            notification = (await first.expect("notification"))["payload"]
            await second.expect("notification")
            await first.send("notification_read", {"notification_id": notification["id"]})
            assert await second.expect("notification_read") == await first.expect(
                "notification_read"
            )


async def test_a_quiet_layer_is_still_listened_to(alice: Any) -> None:
    """Longer than the layer's own wait of 5 s, after which it has to begin another."""
    with server_process() as (server, process):
        async with open_socket(server, alice) as socket:
            await asyncio.sleep(6)
            await asyncio.to_thread(shell, NOTIFY, alice)
            await socket.expect("notification")
            assert process.poll() is None
