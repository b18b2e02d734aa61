"""Reminders: the site hears of notifications that stay unread."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from notifications import services
from notifications.models import Notification
from notifications.reminders import notification_unread, remind
from notifications.services import notify
from realtime.users import user_id
from tests.messaging.talk import at_once
from tests.notifications import hooks

reminding = pytest.mark.options(REMIND_AFTER=600, ON_UNREAD="tests.notifications.hooks.on_unread")


@pytest.fixture(autouse=True)
def heard() -> list[Any]:
    hooks.unread.clear()
    return hooks.unread


def pass_time(minutes: int) -> None:
    """Nobody waits in tests: what is due moves towards us."""
    Notification.objects.update(remind_at=F("remind_at") - timedelta(minutes=minutes))


@reminding
def test_what_is_still_unread_is_told_once(alice: Any, heard: list[Any]) -> None:
    notification = notify(alice, "like", "Bob liked it")
    remind()
    assert heard == [], "it is not old enough"
    pass_time(10)
    remind()
    remind()
    assert heard == [notification]
    assert heard[0].recipient == alice


@reminding
def test_what_was_read_in_time_is_not_told(alice: Any, heard: list[Any]) -> None:
    notify(alice, "like", "Bob liked it")
    services.mark_all_read(user_id(alice))
    pass_time(10)
    remind()
    assert heard == []


@reminding
def test_the_signal_is_sent_as_well(alice: Any) -> None:
    signalled = []

    def listen(sender: Any, notification: Any, **_: Any) -> None:
        signalled.append((sender, notification))

    notification_unread.connect(listen)
    try:
        notification = notify(alice, "like", "Bob liked it")
        pass_time(10)
        remind()
    finally:
        notification_unread.disconnect(listen)
    assert signalled == [(Notification, notification)]


@reminding
def test_a_hook_that_fails_is_called_again_and_holds_up_nobody(
    alice: Any, bob: Any, heard: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    failing = notify(alice, "like", hooks.FAILING)
    pass_time(1)
    other = notify(bob, "like", "Carol liked it")
    pass_time(10)
    remind()
    assert heard == [failing, other]
    assert "The mail server is away" in caplog.text
    pass_time(10)
    remind()
    assert heard == [failing, other, failing]


@reminding
def test_of_two_nodes_one_tells_it(alice: Any, bob: Any, heard: list[Any]) -> None:
    written = [notify(user, "like", "Carol liked it") for user in (alice, bob) for _ in range(20)]
    pass_time(10)
    assert at_once(remind, remind) == [None, None]
    assert sorted(row.pk for row in heard) == sorted(row.pk for row in written if row)


@reminding
def test_what_a_node_took_along_in_its_death_is_told_by_another(
    alice: Any, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    notify(alice, "like", "Bob liked it")
    pass_time(10)
    with monkeypatch.context() as dying:
        dying.setattr("notifications.reminders._tell", lambda notification: None)
        remind()
    remind()
    assert heard == [], "it was claimed"
    pass_time(1)
    remind()
    assert len(heard) == 1


def test_a_site_that_has_not_asked_hears_nothing(alice: Any, heard: list[Any]) -> None:
    notify(alice, "like", "Bob liked it")
    remind()
    assert heard == []
    assert Notification.objects.get().remind_at is None
