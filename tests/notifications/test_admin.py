"""The admin, as a member of the staff sees it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from notifications import services
from notifications.models import Notification
from notifications.services import notify
from realtime.users import user_id
from tests.people import make_user


@pytest.fixture
def staff(transactional_db: None) -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def test_notifications_are_listed_and_marked_read(staff: Client, alice: Any) -> None:
    notification = notify(alice, "like", "Bob liked your post")
    assert notification is not None
    page = staff.get("/admin/notifications/notification/", {"read": "no"})
    assert f"notif_{notification.pk}" in page.content.decode()
    response = staff.post(
        "/admin/notifications/notification/",
        {"action": "mark_read", "_selected_action": [notification.pk]},
        follow=True,
    )
    assert "1 marked read." in response.content.decode()
    assert services.unread_count(user_id(alice)) == 0
    assert Notification.objects.get().read_at is not None


@pytest.mark.parametrize("model", ["event", "node", "session"])
def test_the_engine_s_tables_can_be_looked_at_and_not_changed(staff: Client, model: str) -> None:
    assert staff.get(f"/admin/realtime/{model}/").status_code == 200
    assert staff.get(f"/admin/realtime/{model}/add/").status_code == 403


def test_the_admin_is_for_staff_only(alice: Any) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get("/admin/notifications/notification/").status_code == 302
