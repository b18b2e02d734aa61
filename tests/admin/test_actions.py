"""What operators do with notifications: marking, sending again, exporting."""

from __future__ import annotations

import csv
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient
from django.urls import reverse

from notifications import services
from notifications.admin import notifications as pages
from notifications.models import Notification
from notifications.services import notify
from realtime import log, relay
from realtime.users import user_id
from tests.admin.staff import NOTIFICATIONS, Staff
from tests.clients import in_thread
from tests.people import login_name


def told(user: Any, text: str = "Hello", **fields: Any) -> int:
    notification = notify(user, "note", text, **fields)
    assert notification is not None
    return notification.pk


def events(user: Any) -> list[tuple[str, dict[str, Any]]]:
    """The user's events in the log: type and payload."""
    relay.drain()
    upto = log.read_head().sequence
    found = log.read_for(user_id(user), after=0, upto=upto, topics=(), limit=100)
    return [(event.type, msgspec.json.decode(event.payload)) for event in found]


def test_marked_read_the_devices_are_told_and_the_count_is_right(
    operator: Staff, alice: Any
) -> None:
    one, two = told(alice), told(alice)
    assert "1 marked read." in operator.act(NOTIFICATIONS, "mark_read", one)
    assert services.unread_count(user_id(alice)) == 1
    assert Notification.objects.get(read_at=None).pk == two
    assert events(alice)[-1][0] == "notification_read"
    assert operator.recorded() == [(f"note #{one}", "Marked read.")]


def test_marked_unread_it_comes_again_as_unread(operator: Staff, alice: Any) -> None:
    one = told(alice)
    services.mark_read(user_id(alice), one)
    assert "1 marked unread." in operator.act(NOTIFICATIONS, "mark_unread", one)
    assert services.unread_count(user_id(alice)) == 1
    type, payload = events(alice)[-1]
    assert (type, payload["id"], payload["read"]) == ("notification", f"notif_{one}", False)
    assert payload["unread_count"] == 1
    assert "read_at" not in payload
    assert operator.recorded() == [(f"note #{one}", "Marked unread.")]


def test_sent_again_it_has_its_id_and_a_number_of_its_own(operator: Staff, alice: Any) -> None:
    one = told(alice)
    services.mark_read(user_id(alice), one)
    assert "1 sent again." in operator.act(NOTIFICATIONS, "send_again", one)
    assert services.unread_count(user_id(alice)) == 0
    (_, first), _, (type, again) = events(alice)
    assert type == "notification"
    assert again["id"] == first["id"]
    assert (again["read"], again["unread_count"]) == (True, 0)
    page = operator.detail(NOTIFICATIONS, one)
    assert "event 1 (" in page
    assert "event 3 (" in page


def test_an_action_on_too_many_does_nothing_and_says_so(
    operator: Staff, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_AT_ONCE", 1)
    told(alice), told(alice)
    page = operator.act(NOTIFICATIONS, "mark_read", Notification.objects.first(), across=True)
    assert "Nothing was done: choose at most 1 notifications at once." in page
    assert services.unread_count(user_id(alice)) == 2


def test_what_cannot_be_marked_is_said_and_the_rest_is_done(operator: Staff, alice: Any) -> None:
    for text in ("first", "second"):
        services.notify_coalesced([alice], "note", text, key="talk")
        services.mark_read_by_key([alice], "talk")
    services.notify_coalesced([alice], "note", "third", key="talk")
    lone = told(alice)
    services.mark_read(user_id(alice), lone)
    keys = Notification.objects.values_list("pk", flat=True)
    page = operator.act(NOTIFICATIONS, "mark_unread", *keys)
    old = Notification.objects.exclude(pk=lone).order_by("pk")[0].pk
    assert "1 marked unread." in page
    assert f"A newer notification in its place is unread already: notif_{old}, notif_" in page


def test_who_may_only_look_may_not_mark(reader: Staff, alice: Any) -> None:
    one = told(alice)
    page = reader.overview(NOTIFICATIONS)
    assert "Export as CSV" in page
    assert "Mark read" not in page
    assert "No action selected." in reader.act(NOTIFICATIONS, "mark_read", one)
    assert services.unread_count(user_id(alice)) == 1


def exported(staff: Staff, *keys: int, **query: str) -> list[dict[str, str]]:
    """The rows of the CSV file of a selection, or of the whole list with these filters."""
    data = {
        "action": "export_csv",
        "_selected_action": keys or [Notification.objects.values_list("pk", flat=True)[0]],
        "select_across": "0" if keys else "1",
    }
    path = reverse(f"admin:{NOTIFICATIONS}_changelist", query=query)
    response: Any = staff.client.post(path, data)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="notifications-')
    lines = b"".join(response.streaming_content).decode().splitlines()
    return list(csv.DictReader(lines))


def test_a_selection_is_exported(reader: Staff, alice: Any, bob: Any) -> None:
    one = told(alice, "Bob liked your post", actor=bob, post_id="post_7")
    told(alice)
    (row,) = exported(reader, one)
    assert row["id"] == f"notif_{one}"
    assert (row["recipient_id"], row["recipient"]) == (user_id(alice), login_name(alice))
    assert (row["actor_id"], row["actor"]) == (user_id(bob), login_name(bob))
    assert (row["type"], row["post_id"], row["read_at"]) == ("note", "post_7", "")
    assert row["text"] == "Bob liked your post"
    exports = [("Notifications", "Exported a selection as CSV, with texts.")]
    assert reader.recorded() == exports


def test_all_of_a_filtered_list_is_exported(
    reader: Staff, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.admin.export.BATCH", 2)
    wanted = [told(alice) for _ in range(5)]
    services.mark_read(user_id(alice), told(alice))
    rows = exported(reader, read="no")
    assert [row["id"] for row in rows] == [f"notif_{pk}" for pk in reversed(wanted)]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_takes_no_text_for_a_formula(reader: Staff, alice: Any, text: str) -> None:
    (row,) = exported(reader, told(alice, text))
    assert row["text"].startswith("'")


def test_without_the_permission_texts_are_not_exported(operator: Staff, alice: Any) -> None:
    (row,) = exported(operator, told(alice, "Secret"))
    assert row["text"] == "hidden: needs the permission realtime.view_payload"
    assert operator.recorded() == [("Notifications", "Exported a selection as CSV, without texts.")]


async def test_under_asgi_it_is_streamed_too(reader: Staff, alice: Any) -> None:
    one = await in_thread(told, alice, "Hello")
    client = AsyncClient()
    await in_thread(client.force_login, reader.user)
    data = {"action": "export_csv", "_selected_action": [one], "select_across": "0"}
    response: Any = await client.post("/admin/notifications/notification/", data)
    assert response.is_async
    lines = [piece async for piece in response.streaming_content]
    assert b"Hello" in b"".join(lines)
    # The thread in which Django's test client has it all done outlives the test.
    await sync_to_async(connections.close_all)()
