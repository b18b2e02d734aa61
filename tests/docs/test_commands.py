"""What the documentation has its readers type exists, with these arguments."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest
from django.core.management import CommandError, get_commands, load_command_class

from tests.docs.blocks import SHELLS, to_run
from tests.servers import ROOT

COMMANDS = [
    pytest.param(command, id=str(block))
    for block in to_run(*SHELLS)
    for command in block.commands()
]
ASSIGNMENT = re.compile(r"\w+=")
# What `tools/test_tour` runs, and what only passes text on.
OTHERS = {"curl", "jq", "echo"}
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def programs(command: str) -> Iterator[list[str]]:
    """The programs of a pipeline, each with its arguments."""
    if inner := re.fullmatch(r"\w+=\$\((.*)\)", command):
        command = inner[1]
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in {"|", "&&", ";"}:
            while words and ASSIGNMENT.match(words[0]):
                del words[0]
            if words:
                yield words
            words = []
        else:
            words.append(word)


def check_make(arguments: list[str]) -> None:
    targets = [argument for argument in arguments if not ASSIGNMENT.match(argument)]
    assert set(targets) <= set(TARGETS)


def check_manage(arguments: list[str]) -> None:
    name, *rest = arguments
    assert name in get_commands(), name
    command = load_command_class(get_commands()[name], name)
    if rest == ["--help"]:
        return
    try:
        command.create_parser("manage.py", name).parse_args(rest)
    except CommandError as error:
        pytest.fail(f"{name}: {error}")


def check_python(arguments: list[str]) -> None:
    first, *rest = arguments
    if first == "manage.py":
        check_manage(rest)
    elif first == "-m":
        assert find_spec(rest[0]) is not None, rest[0]
    else:
        pytest.fail(f"python {first}")


def check_pip(arguments: list[str]) -> None:
    what, package = arguments
    assert what == "install"
    found = re.fullmatch(r"([\w-]+)\[([\w,]+)\]", package)
    assert found is not None
    assert found[1] == PROJECT["name"]
    assert set(found[2].split(",")) <= set(PROJECT["optional-dependencies"])


def check_bash(arguments: list[str]) -> None:
    (script,) = arguments
    assert (ROOT / script).is_file()


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "make": check_make,
    "manage.py": check_manage,
    "python": check_python,
    ".venv/bin/python": check_python,
    "pip": check_pip,
    "bash": check_bash,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_typed_as_it_stands(command: str) -> None:
    for program, *arguments in programs(command):
        if program not in OTHERS:
            assert program in CHECKS, f"Nobody checks {program}"
            CHECKS[program](arguments)


def test_a_wrong_option_is_noticed() -> None:
    with pytest.raises(pytest.fail.Exception):
        check_manage(["tail", "--no-such-option"])
