"""The feed as Alice, Bob and Carol live through it, on both transports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest

from realtime.users import describe, user_id
from socialhub import services
from tests.clients import Frame, Poller, Socket, in_thread, open_poller, open_socket
from tests.servers import Address

CHANNEL = "feed:updates"


class Watcher(Protocol):
    """A client that watches the feed.

    Attributes:
        snapshot: the channel's state when it was joined.
    """

    snapshot: Frame

    async def next_update(self) -> Frame:
        """The next `feed_update`: id, sequence, channel, payload."""

    async def call(self, type: str) -> Frame:
        """Carry out a command: the payload of its answer."""


class SocketWatcher:
    """Over a WebSocket."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.snapshot: Frame = {}

    async def start(self) -> None:
        ack = await self._socket.ask("subscribe", {"channel": CHANNEL})
        self.snapshot = ack["payload"]["data"]["snapshot"]

    async def next_update(self) -> Frame:
        while (frame := await self._socket.receive())["type"] != "feed_update":
            pass
        return frame

    async def call(self, type: str) -> Frame:
        payload: Frame = (await self._socket.ask(type))["payload"]
        return payload


class PollWatcher:
    """Over HTTP."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._unread: list[Frame] = []
        self.snapshot: Frame = {}

    async def start(self) -> None:
        answer = await self._poller.poll(channels=CHANNEL)
        self.snapshot = answer["channels"][CHANNEL]

    async def next_update(self) -> Frame:
        while not self._unread:
            events = (await self._poller.poll(channels=CHANNEL))["events"]
            self._unread = [event for event in events if event["type"] == "feed_update"]
        event = self._unread.pop(0)
        return {**event, "id": event["event_id"]}

    async def call(self, type: str) -> Frame:
        response = await self._poller.http.post("/api/v1/realtime/send", json={"type": type})
        payload: Frame = response.json()["payload"]
        return payload


Watch = Callable[[Any], AbstractAsyncContextManager[Watcher]]


@pytest.fixture(params=["socket", "poll"])
def watch(request: pytest.FixtureRequest, server: Address) -> Watch:
    """Has a user watch the feed."""

    @asynccontextmanager
    async def open_watcher(user: Any) -> AsyncIterator[Watcher]:
        if request.param == "socket":
            async with open_socket(server, user) as socket:
                over_socket = SocketWatcher(socket)
                await over_socket.start()
                yield over_socket
        else:
            async with open_poller(server, user) as poller:
                over_http = PollWatcher(poller)
                await over_http.start()
                yield over_http

    return open_watcher


async def test_a_post_has_every_field_of_the_reference(watch: Watch, alice: Any, bob: Any) -> None:
    async with watch(alice) as watcher:
        assert watcher.snapshot == {"new_posts_count": 0, "last_update": None}
        post = await in_thread(services.create_post, bob, "Fresh bread at nine")
        event = await watcher.next_update()
        assert event["channel"] == CHANNEL
        assert event["sequence"] > 0
        payload = event["payload"]
        assert payload.pop("created_at").endswith("Z")
        assert payload == {
            "type": "new_post",
            "post_id": f"post_{post.pk}",
            "user_id": user_id(bob),
            "username": describe(bob)["username"],
            "action": "created",
        }


async def test_all_that_happens_to_a_post_is_watched_in_order_and_by_everybody(
    watch: Watch, alice: Any, bob: Any, carol: Any
) -> None:
    def live_through() -> None:
        post = services.create_post(bob, "Fresh bread at nine")
        services.edit_post(bob, post.pk, "Fresh bread at ten")
        services.like(carol, post.pk)
        services.comment(carol, post.pk, "Keep me a loaf")
        services.unlike(carol, post.pk)
        services.delete_post(bob, post.pk)

    async with watch(alice) as a, watch(carol) as c:
        await in_thread(live_through)
        told = [await a.next_update() for _ in range(6)]
        assert [(event["payload"]["type"], event["payload"]["action"]) for event in told] == [
            ("new_post", "created"),
            ("post_updated", "updated"),
            ("post_liked", "liked"),
            ("post_commented", "commented"),
            ("post_unliked", "unliked"),
            ("post_deleted", "deleted"),
        ]
        actors = [event["payload"]["user_id"] for event in told]
        assert actors == [user_id(user) for user in (bob, bob, carol, carol, carol, bob)]
        assert [(await c.next_update())["id"] for _ in range(6)] == [event["id"] for event in told]


async def test_seeing_the_feed_resets_what_is_new(watch: Watch, alice: Any, bob: Any) -> None:
    await in_thread(services.create_post, bob, "Fresh bread at nine")
    async with watch(alice) as watcher:
        assert watcher.snapshot["new_posts_count"] == 1
        ack = await watcher.call("feed_seen")
        assert ack["status"] == "success"
        assert ack["data"] == {**watcher.snapshot, "new_posts_count": 0}
        await in_thread(services.create_post, bob, "Sold out")
        await watcher.next_update()
        again = await watcher.call("feed_seen")
        assert again["data"]["last_update"] > ack["data"]["last_update"]


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
