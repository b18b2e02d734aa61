"""`schema.json`: the types of all frames and polls, as JSON Schema (2020-12)."""

from __future__ import annotations

from typing import Any

from realtime.polling import MissedRequest, PollRequest
from realtime.protocol import ErrorObject, MissedAnswer, PollAnswer
from realtime.schema import frames
from realtime.schema.json_schema import Schema, components

TITLE = "SocialHub realtime"
# What `poll` and `poll/missed` take and answer, and the body of every HTTP error.
BODIES: tuple[Any, ...] = (PollRequest, PollAnswer, MissedRequest, MissedAnswer, ErrorObject)


def definitions(ref_template: str = "#/$defs/{name}") -> dict[str, Schema]:
    """Every type by name, with `ServerFrame` and `ClientFrame` for any frame of each side."""
    sent, taken = frames.event_frames(), frames.command_frames()
    _, named = components([*sent, *taken, *frames.ack_frames(), *BODIES], ref_template)
    for union, members in (("ServerFrame", sent), ("ClientFrame", taken)):
        refs = [{"$ref": ref_template.format(name=member.__name__)} for member in members]
        named[union] = {"title": union, "anyOf": refs}
    return dict(sorted(named.items()))


def json_document() -> Schema:
    """The document: an instance of it is a frame of either side."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "description": "A frame on the socket. $defs has each frame, payload and HTTP body.",
        "anyOf": [{"$ref": "#/$defs/ServerFrame"}, {"$ref": "#/$defs/ClientFrame"}],
        "$defs": definitions(),
    }
