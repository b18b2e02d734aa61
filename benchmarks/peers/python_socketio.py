"""python-socketio on uvicorn: an event from one client is emitted to all."""

from __future__ import annotations

from typing import Any

import socketio

# Heartbeats would come between the counted frames: none within a measurement.
server = socketio.AsyncServer(async_mode="asgi", ping_interval=600)
application = socketio.ASGIApp(server)


@server.event
async def bench(sid: str, message: Any) -> None:
    await server.emit("bench", message)
