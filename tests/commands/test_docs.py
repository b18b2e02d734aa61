"""docs/commands.md shows the commands' help as it is."""

from __future__ import annotations

import re

import pytest
from django.core.management import get_commands, load_command_class

from tests.servers import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
EXCERPTS = dict(re.findall(r"```console\n\$ manage\.py (\w+) --help\n…\n(.*?)\n```", PAGE, re.S))


@pytest.mark.parametrize("name", sorted(EXCERPTS))
def test_the_help_in_the_docs_is_the_command_s(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    command = load_command_class(get_commands()[name], name)
    told = command.create_parser("manage.py", name).format_help().splitlines()
    lines = EXCERPTS[name].splitlines()
    # Django's own options are left out there; what is there stands in the same order.
    rest = iter(told)
    assert [line for line in lines if line not in rest] == []
    missing = [line for line in told if re.match(r"  --\w", line) and line not in lines]
    assert {line.split()[0] for line in missing} <= {
        "--settings", "--traceback", "--no-color", "--force-color", "--skip-checks",
    }  # fmt: skip


def test_every_command_is_in_the_docs() -> None:
    for name, app in get_commands().items():
        if app in {"realtime", "notifications", "socialhub"}:
            assert f"`{name}`" in PAGE, name
