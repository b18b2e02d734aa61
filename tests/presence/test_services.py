"""What is decided, and announced, from how users are connected."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from presence import services
from presence.events import PresencePayload
from presence.models import Presence
from realtime import log, sessions
from realtime.errors import ErrorCode, RealtimeError
from realtime.models import Node
from realtime.users import user_id
from tests.people import make_user
from tests.presence.watching import announced, connect, new_node, statuses_announced
from tests.realtime.test_log import in_other_thread


def decide(*users: Any) -> None:
    services.decide([user_id(user) for user in users])


def disconnect(session_id: UUID) -> None:
    sessions.close_sessions([session_id])


def end_grace(user: Any) -> None:
    """Let the time pass."""
    assert Presence.objects.filter(user=user, offline_at__gt=Now()).update(offline_at=Now()) == 1


def test_whoever_connects_is_announced_online_once(alice: Any, bob: Any) -> None:
    connect(alice)
    decide(alice, bob)
    decide(alice, bob)
    connect(alice)
    decide(alice)
    assert announced() == [(user_id(alice), "online")]


def test_an_event_has_the_fields_of_the_reference(alice: Any) -> None:
    connect(alice)
    decide(alice)
    stored = Presence.objects.get(user=alice)
    assert stored.last_seen is not None
    (payload,) = services.statuses([user_id(alice)])
    assert payload == PresencePayload(user_id(alice), "online", stored.last_seen)


def test_nobody_is_offline_before_the_grace_has_ended(alice: Any) -> None:
    session_id = connect(alice)
    decide(alice)
    disconnect(session_id)
    decide(alice)
    seen = Presence.objects.get(user=alice).last_seen
    services.finish_graces()
    assert statuses_announced(alice) == ["online"]
    end_grace(alice)
    services.finish_graces()
    services.finish_graces()
    assert statuses_announced(alice) == ["online", "offline"]
    stored = Presence.objects.get(user=alice)
    assert stored.offline_at is None
    assert stored.last_seen == seen, "the moment when the connection went, not the grace's end"


def test_the_grace_is_counted_from_the_first_look_and_not_prolonged(alice: Any) -> None:
    session_id = connect(alice)
    decide(alice)
    disconnect(session_id)
    decide(alice)
    ends = Presence.objects.get(user=alice).offline_at
    assert ends is not None
    decide(alice)
    assert Presence.objects.get(user=alice).offline_at == ends


def test_who_comes_back_within_the_grace_has_never_been_away(alice: Any) -> None:
    session_id = connect(alice)
    decide(alice)
    disconnect(session_id)
    decide(alice)
    connect(alice)
    decide(alice)
    assert Presence.objects.get(user=alice).offline_at is None
    assert statuses_announced(alice) == ["online"]


def test_a_grace_that_has_ended_does_not_hit_who_has_just_come_back(alice: Any) -> None:
    session_id = connect(alice)
    decide(alice)
    disconnect(session_id)
    decide(alice)
    end_grace(alice)
    connect(alice)  # nobody has decided yet: the row still says that the grace is over
    services.finish_graces()
    assert statuses_announced(alice) == ["online"]


@pytest.mark.options(PRESENCE_GRACE=0)
def test_a_grace_of_nothing_is_none(alice: Any) -> None:
    session_id = connect(alice)
    decide(alice)
    disconnect(session_id)
    decide(alice)
    assert statuses_announced(alice) == ["online", "offline"]


def test_the_sessions_of_a_dead_node_do_not_count(alice: Any) -> None:
    node_id = new_node()
    connect(alice, node_id)
    decide(alice)
    Node.objects.filter(pk=node_id).update(renewed_at="2000-01-01T00:00:00Z")
    decide(alice)
    end_grace(alice)
    services.finish_graces()
    assert statuses_announced(alice) == ["online", "offline"]


def test_away_when_no_connection_is_active_and_back_when_one_is(alice: Any) -> None:
    phone, laptop = connect(alice), connect(alice)
    for ids, idle in (([phone], True), ([laptop], True), ([phone], False)):
        sessions.mark_idle(ids, idle=idle)
        decide(alice)
    assert statuses_announced(alice) == ["online", "away", "online"]


@pytest.mark.options(PRESENCE_GRACE=0)
def test_busy_stays_whatever_happens_until_it_is_changed(alice: Any) -> None:
    session_id = connect(alice)
    decide(alice)
    assert services.set_status(user_id(alice), "busy").status == "busy"
    sessions.mark_idle([session_id], idle=True)
    decide(alice)
    disconnect(session_id)
    decide(alice)
    connect(alice)
    decide(alice)
    services.set_status(user_id(alice), "online")
    assert statuses_announced(alice) == ["online", "busy", "offline", "busy", "online"]


@pytest.mark.options(PRESENCE_GRACE=0)
def test_away_stays_until_online_is_set_or_the_user_has_gone(alice: Any) -> None:
    session_id = connect(alice)
    services.set_status(user_id(alice), "away")
    sessions.mark_idle([session_id], idle=False)
    decide(alice)
    services.set_status(user_id(alice), "online")
    services.set_status(user_id(alice), "away")
    disconnect(session_id)
    decide(alice)
    connect(alice)
    decide(alice)
    assert statuses_announced(alice) == ["away", "online", "away", "offline", "online"]


def test_setting_the_same_status_again_announces_nothing(alice: Any) -> None:
    connect(alice)
    for _ in range(2):
        assert services.set_status(user_id(alice), "busy").status == "busy"
    assert statuses_announced(alice) == ["busy"]


def test_what_is_set_while_not_connected_shows_on_coming_back(alice: Any) -> None:
    assert services.set_status(user_id(alice), "busy").status == "offline"
    connect(alice)
    decide(alice)
    assert statuses_announced(alice) == ["busy"]


@pytest.mark.parametrize("status", ["offline", "", "ONLINE", "asleep", None])
def test_only_online_away_and_busy_can_be_set(alice: Any, status: Any) -> None:
    with pytest.raises(RealtimeError) as refusal:
        services.set_status(user_id(alice), status)
    assert refusal.value.code is ErrorCode.INVALID_MESSAGE
    assert refusal.value.details == {"field": "status"}


def test_what_is_rolled_back_is_told_to_nobody(alice: Any) -> None:
    connect(alice)
    with transaction.atomic():
        services.set_status(user_id(alice), "busy")
        transaction.set_rollback(True)
    assert announced() == []
    assert services.statuses([user_id(alice)])[0].status == "offline"


def test_of_many_who_decide_at_once_one_announces(alice: Any, bob: Any) -> None:
    connect(alice)
    connect(bob)
    start = threading.Barrier(6)

    def node() -> None:
        start.wait(15)
        decide(alice, bob)

    threads = [in_other_thread(node) for _ in range(6)]
    for thread in threads:
        thread.join()
    assert sorted(announced()) == sorted([(user_id(alice), "online"), (user_id(bob), "online")])


def test_users_who_do_not_exist_any_more_are_passed_over(alice: Any, bob: Any) -> None:
    gone = user_id(bob)
    bob.delete()
    connect(alice)
    services.decide([gone, user_id(alice)])
    assert announced() == [(user_id(alice), "online")]


def test_who_is_deleted_goes_offline_to_watchers(alice: Any, bob: Any) -> None:
    connect(alice)
    decide(alice, bob)
    told = user_id(alice)
    alice.delete()
    bob.delete()
    assert announced() == [(told, "online"), (told, "offline")]
    assert services.who_is_online().users == []


def test_who_was_lost_without_a_word_is_found(alice: Any, bob: Any) -> None:
    lost, kept = connect(alice), connect(bob)
    decide(alice, bob)
    disconnect(lost)  # and the node died before it could decide
    services.find_lost()
    assert Presence.objects.get(user=alice).offline_at is not None
    assert Presence.objects.get(user=bob).offline_at is None
    end_grace(alice)
    services.finish_graces()
    assert announced()[2:] == [(user_id(alice), "offline")]
    assert kept


def test_statuses_come_in_the_order_asked_for_without_unknown_users(alice: Any, bob: Any) -> None:
    connect(bob)
    decide(bob)
    nobody = make_user("nobody")
    unknown = user_id(nobody)
    nobody.delete()
    found = services.statuses([user_id(bob), unknown, user_id(alice), user_id(bob)])
    assert [(item.user_id, item.status) for item in found] == [
        (user_id(bob), "online"),
        (user_id(alice), "offline"),
    ]
    assert found[1].last_seen is None


def test_who_is_online_is_cut_at_a_thousand(
    alice: Any, bob: Any, carol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_SHOWN", 2)
    for user in (alice, bob):
        connect(user)
    decide(alice, bob, carol)
    answer = services.who_is_online()
    assert {item.user_id for item in answer.users} == {user_id(alice), user_id(bob)}
    assert not answer.truncated
    connect(carol)
    decide(carol)
    answer = services.who_is_online()
    assert len(answer.users) == 2
    assert answer.truncated is True


def test_deciding_for_many_costs_the_queries_of_one(alice: Any) -> None:
    people = [alice, *(make_user(f"user{number}") for number in range(20))]
    counts = []
    for group in (people[:1], people[1:]):
        node_id = new_node()
        for user in group:
            connect(user, node_id)
        with CaptureQueriesContext(connection) as captured:
            decide(*group)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert len(announced()) == 21


def test_batches_of_users_are_decided_one_after_another(
    alice: Any, bob: Any, carol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "BATCH", 2)
    for user in (alice, bob, carol):
        connect(user)
    decide(alice, bob, carol)
    assert len(announced()) == 3
    sessions.end_node(uuid4())
    Node.objects.all().delete()
    services.find_lost()
    assert Presence.objects.filter(offline_at__isnull=False).count() == 3
    assert log.read_head().sequence == 3
