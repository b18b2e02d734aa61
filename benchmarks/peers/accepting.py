"""uvicorn alone: every handshake is accepted and greeted, and nothing is checked or kept."""

from __future__ import annotations

from typing import Any


async def application(scope: Any, receive: Any, send: Any) -> None:
    """A WebSocket application for one greeting."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "welcome"})
    await receive()
