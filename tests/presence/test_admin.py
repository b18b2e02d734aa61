"""The admin, as a member of the staff sees it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import get_deleted_objects
from django.test import Client, RequestFactory

from presence.services import set_status
from realtime.users import user_id
from tests.people import make_user
from tests.presence.watching import connect

PAGES = "/admin/presence/presence/"


@pytest.fixture
def staff(transactional_db: None) -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def test_presence_can_be_looked_at_and_not_changed(staff: Client, alice: Any) -> None:
    connect(alice)
    set_status(user_id(alice), "busy")
    assert "busy" in staff.get(PAGES, {"status": "busy"}).content.decode()
    own = f"{PAGES}{alice.pk}/"
    assert staff.get(f"{own}change/").status_code == 200
    assert staff.post(f"{own}change/", {"status": "away"}).status_code == 403
    assert staff.get(f"{PAGES}add/").status_code == 403
    assert staff.post(f"{own}delete/", {"post": "yes"}).status_code == 403


def test_presence_does_not_keep_a_user_from_being_deleted(alice: Any) -> None:
    set_status(user_id(alice), "busy")
    request = RequestFactory().get("/admin/auth/user/")
    request.user = make_user("root", is_staff=True, is_superuser=True)
    _, _, needed, protected = get_deleted_objects([alice], request, admin.site)
    assert (needed, protected) == (set(), [])
