"""Marking unread, and announcing again: `mark_unread` and `announce_again`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications import services
from notifications.models import Notification
from notifications.services import notify
from realtime.errors import ErrorCode, RealtimeError
from realtime.users import user_id


def told(user: Any) -> Notification:
    notification = notify(user, "like", "Bob liked your post")
    assert notification is not None
    return notification


@pytest.mark.parametrize("service", [services.mark_unread, services.announce_again])
def test_another_s_notification_does_not_exist(alice: Any, bob: Any, service: Any) -> None:
    one = told(alice)
    for key in (one.pk, one.pk + 1):
        with pytest.raises(RealtimeError) as refused:
            service(user_id(bob), key)
        assert refused.value.code is ErrorCode.NOT_FOUND


def test_what_is_unread_is_not_counted_twice(alice: Any) -> None:
    one = told(alice)
    for _ in range(2):
        services.mark_unread(user_id(alice), one.pk)
    assert services.unread_count(user_id(alice)) == 1


@pytest.mark.options(REMIND_AFTER=600)
def test_the_site_is_reminded_of_it_as_of_a_new_one(alice: Any) -> None:
    one = told(alice)
    Notification.objects.update(remind_at=timezone.now() - timedelta(hours=1))
    services.mark_read(user_id(alice), one.pk)
    services.mark_unread(user_id(alice), one.pk)
    one.refresh_from_db()
    assert one.remind_at is not None
    assert one.remind_at > timezone.now() + timedelta(seconds=500)


@pytest.mark.options(REMIND_AFTER=600)
def test_the_site_is_not_reminded_twice(alice: Any) -> None:
    one = told(alice)
    Notification.objects.update(remind_at=None)  # as after the reminder
    services.mark_read(user_id(alice), one.pk)
    services.mark_unread(user_id(alice), one.pk)
    one.refresh_from_db()
    assert one.remind_at is None
