"""The event log: filters, the page of an event, and publishing one again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from notifications.services import notify
from presence.services import set_status
from realtime import erasure, log, relay
from realtime.errors import RealtimeError
from realtime.models import Event, EventRecipient
from realtime.replaying import replay
from realtime.users import user_id
from tests.admin.staff import EVENTS, Staff
from tests.messaging.talk import pair, say
from tests.people import login_name
from tests.presence.watching import connect

REPLAY = "/admin/realtime/event/replay/"


@pytest.fixture
def logged(alice: Any, bob: Any) -> dict[str, int]:
    """One event of some types: its sequence."""
    conversation = pair(alice, bob)
    say(alice, conversation, "Hello")
    notify(bob, "like", "Alice liked your post", subject="post_7")
    connect(alice)
    set_status(user_id(alice), "busy")
    with transaction.atomic():
        log.append(log.LEAVE_CHANNEL, {"channel": "news"}, control=True, recipients=[bob.pk])
    relay.drain()
    return {event.type: event.pk for event in Event.objects.order_by("pk")}


def found(staff: Staff, **query: str) -> set[str]:
    """The types of the events on the list."""
    rows = staff.rows(EVENTS, **query)
    types = Event.objects.values_list("type", flat=True)
    return {type for type in types for row in rows if f" {type} " in row}


def test_filters_choose(operator: Staff, logged: dict[str, int], alice: Any, bob: Any) -> None:
    own = {"participants_added", "message", "notification"}
    assert found(operator) == own | {"presence", "control.leave_channel"}
    assert found(operator, audience="everybody") == {"presence"}
    assert found(operator, audience="servers") == {"control.leave_channel"}
    assert found(operator, user=login_name(alice)) == {"participants_added", "message"}
    assert found(operator, user=user_id(alice), type="message") == {"message"}
    assert found(operator, user="nobody") == set()
    assert found(operator, channel=f"presence:{user_id(alice)}") == {"presence"}
    assert found(operator, channel="presence:nobody") == set()


def test_a_period_is_found_by_the_log_s_order(operator: Staff, logged: dict[str, int]) -> None:
    old = logged["message"]
    Event.objects.filter(pk__lte=old).update(created_at=timezone.now() - timedelta(hours=2))
    assert "message" not in found(operator, period="1h")
    assert "notification" in found(operator, period="1h")
    assert "message" in found(operator, period="24h")


@pytest.mark.parametrize("term", ["post_7", "sequence"])
def test_search_finds_by_sequence_and_by_subject(
    operator: Staff, logged: dict[str, int], term: str
) -> None:
    sequence = logged["notification"]
    (row,) = operator.rows(EVENTS, q=str(sequence) if term == "sequence" else term)
    assert f" {sequence} " in row


def test_the_list_and_the_page_name_the_readers(
    operator: Staff, logged: dict[str, int], alice: Any, bob: Any
) -> None:
    (row,) = operator.rows(EVENTS, q="post_7")
    assert login_name(bob) in row
    (row,) = operator.rows(EVENTS, type="message")
    assert "2 users" in row
    page = operator.detail(EVENTS, logged["message"])
    assert login_name(alice) in page
    assert login_name(bob) in page
    assert "Everybody who follows presence" in operator.detail(EVENTS, logged["presence"])
    bob.delete()
    assert "(deleted)" in operator.overview(EVENTS, type="notification")
    assert "1 whose account is deleted" in operator.detail(EVENTS, logged["message"])


def own_events(user: Any) -> list[Event]:
    relay.drain()
    sequences = EventRecipient.objects.filter(user=user).values("event")
    return list(Event.objects.filter(pk__in=sequences).order_by("pk"))


def test_replayed_it_is_a_new_event_for_one_user_only(
    operator: Staff, logged: dict[str, int], alice: Any, bob: Any
) -> None:
    source = Event.objects.get(pk=logged["message"])
    before = len(own_events(alice))
    response = operator.client.post(f"{REPLAY}?sequence={source.pk}", {"user": login_name(bob)})
    new = own_events(bob)[-1]
    assert response["Location"] == reverse(f"admin:{EVENTS}_change", args=[new.pk])
    assert new.pk > source.pk
    assert new.event_id != source.event_id
    for field in ("type", "channel", "payload", "subject", "author"):
        assert getattr(new, field) == getattr(source, field)
    assert msgspec.json.decode(new.recipients) == [user_id(bob)]
    assert len(own_events(alice)) == before
    assert operator.recorded() == [
        (str(source), f"Replayed to {login_name(bob)} (id {bob.pk}), as event {new.pk}.")
    ]


def test_a_public_event_is_replayed_to_whom_one_likes(
    operator: Staff, logged: dict[str, int], carol: Any
) -> None:
    path = f"{REPLAY}?sequence={logged['presence']}"
    operator.client.post(path, {"user": login_name(carol)})
    (new,) = own_events(carol)
    assert (new.type, new.topic) == ("presence", "")


def test_the_page_says_what_will_be_seen_and_suggests_the_only_reader(
    operator: Staff, logged: dict[str, int], bob: Any
) -> None:
    path = f"{REPLAY}?sequence={logged['notification']}"
    assert "Each comes as a new event, with a sequence and an id of its own" in operator.read(path)
    assert f'value="{login_name(bob)}"' in operator.client.get(path).content.decode()


def refusal(staff: Staff, sequence: int, user: str) -> str:
    """What the form says; nothing was published."""
    before = Event.objects.count()
    page = staff.client.post(f"{REPLAY}?sequence={sequence}", {"user": user}).content.decode()
    relay.drain()
    assert Event.objects.count() == before
    assert staff.recorded() == []
    return page


def test_whom_it_was_not_for_is_not_shown_it_now(
    operator: Staff, logged: dict[str, int], carol: Any
) -> None:
    sequence = logged["message"]
    assert f"Event {sequence} was not for this user." in refusal(
        operator, sequence, login_name(carol)
    )


def test_what_cannot_be_replayed_is_refused(
    operator: Staff, logged: dict[str, int], alice: Any, bob: Any
) -> None:
    order = logged["control.leave_channel"]
    assert "is an order to the servers" in refusal(operator, order, login_name(bob))
    assert "Nobody is called" in refusal(operator, logged["message"], "nobody")
    with transaction.atomic():
        erasure.erase_subject("post_7")
    relay.drain()
    assert "was erased" in refusal(operator, logged["notification"], login_name(bob))
    with pytest.raises(RealtimeError, match="not in the log"):
        replay(10_000, user_id(bob))


def test_a_copy_is_erased_with_its_source(logged: dict[str, int], bob: Any) -> None:
    copy = replay(logged["notification"], user_id(bob)).event_id
    with transaction.atomic():
        erasure.erase_subject("post_7")
    relay.drain()
    assert Event.objects.get(event_id=copy).type == log.ERASED


def test_a_copy_of_what_is_being_erased_is_erased_too(
    logged: dict[str, int], bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order was written before the copy and is carried out with it."""
    source, append = logged["notification"], log.append

    def append_after_order(*args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("control"):
            erasure.erase_subject("post_7")
        return append(*args, **kwargs)

    monkeypatch.setattr(log, "append", append_after_order)
    copy = replay(source, user_id(bob)).event_id
    relay.drain()
    assert Event.objects.get(event_id=copy).type == log.ERASED


def test_inside_of_a_transaction_it_is_published_with_it(logged: dict[str, int], bob: Any) -> None:
    with transaction.atomic():
        assert replay(logged["notification"], user_id(bob)).sequence is None
    source, copy = [event for event in own_events(bob) if event.subject == "post_7"]
    assert copy.payload == source.payload


def test_several_are_replayed_in_their_order(
    operator: Staff, logged: dict[str, int], bob: Any
) -> None:
    chosen = [logged["notification"], logged["message"]]
    response = operator.client.post(
        reverse(f"admin:{EVENTS}_changelist"), {"action": "replay", "_selected_action": chosen}
    )
    operator.client.post(response["Location"], {"user": login_name(bob)})
    assert [event.type for event in own_events(bob)][-2:] == ["message", "notification"]


def test_who_may_only_look_cannot_replay(reader: Staff, logged: dict[str, int], bob: Any) -> None:
    path = f"{REPLAY}?sequence={logged['message']}"
    assert reader.client.get(path).status_code == 403
    assert reader.client.post(path, {"user": login_name(bob)}).status_code == 403
    assert "Replay" not in reader.detail(EVENTS, logged["message"])


def test_a_page_without_events_is_not_there(operator: Staff) -> None:
    for query in ("", "?sequence=x", f"?{'sequence=1&' * 101}"):
        assert operator.client.get(REPLAY + query).status_code == 404
