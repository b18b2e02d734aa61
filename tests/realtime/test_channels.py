"""Subscribing and unsubscribing."""

from __future__ import annotations

from typing import Any

import pytest

from notifications.services import notify
from tests.clients import in_thread, open_socket
from tests.servers import Address


async def test_notifications_are_subscribed_from_the_start(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        await socket.silence()
        await in_thread(notify, alice, "like", "Bob liked your post")
        assert (await socket.expect("notification"))["payload"]["type"] == "like"


async def test_subscribing_twice_is_a_success_with_the_state_of_the_moment(
    server: Address, alice: Any
) -> None:
    async with open_socket(server, alice) as socket:
        await in_thread(notify, alice, "like", "Bob liked your post")
        event = await socket.expect("notification")
        for _ in range(2):
            ack = await socket.ask("subscribe", {"channel": "notifications"})
            data = ack["payload"]["data"]
            assert data["channel"] == "notifications"
            assert data["snapshot"] == {"unread_count": 1}
            assert data["last_sequence"] >= event["sequence"]


async def test_the_channel_may_stand_in_the_envelope(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        ack = await socket.ask("subscribe", channel="notifications")
        assert ack["payload"]["data"]["channel"] == "notifications"


async def test_who_has_left_a_channel_hears_nothing_until_joining_again(
    server: Address, alice: Any
) -> None:
    async with open_socket(server, alice) as socket:
        ack = await socket.ask("unsubscribe", {"channel": "notifications"})
        assert ack["payload"]["data"] == {"channel": "notifications"}
        async with open_socket(server, alice) as other:
            await other.silence()
            await in_thread(notify, alice, "like", "unheard")
            await other.expect("notification")  # by now the first would have had it, too
        await socket.silence()
        ack = await socket.ask("subscribe", {"channel": "notifications"})
        assert ack["payload"]["data"]["snapshot"] == {"unread_count": 1}
        await in_thread(notify, alice, "like", "heard")
        assert (await socket.expect("notification"))["payload"]["message"] == "heard"


@pytest.mark.parametrize(
    "channel",
    ["nothing", "notifications:1", "Notifications", ":", "notifications:", "a:b:c", "\x00"],
)
async def test_unknown_channels_do_not_exist(server: Address, alice: Any, channel: str) -> None:
    async with open_socket(server, alice) as socket:
        frame = await socket.ask("subscribe", {"channel": channel})
        assert frame["type"] == "error"
        assert frame["payload"] == {
            "code": "CHANNEL_NOT_FOUND",
            "message": "Channel does not exist",
            "details": {"channel": channel},
        }
        await socket.silence()


async def test_connect_says_which_channels_it_could_not_join(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as socket:
        payload = (await socket.ask("connect", {"channels": ["nothing"]}))["payload"]
        assert set(payload["channels"]) == {"notifications"}
        assert payload["refused"]["nothing"]["code"] == "CHANNEL_NOT_FOUND"
