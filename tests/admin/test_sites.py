"""Two admin sites beside one another: each one's pages lead to its own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.urls import include, path

from notifications.services import notify
from realtime import relay
from realtime.models import Event
from tests.admin.staff import OURS, Staff
from tests.messaging.talk import pair, pk_of, say
from tests.people import login_name

backoffice = AdminSite(name="backoffice")
for model, model_admin in admin.site._registry.items():
    backoffice.register(model, type(model_admin))

urlpatterns = [
    path("backoffice/", backoffice.urls),
    path("", include("socialhub.urls")),
]


@pytest.fixture
def _two_sites(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.mark.usefixtures("_two_sites")
def test_links_stay_in_their_site(root: Staff, alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    message = pk_of(say(alice, conversation, "Hello"))
    notification = notify(bob, "like", "Liked", actor=alice)
    assert notification is not None
    relay.drain()
    event = Event.objects.filter(type="notification").latest("pk").pk
    pages = [
        f"{model._meta.app_label}/{model._meta.model_name}/"
        for model in backoffice._registry
        if model._meta.app_label in OURS
    ]
    pages += [
        f"notifications/notification/{notification.pk}/change/",
        f"realtime/event/{event}/change/",
        f"realtime/event/replay/?sequence={event}",
        f"messaging/conversation/{conversation}/change/",
        f"messaging/message/{message}/change/",
        "realtime/node/dashboard/",
    ]
    for page in pages:
        response = root.client.get(f"/backoffice/{page}")
        assert response.status_code == 200, page
        links = re.findall(r'href="(/[^"]*)"', response.content.decode())
        strays = {link for link in links if link.startswith("/admin/")}
        assert strays == set(), page


@pytest.mark.usefixtures("_two_sites")
def test_replaying_stays_in_its_site(root: Staff, alice: Any) -> None:
    notify(alice, "like", "Liked")
    relay.drain()
    chosen = {"action": "replay", "_selected_action": [1]}
    form = root.client.post("/backoffice/realtime/event/", chosen)["Location"]
    assert form == "/backoffice/realtime/event/replay/?sequence=1"
    done = root.client.post(form, {"user": login_name(alice)})
    assert done["Location"] == "/backoffice/realtime/event/2/change/"
