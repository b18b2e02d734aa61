"""uvicorn's protocols, with a quicker way out and a limit to how slowly one may come in.

    uvicorn --ws realtime.uvicorn_protocol:WebSocketProtocol \\
            --http realtime.uvicorn_protocol:HttpProtocol site.asgi:application

Without them everything works. A fan-out then costs more per socket, and whoever
sends a request's head slowly, or endlessly, is for a proxy in front to stop.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from realtime.errors import CloseCode
from realtime.lean import Gate, Inbox
from realtime.outbound import TRANSPORT_EXTENSION

# For the whole head of a request: method, path, query and headers.
HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024


class HttpProtocol(HttpToolsProtocol):
    """Waits for a request's head neither forever nor for any length."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._end_head()
            self.send_400_response("The head of a request has at most 64 KiB.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:  # a further request on this connection
            self._await_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        self.transport.close()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the application as `outbound.Transport`, and takes little memory."""

    # What uvicorn's protocol keeps: its dictionary would take 1.5 KB for each socket.
    # A name that is missing here, or no longer used, does no harm.
    __slots__ = (
        "app",
        "app_state",
        "asgi_version",
        "client",
        "close_sent",
        "close_timeout",
        "close_timer",
        "config",
        "conn",
        "connections",
        "curr_msg_data_type",
        "default_headers",
        "disconnected",
        "frames",
        "handshake_complete",
        "handshake_initiated",
        "initial_response",
        "last_ping_rtt",
        "logger",
        "loop",
        "pending_ping_payload",
        "ping_interval",
        "ping_sent_at",
        "ping_timeout",
        "ping_timer",
        "pong_timer",
        "queue",
        "read_paused",
        "request",
        "response",
        "root_path",
        "scheme",
        "scope",
        "server",
        "tasks",
        "transport",
        "writable",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = Inbox()  # type: ignore[assignment]
        self.writable = Gate()  # type: ignore[assignment]

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # There is no scope if the handshake was no valid one. The application's
        # task begins in a later step of the loop, so it will see the extension.
        if scope := getattr(self, "scope", None):
            scope["extensions"][TRANSPORT_EXTENSION] = self

    def start_keepalive(self) -> None:
        """The handshake has been answered: forget what was said in it."""
        super().start_keepalive()
        # Not just deleted: the parser of `websockets` keeps the request as well.
        self.request.headers.clear()
        self.response.headers.clear()
        del self.request, self.response

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # A line too long, say: websockets has its refusal ready, which uvicorn
            # would leave lying, and the connection open.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

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
