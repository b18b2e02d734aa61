"""uvicorn's protocols, with a quicker way in and out, and a limit to how slowly one may come.

    uvicorn --ws realtime.uvicorn_protocol:WebSocketProtocol \\
            --http realtime.uvicorn_protocol:HttpProtocol site.asgi:application

Without them everything works. A handshake and a fan-out then cost more per socket, and
whoever sends a request's head slowly, or endlessly, is for a proxy in front to stop.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import SERVER, Protocol
from websockets.utils import accept_key

from realtime.errors import CloseCode
from realtime.lean import Gate, Inbox
from realtime.opening import Opening, usual_opening
from realtime.outbound import TRANSPORT_EXTENSION

# For the whole head of a request: method, path, query and headers.
HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024


_SWITCHING_PROTOCOLS = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
)


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

    def handle_websocket_upgrade(self) -> None:
        opening = self._usual_opening()
        if opening is not None and self.ws_protocol_class is WebSocketProtocol:
            self._hand_over(opening)
        else:
            super().handle_websocket_upgrade()
        # It holds on to us as we do to it: work for the garbage collector.
        self.parser = None  # type: ignore[assignment]

    def _hand_over(self, opening: Opening) -> None:
        """uvicorn writes the head anew, for a second parser, in Python."""
        self.connections.discard(self)
        protocol = WebSocketProtocol(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        protocol.take_over(self, opening)
        self.transport.set_protocol(protocol)

    def _usual_opening(self) -> Opening | None:
        """What the client asks for; None: uvicorn's way is the right one."""
        # That logs each handshake, for who wants to read of them.
        if self.logger.isEnabledFor(logging.INFO):
            return None
        scope = self.scope
        opening = usual_opening(scope["method"], self.url, scope["http_version"], self.headers)
        if opening is None:
            return None
        return None if opening.extensions and self.config.ws_per_message_deflate else opening

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
        # Ours, of a handshake that has not been answered yet.
        "_early",
        "_key",
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
        self._key: str | None = None
        self._early = b""

    def take_over(self, http: HttpProtocol, opening: Opening) -> None:
        """Answer this handshake, whose head `http` has read, in place of uvicorn's parser."""
        self.transport, self.scheme = http.transport, "wss" if http.scheme == "https" else "ws"
        self.server, self.client = http.server, http.client
        self.connections.add(self)
        self._key, self.handshake_initiated = opening.key, True
        path, _, query = http.url.partition(b"?")
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(path.decode("ascii")),
            "raw_path": self.root_path.encode("ascii") + path,
            "query_string": query,
            "headers": http.headers,
            "subprotocols": opening.subprotocols,
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}, TRANSPORT_EXTENSION: self},  # type: ignore[dict-item]
        }
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    async def send(self, message: Any) -> None:
        """ASGI's `send`.

        Raises:
            ClientDisconnected: the client has gone, as uvicorn's applications know it.
        """
        unanswered = self._key is not None and self.initial_response is None
        if unanswered and message["type"] == "websocket.accept":
            if self.disconnected or self.transport.is_closing():
                raise ClientDisconnected
            self._accept(message)
        else:
            await super().send(message)

    def _accept(self, message: Any) -> None:
        """Switch protocols: what was said so far is over."""
        assert self._key is not None
        own = [(b"sec-websocket-accept", accept_key(self._key).encode()), *self.default_headers]
        lines = [b"%b: %b\r\n" % header for header in own]
        self.transport.write(b"".join([_SWITCHING_PROTOCOLS, *lines, _application_s(message)]))
        # Only frames from now on: what uvicorn made first reads a request's head before them.
        self.conn = Protocol(  # type: ignore[assignment]
            SERVER, max_size=self.config.ws_max_size, logger=self.conn.logger
        )
        self._key, self.handshake_complete = None, True
        self.start_keepalive()
        if self._early:
            early, self._early = self._early, b""
            self.transport.resume_reading()
            self.data_received(early)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        # There is no scope if the handshake was no valid one. The application's
        # task begins in a later step of the loop, so it will see the extension.
        if scope := getattr(self, "scope", None):
            scope["extensions"][TRANSPORT_EXTENSION] = self

    def start_keepalive(self) -> None:
        """The handshake has been answered: forget what was said in it."""
        super().start_keepalive()
        if hasattr(self, "request"):
            # Not just deleted: the parser of `websockets` keeps the request as well.
            self.request.headers.clear()
            self.response.headers.clear()
            del self.request, self.response

    def data_received(self, data: bytes) -> None:
        if self._key is not None:
            # Too early, but no reason to lose it. More of it can wait in the kernel.
            self._early += data
            self.transport.pause_reading()
            return
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


def _application_s(message: Any) -> bytes:
    """The headers that the application gives, which are checked; and the end of the head."""
    headers = Headers()
    for name, value in message.get("headers", ()):
        headers[name.decode("latin-1")] = value.decode("latin-1")
    if subprotocol := message.get("subprotocol"):
        headers["sec-websocket-protocol"] = subprotocol
    return headers.serialize()
