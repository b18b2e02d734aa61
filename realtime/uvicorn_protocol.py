"""uvicorn's WebSocket protocol, with a way to write ready-made frames.

    uvicorn --ws realtime.uvicorn_protocol:WebSocketProtocol site.asgi:application

Without it everything works; a fan-out then costs more per socket.
"""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from realtime.errors import CloseCode
from realtime.outbound import TRANSPORT_EXTENSION


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the application as `outbound.Transport`."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # There is no scope if the handshake was no valid one. The application's
        # task begins in a later step of the loop, so it will see the extension.
        if scope := getattr(self, "scope", None):
            scope["extensions"][TRANSPORT_EXTENSION] = self

    def denied(self) -> None:
        """uvicorn takes a refusal for a handshake left unfinished, and logs an error."""
        self.handshake_complete = True

    def write(self, wire: bytes) -> bool:
        """Send a ready-made text frame, unless the client is behind or going."""
        if self.close_sent or self.disconnected or not self.writable.is_set():
            return False
        self.transport.write(wire)
        return True

    def buffered(self) -> int:
        """Bytes in the transport's buffer."""
        return self.transport.get_write_buffer_size()

    def close(self, code: CloseCode) -> bool:
        """ASGI's way is good."""
        return False

    def pause_reading(self) -> None:
        """uvicorn reads no further than the application has received."""

    def resume_reading(self) -> None:
        """Nothing to undo."""

    def keepalive_timeout(self) -> None:
        """No pong came. A graceful close would wait for a peer that takes nothing."""
        super().keepalive_timeout()
        self.transport.abort()

    def abort(self) -> None:
        """Drop the TCP connection, and what it had buffered."""
        self.transport.abort()
