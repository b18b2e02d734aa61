"""Which frames there are: what clients send, what the server sends, of which types.

The published schemas (`realtime.schema`) and the tests' check of every frame
come from what is declared here. Apps use it by way of `realtime.registry`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class RequestType:
    """A type of frame that clients send.

    Attributes:
        request: the Struct that its payload must have.
        ack: the type of the ack's `data`; None where nothing is said about it.
        reply: the type of the frame that answers it.
    """

    name: str
    request: type[msgspec.Struct]
    ack: type[msgspec.Struct] | None = None
    reply: str = "ack"


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of frame that the server sends; see `register_event`."""

    name: str
    payload: type[msgspec.Struct]
    logged: bool
    channel: str = ""


_requests: dict[str, RequestType] = {}
_events: dict[str, EventType] = {}


def register_request(request: RequestType) -> None:
    """Declare a type of frame that clients send; `registry.command` does it by itself.

    Raises:
        ValueError: the type is taken.
    """
    if request.name in _requests:
        raise ValueError(f"There is already a command {request.name!r}")
    _requests[request.name] = request


def register_event(
    name: str, payload: type[msgspec.Struct], *, logged: bool, channel: str = ""
) -> None:
    """Declare a type of frame that the server sends.

    Args:
        payload: the Struct that its payload is.
        logged: whether it is written with `log.append`, and so has a `sequence`.
        channel: where clients see it, as `conversation:{id}`; several with commas
            between them. Empty for frames that are on no channel.

    Raises:
        ValueError: the type is taken.
    """
    if name in _events:
        raise ValueError(f"There is already an event {name!r}")
    _events[name] = EventType(name, payload, logged, channel)


def find_request(name: str) -> RequestType | None:
    """What clients send under this name."""
    return _requests.get(name)


def find_event(name: str) -> EventType | None:
    """What the server sends under this name."""
    return _events.get(name)


def request_types() -> list[RequestType]:
    """Every type of frame that clients send, by name."""
    return [_requests[name] for name in sorted(_requests)]


def event_types() -> list[EventType]:
    """Every type of frame that the server sends, by name."""
    return [_events[name] for name in sorted(_events)]
