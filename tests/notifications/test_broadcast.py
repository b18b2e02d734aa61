"""`manage.py broadcast`."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from notifications.models import Notification
from realtime import log, relay
from tests.notifications.test_services import events, unread
from tests.people import make_user


def test_every_active_user_is_told_once(
    alice: Any, bob: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bob.is_active = False
    bob.save()
    many = [make_user(f"user{number}") for number in range(45)]
    call_command("broadcast", "Back at 9:00", "--batch", "20")
    assert "46 users notified" in capsys.readouterr().out
    assert unread(bob) == 0
    for user in (alice, *many):
        told = [payload for type, payload in events(user) if type == "notification"]
        assert [(one["type"], one["message"], one["unread_count"]) for one in told] == [
            ("announcement", "Back at 9:00", 1)
        ]


def test_it_waits_for_the_outbox_and_moves_it_where_no_server_does(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "notifications.management.commands.broadcast"
    monkeypatch.setattr(f"{path}.LONGEST_OUTBOX", 0)
    monkeypatch.setattr(f"{path}.PATIENCE", 0.01)
    call_command("broadcast", "text", "--batch", "1")
    assert log.backlog() == 1  # its own last
    relay.drain()
    assert Notification.objects.count() == 2


def test_it_goes_on_after_a_user(alice: Any, bob: Any) -> None:
    first, second = sorted((alice, bob), key=lambda user: user.pk)
    call_command("broadcast", "text", "--after", str(first.pk))
    assert (unread(first), unread(second)) == (0, 1)


@pytest.mark.parametrize("arguments", [["--batch", "0"], ["--batch", "99999"], ["--after", "x"]])
def test_what_makes_no_sense_is_said(alice: Any, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("broadcast", "text", *arguments)
    with pytest.raises(CommandError):
        call_command("broadcast", " ")
    assert not Notification.objects.exists()
