"""What commands take as arguments: spans of time, and users by key or login name."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model

from realtime.management.command import UsageError
from realtime.users import parse_user_id, users_by_key

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_DAYS = 36_500
AT_ONCE = 500


def duration(text: str) -> float:
    """Seconds, from `90`, `90s`, `10m`, `2h` or `1.5d`; a type for argparse."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    seconds = float(found[1]) * SECONDS[found[2]] if found else -1.0
    if not 0 <= seconds <= LONGEST_DAYS * SECONDS["d"]:
        raise ArgumentTypeError(f"{text!r} is no span of time: write 90, 90s, 10m, 2h or 1d")
    return seconds


def find_user(text: str) -> Any:
    """The user with this login name or key.

    Raises:
        UsageError: there is none, or it could be either of two.
    """
    return find_users([text])[0]


def find_users(texts: Iterable[str]) -> list[Any]:
    """The users with these login names or keys, in this order, each once.

    Raises:
        UsageError: one is not there, or could be either of two users.
    """
    wanted = list(dict.fromkeys(texts))
    found: dict[Any, Any] = {}
    for start in range(0, len(wanted), AT_ONCE):
        for user in _find(wanted[start : start + AT_ONCE]):
            found[user.pk] = user
    return list(found.values())


def _find(texts: list[str]) -> list[Any]:
    model = get_user_model()
    field = model.USERNAME_FIELD
    # What the database cannot hold is nobody's name.
    storable = [text for text in texts if "\x00" not in text]
    named = model._default_manager.filter(**{f"{field}__in": storable})
    by_name = {user.get_username(): user for user in named}
    keys = {text: key for text in texts if (key := _key(text)) is not None}
    by_key = users_by_key(list(keys.values()))
    users = []
    for text in texts:
        one, other = by_name.get(text), by_key.get(keys.get(text))
        if one is None and other is None:
            raise UsageError(f"There is no user {text!r}: give a login name or a key.")
        if one is not None and other is not None and one.pk != other.pk:
            raise UsageError(
                f"{text!r} is the login name of user {one.pk} and the key of user "
                f"{other.get_username()!r}: name the one you mean by the other of the two."
            )
        users.append(one if one is not None else other)
    return users


def _key(text: str) -> Any:
    try:
        return parse_user_id(text)
    except ValueError:
        return None
