"""`realtime.ts`: the same types for TypeScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from realtime.errors import CloseCode
from realtime.frame_types import event_types, request_types
from realtime.schema.json_document import definitions
from realtime.schema.json_schema import Schema

REF = "{name}"
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}

HEAD = """\
// The wire of the realtime service. Written by `manage.py export_schema`: do not edit.
"""

TAIL = """\
/** The type of any frame that the server sends. */
export type EventName = keyof EventPayloads;

/** The type of any frame that a client sends. */
export type CommandName = keyof CommandPayloads;

/** An event as a poll returns it, with the type of its payload. */
export type PolledEvent = {
  [Name in EventName]: Omit<PollEvent, "type" | "payload"> & {
    type: Name;
    payload: EventPayloads[Name];
  };
}[EventName];
"""


def typescript() -> str:
    """The module's text."""
    named = definitions(REF)
    parts = [HEAD, *(_declare(name, schema) for name, schema in named.items())]
    parts += [
        _map(
            "EventPayloads",
            "The payload of each type of frame that the server sends.",
            ((event.name, event.payload.__name__) for event in event_types()),
        ),
        _map(
            "CommandPayloads",
            "The payload of each type of frame that a client sends.",
            ((request.name, request.request.__name__) for request in request_types()),
        ),
        _map(
            "AckData",
            "What answers each command: the `data` of its ack, or the payload of the reply.",
            (
                (request.name, request.ack.__name__ if request.ack else "Record<string, unknown>")
                for request in request_types()
            ),
        ),
        TAIL,
        _close_codes(),
    ]
    return "\n".join(parts)


def _declare(name: str, schema: Schema) -> str:
    comment = _comment(schema.get("description", ""))
    if "properties" not in schema:
        return f"{comment}export type {_name(name)} = {_type(schema)};\n"
    body = _fields(schema, indent="  ")
    return f"{comment}export interface {_name(name)} {{\n{body}}}\n"


def _fields(schema: Schema, indent: str) -> str:
    required = schema.get("required", [])
    lines = (
        f"{indent}{_key(name)}{'' if name in required else '?'}: {_type(field)};\n"
        for name, field in schema["properties"].items()
    )
    return "".join(lines)


def _type(schema: Schema) -> str:
    match schema:
        case {"$ref": name}:
            return _name(name)
        case {"const": value}:
            return json.dumps(value)
        case {"enum": values}:
            return " | ".join(json.dumps(value) for value in values)
        case {"anyOf": alternatives}:
            return " | ".join(dict.fromkeys(_type(one) for one in alternatives))
        case {"type": "array", "prefixItems": items}:
            return f"[{', '.join(_type(item) for item in items)}]"
        case {"type": "array"}:
            return f"Array<{_type(schema.get('items', {}))}>"
        case {"type": "object", "properties": _}:
            return f"{{ {' '.join(_fields(schema, indent='').splitlines())} }}"
        case {"type": "object"}:
            return f"Record<string, {_type(schema.get('additionalProperties', {}))}>"
        case {"type": "null"}:
            return "null"
        case {"type": scalar}:
            return SCALARS[scalar]
    return "unknown"


def _map(name: str, about: str, entries: Iterable[tuple[str, str]]) -> str:
    lines = "".join(f"  {_key(key)}: {value};\n" for key, value in entries)
    return f"{_comment(about)}export interface {name} {{\n{lines}}}\n"


def _close_codes() -> str:
    lines = "".join(f"  {code.name}: {int(code)},\n" for code in CloseCode)
    about = "Close codes: up to 4499 reconnect, from 4500 on do not."
    return f"{_comment(about)}export const CloseCode = {{\n{lines}}} as const;\n"


def _comment(text: str) -> str:
    lines = text.replace("*/", "* /").splitlines()
    if not lines:
        return ""
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _name(name: str) -> str:
    # Of two classes with one name msgspec gives the whole path.
    return re.sub(r"\W", "_", name)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name)
