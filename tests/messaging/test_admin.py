"""The admin: conversations can be looked at, and nothing in them changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from messaging.models import Message
from tests.messaging.talk import pair, say
from tests.people import make_user


@pytest.fixture
def staff(transactional_db: None) -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("model", ["conversation", "message"])
def test_it_can_be_looked_at_and_not_changed(
    staff: Client, alice: Any, bob: Any, model: str
) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, "Hello")
    pk = conversation if model == "conversation" else Message.objects.get().pk
    base = f"/admin/messaging/{model}"
    assert staff.get(f"{base}/").status_code == 200
    assert staff.get(f"{base}/{pk}/change/").status_code == 200
    assert staff.post(f"{base}/{pk}/change/", {"content": "changed"}).status_code == 403
    assert staff.get(f"{base}/add/").status_code == 403
    assert staff.post(f"{base}/{pk}/delete/", {"post": "yes"}).status_code == 403
    assert Message.objects.get().content == "Hello"


def test_an_account_that_has_written_can_still_be_deleted(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, "Hello")
    alice.delete()
    assert Message.objects.get().sender is None
    assert not get_user_model().objects.filter(pk=alice.pk).exists()
