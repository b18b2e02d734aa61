"""A notification that an operator marks unread, or sends again, over both transports."""

from __future__ import annotations

from typing import Any

from notifications import services
from notifications.models import Notification
from notifications.services import notify
from realtime.users import user_id
from tests.clients import in_thread
from tests.scenarios.clients import heard_nothing
from tests.scenarios.conftest import Connect


def told(user: Any) -> Notification:
    """A notification that there is now."""
    notification = notify(user, "like", "Bob liked your post")
    assert notification is not None
    return notification


async def test_all_devices_learn_that_it_is_unread_again(
    connect: Connect, alice: Any, bob: Any
) -> None:
    one = await in_thread(told, alice)
    await in_thread(services.mark_read, user_id(alice), one.pk)
    async with connect(alice) as phone, connect(alice) as laptop, connect(bob) as outsider:
        await in_thread(services.mark_unread, user_id(alice), one.pk)
        for device in (phone, laptop):
            event = await device.next_of("notification")
            assert event["payload"]["id"] == f"notif_{one.pk}"
            assert event["payload"]["read"] is False
            assert event["payload"]["unread_count"] == 1
        await in_thread(services.mark_unread, user_id(alice), one.pk)
        await heard_nothing(phone, laptop, outsider)


async def test_sent_again_it_is_a_new_event_of_the_same_notification(
    connect: Connect, alice: Any, bob: Any
) -> None:
    async with connect(alice) as phone, connect(bob) as outsider:
        one = await in_thread(told, alice)
        first = await phone.next_of("notification")
        await in_thread(services.announce_again, user_id(alice), one.pk)
        again = await phone.next_of("notification")
        assert again["payload"] == first["payload"]
        assert again["id"] != first["id"]
        assert again["sequence"] > first["sequence"]
        await heard_nothing(phone, outsider)
