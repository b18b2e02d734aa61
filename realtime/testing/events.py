"""Events of the log, as tests look at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connections

from realtime import log, relay
from realtime.log import LoggedEvent

READ_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a client sees it; see docs/protocol.md, *Frames*.

    Attributes:
        sequence: its number in the log; None for what is not logged, as typing.
    """

    type: str
    payload: dict[str, Any]
    channel: str | None = None
    sequence: int | None = None

    def matches(self, type: str, payload: dict[str, Any]) -> bool:
        """Whether it is of this type, and has these values in its payload."""
        return self.type == type and all(
            name in self.payload and self.payload[name] == value for name, value in payload.items()
        )


def relay_committed() -> None:
    """Move what the test has committed to the log, as a server would.

    Raises:
        RuntimeError: called inside of an `atomic()` block.
    """
    blocks: list[Any] = connections[log.database_alias()].atomic_blocks
    if not all(block._from_testcase for block in blocks):
        raise RuntimeError(
            "Inside of atomic() nothing is published yet: look at it after the block has ended"
        )
    relay.drain()


def end_of_log() -> int:
    """The number of the last event that the test has committed."""
    relay_committed()
    return log.read_head().sequence


def events_after(after: int) -> Iterator[LoggedEvent]:
    """Everybody's events behind this position, in order."""
    while events := log.read_from(after + 1, READ_LIMIT):
        yield from events
        after = events[-1].sequence


def as_event(event: LoggedEvent) -> Event:
    """A logged event as a client sees it."""
    payload = msgspec.json.decode(event.payload)
    return Event(event.type, payload, event.channel, event.sequence)


def not_among(type: str, wanted: dict[str, Any], found: list[Event], what: str) -> str:
    """Why an assertion fails: what was wanted, and what there was."""
    values = "".join(f" {name}={value!r}" for name, value in wanted.items())
    return f"No {type}{values} {what}. What there was: {listed(found)}"


def listed(events: list[Event]) -> str:
    """The events, one in each line."""
    return "".join(f"\n  {event.type} on {event.channel}: {event.payload}" for event in events) or (
        "nothing"
    )
