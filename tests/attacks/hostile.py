"""What nobody in their right mind would send, as JSON and as text of a URL."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, get_origin

import msgspec

DEEP = 10_000
MARK = "\u2620 here \u2620"

TEXTS = {
    "sql": "'; DROP TABLE realtime_event; --",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;",
    "formats": "%s %n {0} {user} ${jndi:ldap://x} {{7*7}}",
    "path": "../../../../etc/passwd",
    "header": "x\r\nX-Evil: 1",
    "right to left": "\u202etxet\u202c \u0645\u0631\u062d\u0628\u0627",
    "beyond the BMP": "\U0001f600\U0010fffd",
    "no character": "\ufffe\uffff",
    "NUL": "a\x00b",
    "controls": "\x01\x1b[31m\x7f\x85",
    "surrogate": "a\ud800b",
    "surrogates": "\udc00\ud800",
    "long": "x" * 50_000,
    "digits": "9" * 5000,
    "other digits": "\uff11\u0661\u00b2",
    "id beyond": "conv_99999999999999999999",
    "id of 2**63": f"msg_{2**63}",
    "id of nothing": "notif_",
    "id with zeros": "post_01",
    "id below": "conv_-1",
    "blank": " \t\n",
    "empty": "",
}

# What a database and a client are to give back as it was.
KEPT = (
    "sql", "html", "formats", "path", "header", "right to left", "beyond the BMP", "no character",
    "controls",
)  # fmt: skip

NUMBERS = {
    "minus one": "-1",
    "2**31": str(2**31),
    "2**53 + 1": str(2**53 + 1),
    "2**63 - 1": str(2**63 - 1),
    "2**63": str(2**63),
    "2**64": str(2**64),
    "-2**63 - 1": str(-(2**63) - 1),
    "5000 digits": "9" * 5000,
    "1e400": "1e400",
    "0.5": "0.5",
    "NaN": "NaN",
    "Infinity": "Infinity",
}

SHAPES = {
    "null": "null",
    "true": "true",
    "list": "[]",
    "object": "{}",
    "list of lists": '[[["x"]]]',
    "deep list": "[" * DEEP + "]" * DEEP,
    "deep object": '{"a":' * 3000 + "1" + "}" * 3000,
    "many": json.dumps(["x"] * 5000),
    "no JSON": "{{",
}

# Each as a JSON text, by a name for reports.
VALUES = {**{name: json.dumps(text) for name, text in TEXTS.items()}, **NUMBERS, **SHAPES}

CURSORS = {
    f"cursor {text!r}"[:40]: base64.b64encode(text.encode()).decode()
    for text in ("p=abc", "p=\x00", "p=" + "9" * 30, "p=2024-13-45", "o=" + "9" * 30, "o=x", "r=x",
                 "p=-1", "p='; DROP TABLE x", "p=nan", "p=\xe9")
}  # fmt: skip


def with_value(body: dict[str, Any], field: str, value: str) -> str:
    """The body as JSON, with this JSON text as the value of the field."""
    return json.dumps({**body, field: MARK}).replace(json.dumps(MARK), value)


def variations(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The body as JSON, in turn with each hostile value in each field, and instead of it.

    Yields:
        What was done, for reports; the JSON text.
    """
    for name, value in VALUES.items():
        yield f"{name} as the body", value
        for field, usual in body.items():
            yield f"{name} in {field}", with_value(body, field, value)
            if isinstance(usual, list):
                yield f"{name} listed in {field}", with_value(body, field, f"[{value}]")


def plausible(request: type[msgspec.Struct], known: dict[str, Any]) -> dict[str, Any]:
    """A payload with every field of `request`: what is known of it, else by its type."""
    fields = msgspec.structs.fields(request)
    return {field.encode_name: known.get(field.name, _by_type(field.type)) for field in fields}


def _by_type(type: Any) -> Any:
    if get_origin(type) is list:
        return []
    return {int: 1, float: 1.0, bool: True}.get(type, "x")


def believed(found: Any, spoofed: dict[str, Any]) -> list[str]:
    """The spoofed fields that appear in what the server has made of them."""
    if isinstance(found, list):
        return [name for item in found for name in believed(item, spoofed)]
    if not isinstance(found, dict):
        return []
    names = [name for name in found if name in spoofed and found[name] == spoofed[name]]
    return names + [name for item in found.values() for name in believed(item, spoofed)]
