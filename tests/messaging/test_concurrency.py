"""What happens at the same instant, in real threads and transactions."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from messaging import services
from messaging.models import Conversation, Message, Participant
from realtime.errors import RealtimeError
from realtime.users import user_id
from tests.messaging.talk import at_once, events, group, heard, pair, say, unread
from tests.people import make_user


def test_two_people_who_begin_at_once_share_one_conversation(alice: Any, bob: Any) -> None:
    for round in range(10):
        one, other = (make_user(f"{name}{round}") for name in ("dora", "erik"))
        keys = at_once(partial(pair, one, other), partial(pair, other, one))
        assert keys[0] == keys[1]
        assert Conversation.objects.count() == round + 1
        assert Participant.objects.filter(conversation=keys[0]).count() == 2


def test_ten_who_speak_at_once_are_heard_in_the_order_of_positions(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)

    def talk(speaker: Any, number: int) -> None:
        for turn in range(5):
            say(speaker, conversation, f"{number}.{turn}")

    jobs = [partial(talk, alice if number % 2 else bob, number) for number in range(10)]
    assert at_once(*jobs) == [None] * 10
    stored = list(Message.objects.order_by("position").values_list("position", flat=True))
    assert stored == list(range(1, 51))
    for user in (alice, bob):
        told = [payload for _, payload in events(user, "message")]
        assert [payload["position"] for payload in told] == stored
    for number in range(10):
        own = [text for text in heard(alice) if text.startswith(f"{number}.")]
        assert own == [f"{number}.{turn}" for turn in range(5)]
    assert unread(alice, conversation) == unread(bob, conversation) == 25
    notified = {payload["id"] for _, payload in events(alice, "notification")}
    assert len(notified) == 1


def test_a_message_sent_several_times_at_once_is_sent_once(alice: Any, bob: Any) -> None:
    conversation, client_id = pair(alice, bob), uuid4()
    job = partial(say, alice, conversation, "Hello", client_id=client_id)
    answers = at_once(*[job] * 5)
    assert answers == [answers[0]] * 5
    assert heard(bob) == ["Hello"]


def test_one_id_for_two_conversations_at_once_is_one_message(
    alice: Any, bob: Any, carol: Any
) -> None:
    for _ in range(5):
        client_id = uuid4()
        answers = at_once(
            partial(say, alice, pair(alice, bob), "Hello", client_id=client_id),
            partial(say, alice, pair(alice, carol), "Hello", client_id=client_id),
        )
        refused = [answer for answer in answers if isinstance(answer, RealtimeError)]
        assert [error.code.value for error in refused] == ["INVALID_MESSAGE"]
        assert Message.objects.filter(client_id=client_id).count() == 1


def test_who_leaves_while_others_speak_hears_exactly_their_part(
    alice: Any, bob: Any, carol: Any
) -> None:
    conversation = group(alice, bob, carol)

    def talk() -> None:
        for turn in range(20):
            say(alice, conversation, str(turn))

    assert at_once(talk, partial(services.leave, user_id(carol), conversation)) == [None, None]
    left = Participant.objects.get(user=carol).left_position
    assert left is not None
    assert heard(carol) == [str(turn) for turn in range(left)]
    assert events(carol, "message", "participant_left")[-1][0] == "participant_left"
    assert heard(bob) == [str(turn) for turn in range(20)]


def test_reading_while_others_speak_loses_no_count(alice: Any, bob: Any) -> None:
    conversation = pair(alice, bob)

    def talk() -> None:
        for turn in range(15):
            say(alice, conversation, str(turn))

    def read() -> None:
        for _ in range(15):
            services.mark_read(user_id(bob), conversation)

    assert at_once(talk, read, read) == [None, None, None]
    told = events(alice, "read_receipt")
    ids = [message_id for _, payload in told for message_id in payload["message_ids"]]
    assert len(ids) == len(set(ids)) == 15 - unread(bob, conversation)
    services.mark_read(user_id(bob), conversation)
    assert unread(bob, conversation) == 0
    counts = [payload["unread_count"] for _, payload in events(bob, "notification_read")]
    assert set(counts) == {0}
