"""Who takes part, since when, until when: each sees exactly their part."""

from __future__ import annotations

from typing import Any

import pytest

from messaging import access, services
from messaging.models import Conversation, Participant
from notifications.services import unread_count
from realtime.models import Event
from realtime.users import parse_user_id, user_id
from tests.messaging.talk import events, group, heard, pair, refusal, say, unread
from tests.people import make_user


def seen(user: Any, conversation: int) -> list[str]:
    """What the user finds in the history, oldest first."""
    history = access.history(conversation, parse_user_id(user_id(user)))
    return list(history.messages.order_by("position").values_list("content", flat=True))


def add(user: Any, conversation: int, *people: Any) -> list[str]:
    ids = [user_id(person) for person in people]
    return services.add_participants(user_id(user), conversation, ids)


def remove(user: Any, conversation: int, person: Any) -> None:
    services.remove_participant(user_id(user), conversation, user_id(person))


# --- beginning -------------------------------------------------------------------------


def test_two_people_always_share_one_conversation(alice: Any, bob: Any, carol: Any) -> None:
    assert pair(alice, bob) == pair(bob, alice) == pair(alice, bob)
    assert pair(alice, carol) != pair(alice, bob)
    assert Conversation.objects.count() == 2


def test_a_group_is_always_new_and_its_creator_takes_part(alice: Any, bob: Any, carol: Any) -> None:
    one, two = group(alice, bob, carol, title="Trip"), group(alice, bob, carol, alice)
    assert one != two
    assert Conversation.objects.get(pk=one).title == "Trip"
    for user in (alice, bob, carol):
        say(user, two, "Here")


def test_everybody_in_a_new_conversation_is_told_of_it(alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, carol)
    for user in (alice, bob, carol):
        [(_, told)] = events(user, "participants_added")
        assert (told["conversation_id"], told["added_by"]) == (
            f"conv_{conversation}",
            user_id(alice),
        )
        assert [person["id"] for person in told["participants"]] == [
            user_id(one) for one in (alice, bob, carol)
        ]
    assert pair(alice, bob) == pair(bob, alice)
    assert len(events(bob, "participants_added")) == 2, "finding it again tells nothing"


def test_an_ordinary_group_names_other_active_people(alice: Any, bob: Any) -> None:
    def create(*ids: str, title: str = "") -> str:
        return refusal(services.create_conversation, user_id(alice), ids, title)

    bob.is_active = False
    bob.save()
    assert create() == "INVALID_MESSAGE"
    assert create(user_id(alice)) == "INVALID_MESSAGE", "alone"
    assert create("nobody at all") == "INVALID_MESSAGE"
    assert create(user_id(bob)) == "NOT_FOUND"
    assert create(user_id(bob), title="x" * 201) == "INVALID_MESSAGE"
    assert create(user_id(bob), title="\x00") == "INVALID_MESSAGE"
    assert not Conversation.objects.exists()


