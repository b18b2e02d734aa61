"""What callers of `notifications.services` pass in: checked, and made into keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from realtime import protocol
from realtime.errors import invalid
from realtime.users import parse_user_id

T = TypeVar("T")

# An escaped NUL in JSON: an odd number of backslashes before u0000.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def check(
    type: str,
    message: str | None,
    params: Mapping[str, Any] | None,
    post_id: str | None,
    extra: Mapping[str, Any] | None,
    subject: str,
) -> None:
    """Refuse texts that nobody could read or no database could hold.

    Raises:
        ValueError: a text is empty, too long, or has a NUL in it.
    """
    if message is not None and params is not None:
        raise ValueError("notify: give a message, or the params of a registered text, not both")
    given = [("type", type)] if message is None else [("type", type), ("message", message)]
    for name, text in given:
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"notify: {name} must be a text that is not blank")
    for name, text, longest in (
        ("type", type, 64),
        ("post_id", post_id or "", 64),
        ("subject", subject, 80),
    ):
        if len(text) > longest:
            raise ValueError(f"notify: {name} has {len(text)} characters, at most {longest}")
    if NUL.search(protocol.encode([type, message, params, post_id, extra]).decode()):
        raise ValueError("notify: NUL characters cannot be stored")


def check_mute(type: str, key: str) -> None:
    """Refuse to mute what cannot be a notification's type or key.

    Raises:
        RealtimeError: INVALID_MESSAGE, saying what is wrong.
    """
    for name, text, longest in (("type", type, 64), ("key", key, 100)):
        if len(text) > longest or protocol.UNSTORABLE.search(text):
            raise invalid(
                f"{name} must have at most {longest} characters that can be stored", field=name
            )
    if bool(type.strip()) == bool(key.strip()):
        raise invalid("Name a type or a key", field="type")


def check_key(key: str) -> None:
    """Refuse a coalesce key that cannot be stored.

    Raises:
        ValueError: it is empty, too long, or has a NUL in it.
    """
    if not 1 <= len(key) <= 100 or "\x00" in key:
        raise ValueError("notify: a key has 1 to 100 characters, none of them NUL")


def user_key(user: AbstractBaseUser | object) -> Any:
    """The primary key of a user, given as one or as its key.

    Raises:
        ValueError: no user can have this key.
    """
    if isinstance(user, get_user_model()):
        return user.pk
    return parse_user_id(user if isinstance(user, int) else str(user))


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
