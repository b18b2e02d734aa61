"""One event as a line: for a person, for `cut`, for a program.

What people have written stays out of it unless it is asked for: an operator who looks
at what goes where has no need of it, and lines end up in log files.
"""

from __future__ import annotations

from typing import Any

import msgspec
from rich.text import Text

from realtime import protocol
from realtime.log import LoggedEvent
from realtime.management.output import clean, fields

COLORS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green")
MOST_READERS = 5


def outline(payload: Any) -> dict[str, Any]:
    """What of a payload tells what it is about, and nothing of what it says."""
    if not isinstance(payload, dict):
        return {}
    return {name: value for name, value in payload.items() if _harmless(name, value)}


def _harmless(name: str, value: object) -> bool:
    if isinstance(value, bool | int | float):
        return True
    if isinstance(value, str):
        return name in {"id", "type"} or name.endswith("_id")
    return name.endswith("_ids") and isinstance(value, list)


def as_json(event: LoggedEvent, *, whole: bool) -> str:
    """The event's frame; unless `whole`, with an outline of its payload."""
    if whole:
        return event.frame.text
    frame = msgspec.json.decode(event.frame.text)
    frame["payload"] = outline(frame["payload"])
    return protocol.encode(frame).decode()


def as_fields(event: LoggedEvent, *, whole: bool) -> str:
    """Its fields between tabs."""
    return fields(
        (
            event.sequence,
            event.created_at,
            event.type,
            event.channel,
            event.topic or ",".join(sorted(event.recipients)),
            _payload(event, whole),
        )
    )


def as_text(event: LoggedEvent, *, whole: bool) -> Text:
    """A line in colours: one for each app's types, so that kinds can be told apart."""
    color = COLORS[sum(event.type.partition("_")[0].encode()) % len(COLORS)]
    return Text.assemble(
        (f"{event.created_at.astimezone():%H:%M:%S} ", "dim"),
        (f"{event.sequence:>7} ", "bold"),
        (f"{clean(event.type):<20} ", "red" if event.control else color),
        f"{clean(event.channel) or '-'} ",
        (f"→ {clean(_readers(event))} ", "dim"),
        clean(_payload(event, whole)),
    )


def _readers(event: LoggedEvent) -> str:
    if event.topic:
        return f"all on {event.topic}"
    readers = sorted(event.recipients)
    more = len(readers) - MOST_READERS
    return ",".join(readers[:MOST_READERS]) + (f" and {more} more" if more > 0 else "")


def _payload(event: LoggedEvent, whole: bool) -> str:
    if whole:
        return event.payload.decode()
    return protocol.encode(outline(msgspec.json.decode(event.payload))).decode()
