"""As much of RFC 6455 as a client needs that counts frames and reads none."""

from __future__ import annotations

import os

# The first byte of a frame: FIN and the opcode (RFC 6455, section 5.2).
TEXT = 0x81
CLOSE = 0x88
PING = 0x89
PONG = 0x8A


class LoadError(Exception):
    """The measurement is void: a socket did not get just what was published."""


def client_frame(first: int, data: bytes) -> bytes:
    """A frame from a client, masked as section 5.3 demands; up to 64 KiB."""
    size = len(data)
    if size < 126:
        header = bytes((first, 0x80 | size))
    else:
        header = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    mask = os.urandom(4)
    return header + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


def opening_request(host: str, port: int, path: str, token: str) -> bytes:
    """The opening request (section 4.1); no extension is offered, so nothing is compressed."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def next_frame(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `at` starts and ends; None if it is not all there."""
    available = len(data) - at
    if available < 2:
        return None
    size, start = data[at + 1], at + 2
    if size == 126:
        if available < 4:
            return None
        size, start = data[at + 2] << 8 | data[at + 3], at + 4
    elif size > 126:
        raise LoadError("a frame of more than 64 KiB")
    return (start, start + size) if start + size <= len(data) else None
