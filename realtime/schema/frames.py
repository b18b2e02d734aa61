"""A Struct for each whole frame: the envelope with its type and its payload filled in."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, defstruct, structs

from realtime.frame_types import EventType, RequestType, event_types, request_types
from realtime.protocol import Ack, ClientEnvelope, ServerEnvelope

Field = tuple[str, Any] | tuple[str, Any, Any]


def camel(name: str) -> str:
    """`notification_read` as `NotificationRead`."""
    return "".join(part.capitalize() for part in name.split("_"))


@lru_cache
def event_frame(event: EventType) -> type[Struct]:
    """The frame with which the server sends `event`. It has no fields but these."""
    fields: list[Field] = []
    for field in structs.fields(ServerEnvelope):
        match field.name:
            case "type":
                fields.append(("type", Literal[event.name]))
            case "payload":
                fields.append(("payload", event.payload))
            case "channel":
                fields += [("channel", str)] if event.channel else []
            case "sequence":
                fields += [("sequence", int)] if event.logged else []
            case "ack_id":
                fields += _ack_id(event.name)
            case _:
                fields.append((field.name, field.type))
    return _define(f"{camel(event.name)}Frame", fields, _about(event), forbid_unknown_fields=True)


def _ack_id(name: str) -> list[Field]:
    if name == "ack":
        return [("ack_id", str)]
    if name == "error" or any(request.reply == name for request in request_types()):
        return [("ack_id", str | UnsetType, UNSET)]
    return []


def _about(event: EventType) -> str:
    place = f" on {event.channel}" if event.channel else ""
    logged = ", logged" if event.logged else ""
    return f"`{event.name}`, from the server{place}{logged}."


@lru_cache
def ack_frame(request: RequestType) -> type[Struct]:
    """The `ack` that answers `request`, with the type of its data."""
    data = request.ack or dict[str, Any]
    payload = _define(
        f"{camel(request.name)}AckPayload",
        [("ack_id", str), ("data", data), ("status", Literal["success"])],
        f"The payload of the `ack` of `{request.name}`.",
        bases=(Ack,),
    )
    ack = EventType("ack", payload, logged=False)
    fields = [(field.name, field.type) for field in structs.fields(event_frame(ack))]
    about = f"The `ack` of `{request.name}`."
    return _define(f"{camel(request.name)}Ack", fields, about, forbid_unknown_fields=True)


@lru_cache
def command_frame(request: RequestType) -> type[Struct]:
    """The frame with which a client sends `request`. Further fields are ignored."""
    needed = any(field.required for field in structs.fields(request.request))
    fields: list[Field] = []
    for field in structs.fields(ClientEnvelope):
        match field.name:
            case "type":
                fields.append(("type", Literal[request.name]))
            case "payload" if needed:
                fields.append(("payload", request.request))
            case "payload":
                fields.append(("payload", request.request | UnsetType, UNSET))
            case _:
                fields.append((field.name, field.type, field.default))
    # Read by nobody, but part of the reference's envelope.
    fields.append(("timestamp", str | None, None))
    # In the order of a Struct: what is required comes first.
    fields.sort(key=len)
    return _define(f"{camel(request.name)}Command", fields, f"`{request.name}`, from a client.")


def _define(
    name: str,
    fields: list[Any],
    about: str,
    *,
    bases: tuple[type[Struct], ...] = (),
    forbid_unknown_fields: bool = False,
) -> type[Struct]:
    fields = sorted(fields, key=len)
    return defstruct(
        name,
        fields,
        bases=bases or None,
        namespace={"__doc__": about},
        module=__name__,
        forbid_unknown_fields=forbid_unknown_fields,
    )


def event_frames() -> list[type[Struct]]:
    """Every frame that the server sends."""
    return [event_frame(event) for event in event_types()]


def ack_frames() -> list[type[Struct]]:
    """Every `ack`, by the command that it answers."""
    return [ack_frame(request) for request in request_types() if request.reply == "ack"]


def command_frames() -> list[type[Struct]]:
    """Every frame that a client sends."""
    return [command_frame(request) for request in request_types()]
