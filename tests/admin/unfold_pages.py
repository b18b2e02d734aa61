"""The pages under django-unfold; run by `test_unfold` with settings of its own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import admin
from django.urls import reverse
from unfold.admin import ModelAdmin

from notifications.services import notify
from realtime import relay, sessions
from realtime.models import Session
from realtime.users import user_id
from tests.admin.staff import (
    BROADCASTS,
    CONNECTIONS,
    CONVERSATIONS,
    EVENTS,
    MESSAGES,
    NODES,
    NOTIFICATIONS,
    OURS,
    POLLS,
    PRESENCES,
    Staff,
)
from tests.messaging.talk import pair, say
from tests.people import login_name
from tests.presence.watching import connect

OWN_BUTTON = "bg-primary-600"


def test_all_our_pages_have_its_base() -> None:
    ours = [one for model, one in admin.site._registry.items() if model._meta.app_label in OURS]
    assert len(ours) >= 7
    for one in ours:
        assert isinstance(one, ModelAdmin), one


def test_they_are_shown_and_work(root: Staff, alice: Any, bob: Any) -> None:
    say(alice, pair(alice, bob), "Hello")
    notification = notify(bob, "like", "Liked", actor=alice)
    assert notification is not None
    relay.drain()
    for model in (NOTIFICATIONS, EVENTS, CONVERSATIONS, MESSAGES, PRESENCES):
        assert "Filters" in root.overview(model) or model == CONVERSATIONS
    found = root.overview(EVENTS, user=login_name(bob))
    assert "By user" in found
    assert "notification" in found
    for model in (CONVERSATIONS, MESSAGES, EVENTS):
        assert root.detail(model, 1)
    assert "Liked" in root.detail(NOTIFICATIONS, notification.pk)
    assert "Dashboard" in root.overview("realtime_node")
    assert "Deliveries a second" in root.read(reverse("admin:realtime_node_dashboard"))
    page = reverse("admin:realtime_event_replay")
    shown = root.client.get(page, {"sequence": 1}).content.decode()
    assert OWN_BUTTON in shown.partition("Replay to a user")[2]
    event = root.client.post(f"{page}?sequence=1", {"user": login_name(bob)})
    assert event.status_code == 302


def test_a_broadcast_is_written_looked_at_and_stopped(root: Staff, alice: Any) -> None:
    form = reverse(f"admin:{BROADCASTS}_add")
    assert OWN_BUTTON in root.client.get(form).content.decode().partition("Write a broadcast")[2]
    written = {"audience": "all", "type": "note", "message": "Back at 9:00"}
    wrong = root.client.post(form, {**written, "audience": "users", "_preview": "1"})
    assert "Name at least one user." in wrong.content.decode()
    preview = root.client.post(form, {**written, "_preview": "1"}).content.decode()
    assert OWN_BUTTON in preview.partition("Look at it, then send")[2]
    root.client.post(form, {**written, "_confirm": "1", "once": str(uuid4())})
    assert "Back at 9:00" in root.overview(BROADCASTS)
    assert "0 of 2 notified" in root.detail(BROADCASTS, 1)
    stop = reverse(f"admin:{BROADCASTS}_stop", args=[1])
    assert (
        f'formaction="{stop}"'
        in root.client.get(reverse(f"admin:{BROADCASTS}_change", args=[1])).content.decode()
    )
    root.client.post(stop)
    assert "Stopped" in root.detail(BROADCASTS, 1)


def test_live_connections_and_nodes_are_shown_and_ended(root: Staff, alice: Any) -> None:
    key = connect(alice)
    sessions.renew_poll_leases([user_id(alice)])
    page = root.overview(CONNECTIONS)
    for shown in ("Filters", "Users who poll", login_name(alice)):
        assert shown in page
    node = Session.objects.get().node
    assert node.name in root.overview(NODES)
    assert "Events behind" in root.detail(NODES, node.pk)
    assert str(key) in root.detail(CONNECTIONS, key)
    assert login_name(alice) in root.overview(POLLS)
    chosen = {"action": "disconnect", "_selected_action": key}
    asked = root.client.post(reverse(f"admin:{CONNECTIONS}_changelist"), chosen).content.decode()
    assert OWN_BUTTON in asked.partition("about to end this connection")[2]
    assert "1 connection was told to end" in root.act(
        CONNECTIONS, "disconnect", key, confirmed="yes"
    )
