"""`manage.py broadcast`: to whom, what, and going on after an interruption."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from messaging import services as messaging
from messaging.events import channel
from notifications import broadcasts
from notifications.audiences import Audience
from notifications.models import Broadcast, Notification
from realtime.users import user_id
from tests.commands.running import PATIENCE, on_terminal, running
from tests.notifications.test_services import unread
from tests.people import login_name, make_user
from tests.servers import manage


def broadcast(*arguments: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Call the command: what it prints as JSON."""
    call_command("broadcast", *arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(*arguments: str) -> str:
    """The refusal of a call that makes no sense."""
    with pytest.raises(CommandError) as error:
        call_command("broadcast", *arguments)
    assert error.value.returncode == 2
    assert not Notification.objects.exists()
    assert not Broadcast.objects.exists()
    return str(error.value)


def make_many(number: int) -> None:
    """As many users as that."""
    model = get_user_model()
    field = model.USERNAME_FIELD
    model._default_manager.bulk_create(
        [model(**{field: f"many{n}@example.org", "password": "!"}) for n in range(number)]
    )


# --- whom ----------------------------------------------------------------------------------


def test_users_are_named_by_login_name_or_key(
    alice: Any, bob: Any, carol: Any, capsys: Any
) -> None:
    done = broadcast(
        "text", "--users", login_name(alice), user_id(bob), user_id(alice), capsys=capsys
    )
    assert done["notified"] == 2
    assert [unread(one) for one in (alice, bob, carol)] == [1, 1, 0]


def test_staff_and_groups(alice: Any, bob: Any, carol: Any, capsys: Any) -> None:
    alice.is_staff = True
    alice.save()
    Group.objects.create(name="Editors & co").user_set.add(bob, carol)
    broadcast("text", "--staff", capsys=capsys)
    assert [unread(one) for one in (alice, bob, carol)] == [1, 0, 0]
    broadcast("text", "--group", "Editors & co", capsys=capsys)
    assert [unread(one) for one in (alice, bob, carol)] == [1, 1, 1]
    with pytest.raises(CommandError, match="no group 'editors'; there are: Editors & co"):
        call_command("broadcast", "text", "--group", "editors")


def test_filters_are_lookups_which_all_have_to_hold(alice: Any, bob: Any, capsys: Any) -> None:
    alice.is_staff = bob.is_staff = True
    bob.last_login = "2026-01-01T12:00Z"
    alice.save()
    bob.save()
    for arguments, told in (
        (["last_login__gte=2025-12-31", "is_staff=true"], [0, 1]),
        (["last_login__isnull=true"], [1, 1]),
        ([f"pk__in={user_id(alice)},{user_id(bob)}", "is_staff=false"], [1, 1]),
    ):
        options = [part for one in arguments for part in ("--filter", one)]
        broadcast("text", *options, capsys=capsys)
        assert [unread(one) for one in (alice, bob)] == told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense=1", "Cannot resolve keyword 'nonsense'"),
        ("is_staff=maybe", "must be either True or False"),
        ("is_staff", "write FIELD=VALUE"),
        ("last_login__isnull=x", "true or false"),
        ("last_login__gte=yesterday", "format"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(alice: Any, text: str, why: str) -> None:
    assert why in refused("text", "--filter", text)


def test_the_members_of_a_conversation(alice: Any, bob: Any, carol: Any, capsys: Any) -> None:
    talk, _ = messaging.create_conversation(user_id(alice), [user_id(bob)])
    broadcast("text", "--channel", channel(talk.pk), "--type", "move", capsys=capsys)
    told = Notification.objects.filter(type="move").values_list("recipient_id", flat=True)
    assert set(told) == {alice.pk, bob.pk}


def test_channels_without_members_are_refused(alice: Any) -> None:
    assert "say --all" in refused("text", "--channel", "feed:updates")
    assert "does not exist" in refused("text", "--channel", "conversation:conv_999")
    assert "does not exist" in refused("text", "--channel", "nonsense")


def test_whom_nobody_knows_and_who_is_disabled_is_refused(alice: Any, bob: Any) -> None:
    bob.is_active = False
    bob.save()
    assert "no user 'nobody'" in refused("text", "--users", login_name(alice), "nobody")
    assert login_name(bob) in refused("text", "--users", login_name(bob))


@pytest.mark.named_users
def test_a_name_that_is_another_s_key_is_not_guessed_at(alice: Any) -> None:
    make_user(str(alice.pk))
    assert "name the one you mean" in refused("text", "--users", str(alice.pk))


# --- what ----------------------------------------------------------------------------------


def test_the_content_comes_from_a_file_or_stdin(alice: Any, tmp_path: Path, capsys: Any) -> None:
    notice = tmp_path / "notice.json"
    notice.write_text(
        json.dumps({"message": "We move", "type": "move", "extra": {"day": 5}, "post_id": "post_1"})
    )
    broadcast("--json-file", str(notice), capsys=capsys)
    told = Notification.objects.get()
    assert (told.type, told.message, told.extra, told.post_id) == (
        "move", "We move", {"day": 5}, "post_1",
    )  # fmt: skip


def test_a_registered_text_is_filled_with_params(alice: Any, tmp_path: Path, capsys: Any) -> None:
    notice = tmp_path / "notice.json"
    notice.write_text('{"type": "message", "params": {"excerpt": "Hi"}}')
    broadcast("--json-file", str(notice), capsys=capsys)
    assert Notification.objects.get().params == {"excerpt": "Hi"}


@pytest.mark.parametrize("text", ["{", '{"mesage": "x"}', '{"message": 5}', "[]", "{}"])
def test_content_that_makes_no_sense_is_refused(alice: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "notice.json").write_text(text)
    refused("--json-file", str(tmp_path / "notice.json"))


def test_one_says_what_is_told_once(alice: Any) -> None:
    assert "Give either" in refused()
    assert "Give either" in refused("text", "--json-file", "-")
    assert "No such file" in refused("--json-file", "/nowhere")


# --- before --------------------------------------------------------------------------------


def test_a_dry_run_tells_how_many_and_nobody_else(alice: Any, bob: Any, capsys: Any) -> None:
    told = broadcast("text", "--dry-run", capsys=capsys)
    assert told["users"] == 2
    assert {one["name"] for one in told["sample"]} == {login_name(alice), login_name(bob)}
    assert not Notification.objects.exists()


def test_many_are_asked_about_first(alice: Any, tmp_path: Path) -> None:
    make_many(1000)
    notice = tmp_path / "notice.json"
    notice.write_text('{"message": "text"}')
    assert manage("broadcast", "--json-file", str(notice)).returncode == 2
    done = manage("broadcast", "text", "--all")
    assert done.returncode == 2
    assert "1,001 users? There is no terminal to ask on: say --yes" in done.stderr
    status, seen = on_terminal("broadcast", "text", answer="n\n")
    assert (status, "1,001 users? [y/N]" in seen) == (1, True), seen
    assert not Notification.objects.exists()
    status, seen = on_terminal("broadcast", "text", "--batch-size", "1000", answer="y\n")
    assert (status, "1,001 users notified." in seen) == (0, True), seen
    assert "Notifying" in seen  # the progress bar


def test_scripts_from_before_there_were_audiences_are_not_asked(alice: Any) -> None:
    make_many(1000)
    done = manage("broadcast", "text", "--batch", "1000")
    assert (done.returncode, done.stdout) == (0, "1,001 users notified.\n"), done.stderr


# --- going on ------------------------------------------------------------------------------


def counts() -> set[int]:
    """How many notifications users have, of those there are."""
    users = get_user_model()._default_manager.all()
    return {Notification.objects.filter(recipient=user).count() for user in users}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_one_goes_on_and_tells_nobody_twice(alice: Any, number: int) -> None:
    make_many(220)
    # It has to wait for the relay after 200: nobody moves them at once.
    with running("broadcast", "text", "--all", "--batch-size", "7") as process:
        deadline = time.monotonic() + PATIENCE
        while Notification.objects.count() < 14:
            assert time.monotonic() < deadline
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
    with transaction.atomic():  # a process that was killed may have a batch under way still
        row = Broadcast.objects.select_for_update().get()
        assert Notification.objects.count() == row.notified < 221
    if number == signal.SIGINT:
        assert process.returncode == 1
        assert f"Go on with: manage.py broadcast --resume {row.pk}" in errors
    connection.close()  # of a process that was killed SQLite's files may be open still
    with running("broadcast", "--resume") as one, running("broadcast", "--resume") as other:
        statuses = {one.wait(PATIENCE), other.wait(PATIENCE)}
    assert 0 in statuses
    assert counts() == {1}
    assert Broadcast.objects.get().state == Broadcast.State.DONE
    done = manage("broadcast", "--resume")
    assert (done.returncode, "no unfinished broadcast" in done.stderr) == (2, True)


def test_of_several_one_is_named_and_can_be_given_up(alice: Any, capsys: Any) -> None:
    content = broadcasts.Content(message="text")
    rows = [broadcasts.draft(content, Audience("all active users")) for _ in range(2)]
    for row in rows:
        row.save()
    with pytest.raises(CommandError, match=f"Say which: --resume ID. broadcast {rows[0].pk} of"):
        call_command("broadcast", "--resume")
    with pytest.raises(CommandError, match="give neither"):
        call_command("broadcast", "another text", "--resume")
    call_command("broadcast", "--abandon", str(rows[0].pk))
    assert "Abandoned" in capsys.readouterr().out
    assert broadcast("--resume", capsys=capsys)["notified"] == 1


def test_it_stops_when_it_is_abandoned_meanwhile(alice: Any) -> None:
    audience = Audience("all active users")
    row = broadcasts.draft(broadcasts.Content(message="text"), audience)
    row.save()
    Broadcast.objects.all().delete()
    assert broadcasts.advance(row.pk, audience, 10) is None
    assert not Notification.objects.exists()
