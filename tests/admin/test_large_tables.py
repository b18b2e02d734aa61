"""Lists count what they may and no more, and ask no more for more rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications.models import Notification
from notifications.services import notify, notify_many
from presence.services import decide
from realtime import relay
from realtime.admin import large
from realtime.admin.large import LargeTablePaginator
from realtime.users import user_id
from tests.admin.staff import (
    CONVERSATIONS,
    EVENTS,
    MESSAGES,
    NOTIFICATIONS,
    PRESENCES,
    Staff,
)
from tests.messaging.talk import pair, say
from tests.people import make_user
from tests.presence.watching import connect


def something_of_everything(number: int) -> None:
    """Two people who have been told, and have told each other, something."""
    one, other = make_user(f"one{number}"), make_user(f"other{number}")
    say(one, pair(one, other), "Hello")
    notify(one, "like", "Liked", actor=other)
    connect(one)
    decide([user_id(one)])
    relay.drain()


@pytest.mark.parametrize("model", [NOTIFICATIONS, EVENTS, CONVERSATIONS, MESSAGES, PRESENCES])
def test_more_rows_take_no_more_queries(operator: Staff, model: str) -> None:
    path = reverse(f"admin:{model}_changelist")
    counts = []
    for number in range(4):
        something_of_everything(number)
        with CaptureQueriesContext(connection) as captured:
            assert operator.client.get(path).status_code == 200
        counts.append(len(captured))
    # What is asked once, as the content types, is asked by the first page.
    assert counts[1] == counts[2] == counts[3], captured.captured_queries


def test_no_more_are_counted_than_are_worth_it_and_later_pages_are_there(
    operator: Staff, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "COUNTED", 3)
    monkeypatch.setattr("notifications.admin.notifications.NotificationAdmin.list_per_page", 2)
    notify_many([alice], "note", "0")
    for _ in range(8):
        notify(alice, "note", "Hello")
    seen: list[str] = []
    for page, said in (("1", "5+ notifications"), ("2", "7+ not"), ("3", "9 not"), ("5", "9 not")):
        assert said in operator.overview(NOTIFICATIONS, read="no", p=page)
        seen += operator.rows(NOTIFICATIONS, read="no", p=page)
    keys = list(Notification.objects.order_by("-pk").values_list("pk", flat=True))
    shown = [keys[index] for index in (0, 1, 2, 3, 4, 5, 8)]
    assert [row.split()[0] for row in seen] == [f"notif_{key}" for key in shown]


def test_a_page_keeps_the_order_of_the_list(alice: Any) -> None:
    for _ in range(7):
        notify(alice, "note", "Hello")
    rows = Notification.objects.order_by("-pk").select_related("recipient")
    found = [row for n in (1, 2, 3) for row in LargeTablePaginator(rows, 3).page(n)]
    assert found == list(rows)


@pytest.mark.parametrize("separator", [False, True])
def test_a_number_that_was_not_counted_says_so(settings: Any, separator: bool) -> None:
    from django.template import Context, Template

    settings.USE_THOUSAND_SEPARATOR = separator
    shown = Template("{{ number }}").render(Context({"number": large.Roughly(1_234_567, "~{}")}))
    assert shown == ("1,234,567" if separator else "~1,234,567")
