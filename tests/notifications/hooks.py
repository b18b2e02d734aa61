"""Hooks of a site, for tests."""

from __future__ import annotations

from typing import Any

from realtime.users import describe

LANGUAGES = {"bob": "de", "carol": "no such language"}

unread: list[Any] = []
FAILING = "fails the first time"


def language(user: Any) -> str:
    """Bob reads German."""
    return LANGUAGES.get(describe(user)["display_name"].lower(), "en")


def on_unread(notification: Any) -> None:
    """Note the notification; some fail when they come first."""
    unread.append(notification)
    if notification.message == FAILING and len(unread) == 1:
        raise ConnectionError("The mail server is away")
