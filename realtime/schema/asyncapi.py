"""`asyncapi.json`: the socket as AsyncAPI 3 describes it.

One channel, the socket itself; what the protocol calls channels is on each
message as `x-channel`. *Receive* and *send* are the server's: it receives the
commands and sends the events.
"""

from __future__ import annotations

from realtime.frame_types import EventType, RequestType, event_types, request_types
from realtime.schema import frames
from realtime.schema.json_document import TITLE, definitions
from realtime.schema.json_schema import Schema

SCHEMAS = "#/components/schemas/{name}"
MESSAGES = "#/components/messages/"
SOCKET = "#/channels/socket"

DESCRIPTION = """\
Live notifications, messages, presence and feed updates on one WebSocket. The \
server says nothing until the client does or an event occurs. A command with an \
`ack_id` gets exactly one answer that carries it: its ack, or `error`."""


def asyncapi(version: str) -> Schema:
    """The document.

    Args:
        version: of the API.
    """
    messages = _messages()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": TITLE, "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"service": _server()},
        "channels": {
            "socket": {
                "address": "/ws",
                "description": "The socket. A frame is a text message of one JSON object.",
                "messages": {name: {"$ref": MESSAGES + name} for name in messages},
                "bindings": {"ws": {"method": "GET", "query": _query()}},
            }
        },
        "operations": _operations(),
        "components": {
            "messages": messages,
            "schemas": definitions(SCHEMAS),
            "securitySchemes": _security_schemes(),
        },
    }


def _server() -> Schema:
    schemes = _security_schemes()
    return {
        "host": "api.devthread.io",
        "protocol": "wss",
        "description": "Port 8082 where the service is reached directly.",
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in schemes],
    }


def _security_schemes() -> dict[str, Schema]:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "subprotocol": {
            "type": "httpApiKey",
            "in": "header",
            "name": "Sec-WebSocket-Protocol",
            "description": "`socialhub.v1, bearer.<jwt>`: for browsers, since URLs end in logs.",
        },
        "token": {"type": "httpApiKey", "in": "query", "name": "token"},
    }


def _query() -> Schema:
    return {
        "type": "object",
        "properties": {
            "token": {"type": "string", "description": "A JWT."},
            "last_sequence": {"type": "integer", "minimum": 0},
            "epoch": {"type": "string"},
            "channels": {"type": "string", "description": "Names with commas between them."},
        },
    }


def _messages() -> dict[str, Schema]:
    found = {}
    for request in request_types():
        frame = frames.command_frame(request)
        found[frame.__name__] = _message(request.name, frame)
        if request.reply == "ack":
            ack = frames.ack_frame(request)
            found[ack.__name__] = _message(f"ack of {request.name}", ack)
    for event in event_types():
        frame = frames.event_frame(event)
        extra = {"x-channel": event.channel} if event.channel else {}
        found[frame.__name__] = {**_message(event.name, frame), "x-logged": event.logged, **extra}
    return dict(sorted(found.items()))


def _message(name: str, frame: type) -> Schema:
    return {
        "name": name,
        "summary": frame.__doc__ or "",
        "payload": {"$ref": SCHEMAS.format(name=frame.__name__)},
    }


def _operations() -> dict[str, Schema]:
    received = {f"receive_{request.name}": _receive(request) for request in request_types()}
    sent = {f"send_{event.name}": _send(event) for event in event_types()}
    return {**received, **sent}


def _receive(request: RequestType) -> Schema:
    if request.reply == "ack":
        answer = frames.ack_frame(request).__name__
    else:
        answer = f"{frames.camel(request.reply)}Frame"
    return {
        "action": "receive",
        "channel": {"$ref": SOCKET},
        "messages": [_in_channel(frames.command_frame(request).__name__)],
        "reply": {
            "channel": {"$ref": SOCKET},
            "messages": [_in_channel(answer), _in_channel("ErrorFrame")],
        },
    }


def _send(event: EventType) -> Schema:
    name = frames.event_frame(event).__name__
    return {"action": "send", "channel": {"$ref": SOCKET}, "messages": [_in_channel(name)]}


def _in_channel(name: str) -> Schema:
    return {"$ref": f"{SOCKET}/messages/{name}"}
