"""`manage.py tail`: whose events, from where, and what of them is shown."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from messaging import services as messaging
from messaging.events import channel
from notifications.services import notify
from realtime import log, protocol, relay
from realtime.models import Event
from realtime.users import user_id
from tests.commands.running import PATIENCE, on_terminal, running
from tests.people import login_name
from tests.servers import manage

SECRET = "nobody else's business"


def tail(*arguments: str, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """The events that the command prints as JSON."""
    call_command("tail", *arguments, "--since", "0", "--json")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_people_write_is_shown_only_on_request(alice: Any, capsys: Any) -> None:
    notify(alice, "like", SECRET, post_id="post_7")
    frame = tail(login_name(alice), "--count", "1", capsys=capsys)[0]
    assert SECRET not in json.dumps(frame)
    assert frame["payload"]["post_id"] == "post_7"
    assert frame["payload"]["unread_count"] == 1
    whole = tail(login_name(alice), "--count", "1", "--payload", capsys=capsys)[0]
    assert whole["payload"]["message"] == SECRET
    done = manage("tail", "--all", "--since", "0", "--count", "1")
    sequence, _, type, name, readers, payload = done.stdout.rstrip("\n").split("\t")
    assert (sequence, type, name) == ("1", "notification", "notifications")
    assert readers == user_id(alice)
    assert json.loads(payload)["type"] == "like"
    assert SECRET not in done.stdout


def test_a_channel_is_followed(alice: Any, bob: Any, capsys: Any) -> None:
    talk, _ = messaging.create_conversation(user_id(alice), [user_id(bob)])
    messaging.send_message(user_id(alice), talk.pk, "Hello")
    relay.drain()
    frames = tail("--channel", channel(talk.pk), "--count", "1", capsys=capsys)
    assert {frame["channel"] for frame in frames} == {channel(talk.pk)}


def test_since_takes_an_age(alice: Any, capsys: Any) -> None:
    for text in ("first", "second", "third"):
        notify(alice, "like", text)
    relay.drain()
    long_ago = protocol.now() - timedelta(hours=1)
    Event.objects.filter(sequence__lte=2).update(created_at=long_ago)
    call_command("tail", "--all", "--since", "10m", "--count", "1", "--json", "--payload")
    assert json.loads(capsys.readouterr().out)["payload"]["message"] == "third"
    assert log.position_at(long_ago) == 0
    assert log.position_at(protocol.now()) == 3


@pytest.mark.parametrize(
    "arguments",
    [[], ["alice", "--all"], ["--all", "--since", "99"], ["--all", "--since", "-1"],
     ["--all", "--since", "10x"], ["--all", "--count", "0"], ["nobody"]],
)  # fmt: skip
def test_what_makes_no_sense_is_wrong_usage(alice: Any, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("tail", *arguments)
    if not arguments:
        assert manage("tail").returncode == 2


def test_ctrl_c_ends_it_well(alice: Any) -> None:
    with running("tail", "--all") as process:
        assert process.stderr is not None
        assert "Following all events" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""


def test_it_ends_when_nobody_reads(alice: Any) -> None:
    notify(alice, "like", "text")
    with running("tail", "--all", "--since", "0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "like" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert "Traceback" not in process.stderr.read()


def test_colours_on_a_terminal_unless_they_are_not_wanted(alice: Any) -> None:
    notify(alice, "like", "text")
    arguments = ("tail", "--all", "--since", "0", "--count", "1")
    assert "\x1b[" in on_terminal(*arguments)[1]
    for seen in (
        on_terminal(*arguments, NO_COLOR="1")[1],
        on_terminal(*arguments, "--no-color")[1],
        manage(*arguments).stdout,
    ):
        assert "notification" in seen
        assert "\x1b" not in seen


def test_what_people_write_cannot_steer_the_terminal(alice: Any) -> None:
    notify(alice, "like", "\x1b[2Jgone")
    arguments = ("tail", "--all", "--since", "0", "--count", "1", "--payload")
    assert "\x1b[2J" not in on_terminal(*arguments)[1]
