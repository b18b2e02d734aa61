"""The list and the page of notifications."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications import services
from notifications.models import Notification
from notifications.services import notify
from presence.services import decide
from realtime import log, relay, sessions
from realtime.models import EventRecipient, Session
from realtime.users import user_id
from tests.admin.staff import NOTIFICATIONS, Staff
from tests.people import login_name, make_user
from tests.presence.watching import connect


def told(user: Any, type: str = "like", **fields: Any) -> Notification:
    """A notification that there is now."""
    notification = notify(user, type, "Somebody liked your post", **fields)
    assert notification is not None
    return notification


def test_a_row_says_who_was_told_of_what_and_when(operator: Staff, alice: Any, bob: Any) -> None:
    one = told(alice, actor=bob)
    Notification.objects.update(created_at=timezone.now() - timedelta(hours=3, minutes=5))
    (row,) = operator.rows(NOTIFICATIONS)
    for part in (f"notif_{one.pk}", str(alice), str(bob), "like", "3 h ago"):
        assert part in row


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"read": "no"}, {"like", "follow"}),
        ({"read": "yes"}, {"comment"}),
        ({"type": "like"}, {"like"}),
        ({"period": "1h"}, {"like", "comment"}),
        ({"period": "7d", "read": "no"}, {"like", "follow"}),
    ],
)
def test_filters_choose(
    operator: Staff, alice: Any, query: dict[str, str], found: set[str]
) -> None:
    for type in ("like", "comment", "follow"):
        told(alice, type)
    services.mark_read(user_id(alice), Notification.objects.get(type="comment").pk)
    day_before = timezone.now() - timedelta(days=1, minutes=1)
    Notification.objects.filter(type="follow").update(created_at=day_before)
    rows = " ".join(operator.rows(NOTIFICATIONS, **query))
    assert {type for type in ("like", "comment", "follow") if type in rows} == found


def test_days_choose_their_whole_day_and_no_other(operator: Staff, alice: Any) -> None:
    for hour, minute in ((0, 0), (23, 59)):
        moment = timezone.now().replace(month=3, day=2, hour=hour, minute=minute, second=0)
        Notification.objects.filter(pk=told(alice).pk).update(created_at=moment)
    day = moment.date().isoformat()
    assert len(operator.rows(NOTIFICATIONS, **{"from": day, "until": day})) == 2
    after = (moment + timedelta(days=1)).date().isoformat()
    assert operator.rows(NOTIFICATIONS, **{"from": after, "until": after}) == []
    assert operator.rows(NOTIFICATIONS, until=day) != []


def test_a_day_that_does_not_exist_is_an_error_and_not_everything(operator: Staff) -> None:
    page = operator.client.get("/admin/notifications/notification/", {"from": "2026-02-31"})
    assert page.status_code == 302
    assert page["Location"].endswith("?e=1")


def test_search_finds_recipients_and_actors_by_name_and_id(
    operator: Staff, alice: Any, bob: Any, carol: Any
) -> None:
    told(alice, actor=bob)
    told(carol)
    for term in (login_name(alice), user_id(alice), login_name(bob), login_name(bob)[:3]):
        (row,) = operator.rows(NOTIFICATIONS, q=term)
        assert str(alice) in row, term
    assert operator.rows(NOTIFICATIONS, q="nobody") == []
    assert "Null characters are not allowed." in operator.overview(NOTIFICATIONS, q="\x00")
    assert operator.rows(NOTIFICATIONS, recipient="\x00") == []


@pytest.mark.named_users
def test_search_finds_by_an_e_mail_address_that_is_no_login_name(operator: Staff) -> None:
    told(make_user("dora", email="dora@example.org"))
    assert len(operator.rows(NOTIFICATIONS, q="dora@example.org")) == 1
    assert operator.rows(NOTIFICATIONS, q="dora@example.com") == []


def test_search_finds_by_the_id_that_clients_see(operator: Staff, alice: Any) -> None:
    one, _ = told(alice), told(alice)
    (row,) = operator.rows(NOTIFICATIONS, q=f"notif_{one.pk}")
    assert f"notif_{one.pk}" in row


def test_a_beginning_that_too_many_share_is_said_to_be_incomplete(operator: Staff) -> None:
    for number in range(51):
        make_user(f"crowd{number:02}")
    assert "More than 50 people begin with “crowd”" in operator.overview(NOTIFICATIONS, q="crowd")


def test_the_page_links_the_event_that_announced_it(operator: Staff, alice: Any) -> None:
    one = told(alice)
    assert "Waiting in the outbox for its number" in operator.detail(NOTIFICATIONS, one.pk)
    relay.drain()
    sequence = EventRecipient.objects.get().event_id
    response = operator.client.get(f"/admin/notifications/notification/{one.pk}/change/")
    assert f'href="/admin/realtime/event/{sequence}/change/">event {sequence}</a>' in (
        response.content.decode()
    )


def test_the_page_says_that_the_event_was_pruned(operator: Staff, alice: Any) -> None:
    one = told(alice)
    relay.drain()
    log.prune(timedelta())
    assert "Pruned: the log is empty" in operator.detail(NOTIFICATIONS, one.pk)
    relay.drain()
    assert "Pruned: the log reaches back to" in operator.detail(NOTIFICATIONS, one.pk)


def test_an_event_of_another_notification_is_not_taken_for_this_one_s(
    operator: Staff, alice: Any
) -> None:
    notifications = [told(alice) for _ in range(11)]
    relay.drain()
    events = EventRecipient.objects.order_by("event").values_list("event_id", flat=True)
    page = operator.detail(NOTIFICATIONS, notifications[0].pk)
    assert f"event {events[0]} " in page
    assert f"event {events[10]} " not in page


def test_a_connection_open_then_and_now_is_told_of(operator: Staff, alice: Any) -> None:
    opened = timezone.now() - timedelta(minutes=9)
    Session.objects.filter(pk=connect(alice)).update(connected_at=opened)
    one = told(alice)
    relay.drain()
    page = operator.detail(NOTIFICATIONS, one.pk)
    assert "Yes: by a connection opened 9 min ago , still open." in page


def test_what_the_log_says_of_presence_outlasts_connections(operator: Staff, alice: Any) -> None:
    session = connect(alice)
    decide([user_id(alice)])
    one = told(alice)
    sessions.close_sessions([session])
    relay.drain()
    assert "Shown as online then, since event 1" in operator.detail(NOTIFICATIONS, one.pk)


def test_a_connection_opened_since_proves_nothing(operator: Staff, alice: Any) -> None:
    one = told(alice)
    relay.drain()
    connect(alice)
    page = operator.detail(NOTIFICATIONS, one.pk)
    assert "Not known any more: connections that have ended are not recorded." in page
