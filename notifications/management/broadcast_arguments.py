"""The arguments of `manage.py broadcast`: what is told, and whom."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
from django.contrib.auth.models import Group
from django.core.management.base import CommandParser

from notifications.audiences import Audience
from notifications.broadcasts import Content
from realtime import registry
from realtime.errors import RealtimeError
from realtime.management.arguments import find_users
from realtime.management.command import UsageError


def add_content(parser: CommandParser) -> None:
    """The options that say what is told."""
    parser.add_argument("message", nargs="?", help="The text that people read.")
    parser.add_argument("--type", help="The notification's type (default: announcement).")
    parser.add_argument(
        "--json-file", metavar="FILE",
        help="In place of the message: a JSON object with any of message, type, params (of a "
        "text registered for the type), extra, post_id and subject. `-` reads stdin.",
    )  # fmt: skip


def add_audience(parser: CommandParser) -> None:
    """The options that say whom to tell; at most one of them is given."""
    whom = parser.add_argument_group("whom to tell (default: --all)")
    one = whom.add_mutually_exclusive_group()
    one.add_argument("--all", action="store_true", help="Every active user.")
    one.add_argument("--staff", action="store_true", help="Those with is_staff.")
    one.add_argument("--users", nargs="+", metavar="USER", help="By login name or key.")
    one.add_argument("--group", metavar="NAME", help="Those in one of Django's groups.")
    one.add_argument(
        "--filter", action="append", metavar="FIELD=VALUE",
        help="Those for whom a lookup of Django's holds, as email__endswith=@example.org. "
        "`in` and `range` take commas. May be given several times: all have to hold.",
    )  # fmt: skip
    one.add_argument(
        "--channel", metavar="NAME",
        help="The members of a channel that has members, as conversation:conv_4. Each gets a "
        "notification of their own. Public channels have none: there it is --all.",
    )  # fmt: skip


def names_audience(options: dict[str, Any]) -> bool:
    """Whether the options say whom to tell."""
    return any(
        options[name] for name in ("all", "staff", "users", "group", "filter", "channel")
    )  # fmt: skip


def content_of(options: dict[str, Any]) -> Content:
    """What is to be told.

    Raises:
        UsageError: it is not said, or said twice; the file cannot be read.
    """
    if (options["message"] is None) == (options["json_file"] is None):
        raise UsageError("Give either a message or --json-file.")
    content = Content(message=options["message"])
    if options["json_file"] is not None:
        name = options["json_file"]
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
            content = msgspec.json.decode(text, type=Content)
        except (OSError, ValueError) as error:  # DecodeErrors are ValueErrors
            raise UsageError(f"--json-file {name}: {error}") from None
    if options["type"] is not None:
        content.type = options["type"]
    return content


def audience_of(options: dict[str, Any]) -> Audience:
    """Whom the options name.

    Raises:
        UsageError: they name nobody that there could be.
    """
    if options["users"]:
        users = find_users(options["users"])
        disabled = [user.get_username() for user in users if not user.is_active]
        if disabled:
            raise UsageError(f"Disabled accounts are not told anything: {', '.join(disabled)}.")
        return Audience.of("the users named", [user.pk for user in users])
    if options["channel"]:
        return Audience.of(f"the members of {options['channel']}", _members(options["channel"]))
    if options["staff"]:
        return Audience("all active staff", [("is_staff", "true")])
    if options["group"]:
        return Audience(f"the active users in {options['group']}", [_group(options["group"])])
    if options["filter"]:
        lookups = [_lookup(text) for text in options["filter"]]
        return Audience(f"the active users with {' and '.join(options['filter'])}", lookups)
    return Audience("all active users")


def _members(channel: str) -> list[Any]:
    try:
        members = list(registry.members(channel))
    except RealtimeError:
        members = []
    except ValueError as error:
        raise UsageError(f"{error}: name users, or say --all.") from None
    if not members:
        raise UsageError(f"Channel {channel!r} does not exist, or has no members.")
    return members


def _group(name: str) -> tuple[str, str]:
    group = Group.objects.filter(name=name).first()
    if group is None:
        names = ", ".join(Group.objects.order_by("name").values_list("name", flat=True)[:20])
        raise UsageError(f"There is no group {name!r}; there are: {names or 'none'}.")
    return "groups", str(group.pk)


def _lookup(text: str) -> tuple[str, str]:
    lookup, equals, value = text.partition("=")
    if not lookup or not equals:
        raise UsageError(f"--filter {text!r}: write FIELD=VALUE, as is_staff=true.")
    return lookup, value
