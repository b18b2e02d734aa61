"""The opening handshake as nearly every client sends it (RFC 6455, section 4.1).

Knowing that nothing about it is unusual takes a tenth of the time that a full parser
takes. What is unusual in any way, wrong or just rare, is left to one. No I/O here.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

Header = tuple[bytes, bytes]

# Of each there is one, if any: more are wrong, or have to be put together.
_ONCE = frozenset(
    [b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version", b"origin"]
)
# They announce a body, which has to be refused.
_OF_A_BODY = frozenset([b"content-length", b"transfer-encoding"])
_UPGRADE = frozenset([b"upgrade", b"keep-alive, upgrade"])
_KEY_BYTES = 16
# Tokens (RFC 9110, section 5.6.2) with commas in between.
_NAMES = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+(?:, ?[-!#$%&'*+.^_`|~0-9a-zA-Z]+)*")
# `websockets` refuses more headers, and longer lines; it also strips what it ends in.
_MOST_HEADERS = 128
_LONGEST_LINE = 8192
_LONGEST_URL = _LONGEST_LINE - len(b"GET  HTTP/1.1\r\n")


class Opening(NamedTuple):
    """What the answer to a handshake depends on.

    Attributes:
        key: the client's `Sec-WebSocket-Key`.
        subprotocols: those that the client offers, its favourite first.
        extensions: it offers some, as browsers do: compression.
    """

    key: str
    subprotocols: list[str]
    extensions: bool


def usual_opening(
    method: str, url: bytes, http_version: str, headers: list[Header]
) -> Opening | None:
    """What a handshake says; None: it is an unusual one, or none.

    Args:
        headers: with names in lower case.
    """
    if method != "GET" or http_version != "1.1" or len(headers) > _MOST_HEADERS:
        return None
    if len(url) > _LONGEST_URL or not url.isascii():
        return None
    once: dict[bytes, bytes] = {}
    offered: list[str] = []
    extensions = False
    for name, value in headers:
        if len(name) + len(value) + 4 > _LONGEST_LINE or value.endswith((b" ", b"\t")):
            return None
        if name in _ONCE:
            if name in once:
                return None
            once[name] = value
        elif name == b"sec-websocket-protocol":
            if not _NAMES.fullmatch(value):
                return None
            offered += value.decode("ascii").split(",")
        elif name == b"sec-websocket-extensions":
            extensions = True
        elif name in _OF_A_BODY:
            return None
    if not _asks_for_a_websocket(once):
        return None
    key = once[b"sec-websocket-key"].decode("ascii")
    return Opening(key, [name.strip() for name in offered], extensions)


def _asks_for_a_websocket(headers: dict[bytes, bytes]) -> bool:
    return (
        headers.get(b"upgrade", b"").lower() == b"websocket"
        and headers.get(b"connection", b"").lower() in _UPGRADE
        and headers.get(b"sec-websocket-version") == b"13"
        and _is_key(headers.get(b"sec-websocket-key", b""))
    )


def _is_key(value: bytes) -> bool:
    try:
        return len(binascii.a2b_base64(value, strict_mode=True)) == _KEY_BYTES
    except binascii.Error:
        return False
