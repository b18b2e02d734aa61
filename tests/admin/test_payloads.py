"""What people wrote is shown to those with the permission only, and each look is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from messaging.models import Conversation, Message
from notifications.models import Notification
from notifications.services import notify
from realtime import relay
from realtime.models import Event
from tests.admin.staff import (
    CONVERSATIONS,
    EVENTS,
    MESSAGES,
    NOTIFICATIONS,
    PRESENCES,
    Staff,
)
from tests.messaging.talk import group, say

SECRET = "Tomatoes"
HIDDEN = "hidden: needs the permission realtime.view_payload"
LISTS = (NOTIFICATIONS, EVENTS, CONVERSATIONS, MESSAGES, PRESENCES)


@pytest.fixture
def written(alice: Any, bob: Any, carol: Any) -> dict[str, int]:
    """Of each kind one with the secret in it: its model and its key."""
    conversation = group(alice, bob, carol, title=f"{SECRET} forever")
    message = say(alice, conversation, f"{SECRET}, so many")
    notification = notify(bob, "note", f"{SECRET} for you", extra={"what": SECRET})
    assert notification is not None
    relay.drain()
    event = Event.objects.get(type="message")
    return {
        NOTIFICATIONS: notification.pk,
        EVENTS: event.pk,
        CONVERSATIONS: conversation,
        MESSAGES: int(message.id.removeprefix("msg_")),
    }


def test_no_list_shows_it_to_anybody(root: Staff, written: dict[str, int]) -> None:
    for model in LISTS:
        assert SECRET not in root.overview(model), model
    assert root.recorded() == []


@pytest.mark.parametrize("model", [NOTIFICATIONS, EVENTS, CONVERSATIONS, MESSAGES])
def test_a_page_hides_it_without_the_permission(
    operator: Staff, written: dict[str, int], model: str
) -> None:
    page = operator.detail(model, written[model])
    assert SECRET not in page
    assert HIDDEN in page
    assert operator.recorded() == []


@pytest.mark.parametrize("model", [NOTIFICATIONS, EVENTS, CONVERSATIONS, MESSAGES])
def test_a_page_shows_it_with_the_permission_and_that_is_recorded(
    reader: Staff, written: dict[str, int], model: str
) -> None:
    page = reader.detail(model, written[model])
    assert SECRET in page
    assert HIDDEN not in page
    ((name, what),) = reader.recorded()
    assert SECRET not in name
    assert what.startswith("Viewed the ")
    entry = LogEntry.objects.get(user_id=reader.user.pk)
    assert entry.object_id == str(written[model])
    assert what in reader.read(reverse(f"admin:{model}_history", args=[written[model]]))


def test_a_conversation_s_record_says_which_messages(
    reader: Staff, written: dict[str, int]
) -> None:
    reader.detail(CONVERSATIONS, written[CONVERSATIONS])
    assert reader.recorded()[0][1] == "Viewed the messages 1 to 1."


@pytest.mark.parametrize("model", [NOTIFICATIONS, CONVERSATIONS, MESSAGES, EVENTS])
def test_history_and_deletion_do_not_tell_it(
    root: Staff, written: dict[str, int], model: str
) -> None:
    for kind in ("history", "delete"):
        path = reverse(f"admin:{model}_{kind}", args=[written[model]])
        assert SECRET not in root.client.get(path).content.decode(), kind


def test_the_deletion_of_a_user_does_not_tell_it(
    root: Staff, written: dict[str, int], alice: Any, bob: Any
) -> None:
    path = reverse(f"admin:{NOTIFICATIONS}_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [written[NOTIFICATIONS]]}
    page = root.client.post(path, chosen).content.decode()
    assert "Are you sure" in page
    assert SECRET not in page


@pytest.mark.parametrize("model", [NOTIFICATIONS, EVENTS, MESSAGES])
def test_texts_are_searched_with_the_permission_and_that_is_recorded(
    reader: Staff, written: dict[str, int], model: str
) -> None:
    assert len(reader.rows(model, q=f"text:{SECRET.lower()}")) >= 1
    assert reader.rows(model, q="text:potatoes") == []
    assert [what for _, what in reader.recorded()] == ["Searched in the texts."] * 2


@pytest.mark.parametrize("model", [NOTIFICATIONS, EVENTS, MESSAGES])
def test_without_it_search_is_no_oracle(
    operator: Staff, written: dict[str, int], model: str
) -> None:
    for term in (f"text:{SECRET}", SECRET):
        assert operator.rows(model, q=term) == [], term
    assert f"Texts are {HIDDEN}; so is searching in them." in operator.overview(
        model, q=f"text:{SECRET}"
    )
    assert operator.recorded() == []


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (NOTIFICATIONS, "message"),
        (NOTIFICATIONS, "extra"),
        (NOTIFICATIONS, "params"),
        (EVENTS, "payload"),
        (MESSAGES, "content"),
        (MESSAGES, "conversation__title"),
        (CONVERSATIONS, "title"),
        (CONVERSATIONS, "messages__content"),
    ],
)
def test_lookups_in_the_address_are_no_oracle(
    operator: Staff, written: dict[str, int], model: str, field: str
) -> None:
    path = reverse(f"admin:{model}_changelist")
    response = operator.client.get(path, {f"{field}__contains": SECRET})
    assert response.status_code == 400


def test_names_of_objects_do_not_tell_it(written: dict[str, int]) -> None:
    for model in (Notification, Event, Conversation, Message):
        for row in model.objects.all():
            assert SECRET not in str(row)


def test_who_may_see_nothing_sees_no_page(transactional_db: None, written: dict[str, int]) -> None:
    nobody = Staff("nadia", view_payload=True)
    for model, key in written.items():
        for path in (
            reverse(f"admin:{model}_changelist"),
            reverse(f"admin:{model}_change", args=[key]),
        ):
            assert nobody.client.get(path).status_code == 403
    assert nobody.recorded() == []
