"""Every frame that a test receives is checked against its registered Struct."""

from __future__ import annotations

from typing import Any

import msgspec

from realtime.frame_types import find_event, find_request
from realtime.protocol import PollEvent
from realtime.schema.frames import ack_frame, event_frame

# Types that exist in tests only.
OF_TESTS = {"note"}


def assert_valid(frame: dict[str, Any], *, answers: str | None = None) -> None:
    """The server's frame is one that the schema knows, with no field too few or too many.

    Args:
        answers: the type of the command that it answers; its ack has that
            command's data.
    """
    event = find_event(frame["type"])
    if event is None:
        assert frame["type"] in OF_TESTS, f"Not registered: {frame}"
        return
    expected = event_frame(event)
    if event.name == "ack" and answers and (request := find_request(answers)):
        expected = ack_frame(request)
    try:
        found: Any = msgspec.convert(frame, expected)
    except msgspec.ValidationError as error:
        raise AssertionError(f"{error}: {frame}") from None
    _assert_known(frame["payload"], found.payload)
    if event.name == "ack" and isinstance(found.payload.data, msgspec.Struct):
        _assert_known(frame["payload"]["data"], found.payload.data)


def assert_valid_event(event: dict[str, Any]) -> None:
    """The same of an event as a poll returns it."""
    msgspec.convert(event, PollEvent)
    envelope = {
        "id": event["event_id"],
        **{name: event[name] for name in ("type", "payload", "timestamp")},
        **{name: event[name] for name in ("channel", "sequence") if event[name] is not None},
    }
    assert_valid(envelope)


def _assert_known(payload: dict[str, Any], found: msgspec.Struct) -> None:
    unknown = payload.keys() - set(found.__struct_encode_fields__)
    assert not unknown, f"{type(found).__name__} has no {sorted(unknown)}: {payload}"
