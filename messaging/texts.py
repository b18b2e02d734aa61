"""Texts that people write: what can be kept, and what of it is shown elsewhere."""

from __future__ import annotations

from messaging.events import MAX_CONTENT, MAX_TITLE
from realtime.errors import invalid

EXCERPT = 100


def check_content(content: str) -> None:
    """Refuse a message that says nothing, too much, or what no database can hold.

    Raises:
        RealtimeError: INVALID_MESSAGE, saying what is wrong.
    """
    if not content.strip():
        raise invalid("content must not be blank", field="content")
    if len(content) > MAX_CONTENT:
        raise invalid(
            f"content has {len(content)} characters, at most {MAX_CONTENT}", field="content"
        )
    _check_storable("content", content)


def check_title(title: str) -> None:
    """Refuse a conversation's title that is too long or cannot be stored.

    Raises:
        RealtimeError: INVALID_MESSAGE, saying what is wrong.
    """
    if len(title) > MAX_TITLE:
        raise invalid(f"title has {len(title)} characters, at most {MAX_TITLE}", field="title")
    _check_storable("title", title)


def _check_storable(field: str, text: str) -> None:
    if "\x00" in text:
        raise invalid(f"{field} must not contain NUL characters", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid(f"{field} must be valid Unicode, without surrogates", field=field) from None


def excerpt(content: str) -> str:
    """The beginning of a message, on one line, for its notification."""
    line = " ".join(content[: 2 * EXCERPT].split())
    if len(line) <= EXCERPT and len(content) <= 2 * EXCERPT:
        return line
    return line[: EXCERPT - 1].rstrip() + "…"
