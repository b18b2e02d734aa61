"""Notifications as Alice, Bob and Carol live through them, on both transports."""

from __future__ import annotations

from typing import Any

from notifications.services import notify, notify_many
from realtime.users import user_id
from tests.clients import in_thread
from tests.scenarios.conftest import Connect


async def test_a_notification_has_every_field_of_the_reference(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as client:
        await in_thread(notify, alice, "like", "Bob liked your post", actor=bob, post_id="post_789")
        event = await client.next_event()
        assert event["type"] == "notification"
        assert event["channel"] == "notifications"
        payload = event["payload"]
        assert payload["id"].startswith("notif_")
        assert payload["created_at"].endswith("Z")
        assert {name: payload[name] for name in payload if name not in ("id", "created_at")} == {
            "type": "like",
            "actor_id": user_id(bob),
            "actor_name": "Bob",
            "message": "Bob liked your post",
            "post_id": "post_789",
            "read": False,
            "unread_count": 1,
        }


async def test_everybody_gets_their_own_and_nobody_another_s(
    connect: Connect, alice: Any, bob: Any, carol: Any
) -> None:
    async with connect(alice) as a, connect(bob) as b, connect(carol) as outsider:
        await in_thread(notify_many, [alice, bob], "news", "for two")
        await in_thread(notify, carol, "news", "for carol")
        for client in (a, b):
            assert (await client.next_event())["payload"]["message"] == "for two"
        assert (await outsider.next_event())["payload"]["message"] == "for carol"


async def test_reading_one_is_told_to_all_of_the_user_s_clients(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as other:
        await in_thread(notify_many, [alice, bob], "news", "text")
        event = await phone.next_event()
        notification_id = event["payload"]["id"]
        assert await laptop.next_event() == event
        data = await phone.call(
            "notification_read",
            {"notification_id": notification_id, "read_at": "1970-01-01T00:00:00Z"},
        )
        assert data["notification_id"] == notification_id
        assert data["unread_count"] == 0
        assert data["read_at"] > event["timestamp"], "the server's time, not the client's"
        for client in (phone, laptop):
            told = await client.next_event()
            assert told["type"] == "notification_read"
            assert told["channel"] == "notifications"
            assert told["payload"] == data
        # Bob's copy is another notification, and not Alice's to read.
        foreign = (await other.next_event())["payload"]["id"]
        error = await phone.call("notification_read", {"notification_id": foreign})
        assert error == {
            "code": "NOT_FOUND",
            "message": "Notification does not exist",
            "details": {},
        }


async def test_reading_all_is_told_to_all_of_the_user_s_clients(
    connect: Connect, alice: Any
) -> None:
    async with connect(alice) as phone, connect(alice) as laptop:
        for text in ("1", "2"):
            await in_thread(notify, alice, "news", text)
        counts = [(await phone.next_event())["payload"]["unread_count"] for _ in range(2)]
        assert counts == [1, 2]
        data = await phone.call("notification_read_all")
        assert data["unread_count"] == 0
        told = await phone.next_event()
        assert told["type"] == "notification_read_all"
        assert told["payload"] == data
        events = [await laptop.next_event() for _ in range(3)]
        assert events[-1] == told
