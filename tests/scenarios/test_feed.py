"""The feed as its readers live through it, on both transports."""

from __future__ import annotations

from typing import Any

from realtime.feed_commands import CHANNEL
from socialhub import services
from tests.clients import Frame, in_thread, open_poller
from tests.scenarios.conftest import Connect
from tests.servers import Address


async def test_seeing_the_feed_resets_what_is_new(connect: Connect, alice: Any, bob: Any) -> None:
    await in_thread(services.create_post, bob, "Fresh bread at nine")
    async with connect(alice) as watcher:
        snapshot = await watcher.join(CHANNEL)
        assert snapshot["new_posts_count"] == 1
        seen = await watcher.call("feed_seen")
        assert seen == {**snapshot, "new_posts_count": 0}
        await in_thread(services.create_post, bob, "Sold out")
        await watcher.next_of("feed_update")
        again = await watcher.call("feed_seen")
        assert again["last_update"] > seen["last_update"]


async def test_a_poll_that_brings_a_post_brings_the_count_of_new_ones_too(
    server: Address, alice: Any, bob: Any
) -> None:
    async with open_poller(server, alice) as poller:
        await poller.poll(timeout=0, channels=CHANNEL)
        await in_thread(services.create_post, bob, "Hello")
        events: list[Frame] = []
        while not events:
            events = (await poller.poll(channels=CHANNEL))["events"]
        update, count = events
        assert update["type"] == "feed_update"
        assert count["type"] == "count_update"
        assert count["sequence"] is None
        assert count["id"] == poller.position
        assert count["payload"]["new_posts_count"] == 1