def test_a_group_has_at_most_so_many_people(
    alice: Any, bob: Any, carol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.membership.MAX_PARTICIPANTS", 3)
    conversation = group(alice, bob, carol)
    dora = make_user("dora")
    assert refusal(add, alice, conversation, dora) == "INVALID_MESSAGE"
    assert refusal(group, alice, bob, carol, dora) == "INVALID_MESSAGE"


# --- coming in -------------------------------------------------------------------------


def test_who_is_added_sees_what_is_said_from_then_on(alice: Any, bob: Any, carol: Any) -> None:
    dora = make_user("dora")
    conversation = group(alice, bob, dora)
    say(alice, conversation, "before")
    assert add(bob, conversation, carol, alice) == [user_id(carol)]
    say(alice, conversation, "after")
    assert heard(carol) == seen(carol, conversation) == ["after"]
    assert heard(alice) == seen(alice, conversation) == ["before", "after"]
    assert unread(carol, conversation) == 1


def test_everybody_is_told_in_order_who_was_added(alice: Any, bob: Any, carol: Any) -> None:
    dora = make_user("dora")
    conversation = group(alice, bob, dora)
    say(alice, conversation, "before")
    add(alice, conversation, carol)
    say(alice, conversation, "after")
    told = events(bob, "message", "participants_added")[1:]
    assert [type for type, _ in told] == ["message", "participants_added", "message"]
    assert [person["id"] for person in told[1][1]["participants"]] == [user_id(carol)]
    assert {**told[1][1], "participants": []} == {
        "participants": [],
        "conversation_id": f"conv_{conversation}",
        "added_by": user_id(alice),
        "position": 1,
    }
    assert events(carol, "message", "participants_added") == told[1:]
    add(alice, conversation, carol)
    assert events(bob, "message", "participants_added")[1:] == told, "adding again tells nothing"


def test_outsiders_add_nobody(alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, make_user("dora"))
    assert refusal(add, carol, conversation, carol) == "NOT_FOUND"
    services.leave(user_id(bob), conversation)
    assert refusal(add, bob, conversation, bob) == "NOT_FOUND"


def test_a_conversation_of_two_stays_one(alice: Any, bob: Any, carol: Any) -> None:
    conversation = pair(alice, bob)
    assert refusal(add, alice, conversation, carol) == "INVALID_MESSAGE"
    assert refusal(remove, alice, conversation, bob) == "INVALID_MESSAGE"


# --- going -----------------------------------------------------------------------------


def test_who_leaves_keeps_what_was_said_until_then(alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, carol)
    say(alice, conversation, "until then")
    services.leave(user_id(carol), conversation)
    say(alice, conversation, "afterwards")
    assert heard(carol) == seen(carol, conversation) == ["until then"]
    assert heard(bob) == ["until then", "afterwards"]
    assert refusal(say, carol, conversation, "Still here?") == "NOT_FOUND"
    assert refusal(services.mark_read, user_id(carol), conversation) == "NOT_FOUND"
    assert refusal(services.leave, user_id(carol), conversation) == "NOT_FOUND"
    assert services.unread_counts(user_id(carol)) == {}
    assert unread_count(user_id(carol)) == 0, "no notification of it stays behind"


def test_who_leaves_is_told_last_and_then_unsubscribed(alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, carol)
    services.leave(user_id(carol), conversation)
    say(alice, conversation, "afterwards")
    expected = {
        "conversation_id": f"conv_{conversation}",
        "user_id": user_id(carol),
        "removed_by": None,
        "position": 0,
    }
    assert events(carol, "participant_left", "message") == [("participant_left", expected)]
    assert events(bob, "participant_left") == [("participant_left", expected)]
    order = Event.objects.order_by("sequence").values_list("type", flat=True)
    assert list(order)[:4] == [
        "participants_added",
        "participant_left",
        "control.leave_channel",
        "message",
    ]


def test_only_who_created_a_group_removes_others(alice: Any, bob: Any, carol: Any) -> None:
    conversation = group(alice, bob, carol)
    say(bob, conversation, "until then")
    assert refusal(remove, bob, conversation, carol) == "FORBIDDEN"
    remove(alice, conversation, carol)
    say(bob, conversation, "afterwards")
    assert seen(carol, conversation) == heard(carol) == ["until then"]
    assert events(bob, "participant_left")[0][1]["removed_by"] == user_id(alice)
    assert refusal(remove, alice, conversation, carol) == "NOT_FOUND"
    assert refusal(services.remove_participant, user_id(alice), conversation, "?") in (
        "INVALID_MESSAGE"
    )
    remove(bob, conversation, bob)
    assert Participant.objects.filter(left_at=None).count() == 1


def test_who_comes_back_sees_their_stays_and_not_what_was_between(
    alice: Any, bob: Any, carol: Any
) -> None:
    conversation = group(alice, bob, carol)
    for number in range(3):
        say(bob, conversation, f"with {number}")
        remove(alice, conversation, carol)
        say(bob, conversation, f"without {number}")
        add(alice, conversation, carol)
    say(bob, conversation, "with 3")
    expected = ["with 0", "with 1", "with 2", "with 3"]
    assert seen(carol, conversation) == heard(carol) == expected
    assert unread(carol, conversation) == 1
    remove(alice, conversation, carol)
    say(bob, conversation, "without 3")
    assert seen(carol, conversation) == heard(carol) == expected


def test_two_people_find_their_conversation_again_after_leaving(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)
    say(alice, conversation, "before")
    services.leave(user_id(bob), conversation)
    say(alice, conversation, "to nobody")
    assert pair(alice, bob) == conversation
    say(alice, conversation, "again")
    assert seen(bob, conversation) == heard(bob) == ["before", "again"]
