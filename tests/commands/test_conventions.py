"""What all commands share: help with examples, exit statuses, results as JSON."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from notifications.services import notify
from realtime import log, relay
from realtime.management.command import EngineCommand
from realtime.users import user_id
from tests.commands.running import on_terminal
from tests.people import login_name
from tests.servers import manage

APPS = ("realtime", "notifications", "presence", "messaging", "socialhub")
COMMANDS = sorted((app, name) for name, app in get_commands().items() if app in APPS)


@pytest.mark.parametrize(("app", "name"), COMMANDS)
def test_help_has_examples_that_parse_and_exit_statuses(app: Any, name: str) -> None:
    command = load_command_class(app, name)
    assert isinstance(command, EngineCommand)
    parser = command.create_parser("manage.py", name)
    told = parser.format_help()
    assert "exit status:\n  0  " in told
    assert command.examples
    for arguments, _ in command.examples:
        parser.parse_args(shlex.split(arguments.partition(" |")[0]))
    for action in parser._actions:
        assert action.help, action


def test_a_mistake_in_the_arguments_is_status_2(alice: Any) -> None:
    for arguments in (
        ["prune_events", "--max-age", "soon"],
        ["new_epoch", "--yes", "--beyond", "-1"],
        ["new_epoch"],  # nobody to ask
        ["revoke_tokens", "nobody"],
        ["revoke_tokens"],
    ):
        done = manage(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert "Traceback" not in done.stderr


def test_results_as_json(alice: Any, capsys: Any) -> None:
    notify(alice, "like", "text")
    relay.drain()
    call_command("prune_events", "--max-age", "0", "--dry-run", "--json")
    assert json.loads(capsys.readouterr().out) == {"events": 1, "deleted": False}
    call_command("prune_events", "--max-age", "0s", "--json")
    assert json.loads(capsys.readouterr().out) == {"events": 1, "deleted": True}
    call_command("revoke_tokens", login_name(alice), user_id(alice), "--json")
    assert json.loads(capsys.readouterr().out) == {"revoked": [user_id(alice)]}
    before = log.read_head().epoch
    call_command("new_epoch", "--yes", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["before"], told["epoch"]) == (before, log.read_head().epoch)


def test_a_question_can_be_answered_no(alice: Any) -> None:
    before = log.ensure_head()
    status, seen = on_terminal("new_epoch", answer="no\n")
    assert (status, "Nothing was changed" in seen) == (1, True)
    assert log.read_head() == before


def test_nobody_is_revoked_where_one_is_unknown(alice: Any) -> None:
    with pytest.raises(CommandError):
        call_command("revoke_tokens", login_name(alice), "nobody")
    assert not hasattr(type(alice)._default_manager.get(pk=alice.pk), "realtime_revocation")


def test_ctrl_c_says_what_is_left_and_how_to_go_on(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch has been deleted when it comes."""
    prune_batch = log._prune_batch
    calls = iter([prune_batch])

    def interrupted(cutoff: Any) -> int:
        try:
            return next(calls)(cutoff)
        except StopIteration:
            raise KeyboardInterrupt from None

    for text in ("one", "two"):
        notify(alice, "like", text)
    relay.drain()
    monkeypatch.setattr(log, "PRUNE_BATCH", 1)
    monkeypatch.setattr(log, "_prune_batch", interrupted)
    with pytest.raises(CommandError, match="Run it again to go on") as error:
        call_command("prune_events", "--max-age", "0")
    assert error.value.returncode == 1
    assert log.read_head().pruned_through == 1
    monkeypatch.setattr(log, "_prune_batch", prune_batch)
    call_command("prune_events", "--max-age", "0")
    assert log.read_head().pruned_through >= 2
