"""The WebSocket shell around a `Connection`: handshake in, frames in, frames out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from channels.consumer import AsyncConsumer
from django.conf import settings

from realtime import database, logs, metrics, protocol
from realtime.authentication import SUBPROTOCOL, Identity, authenticate, handshake_token
from realtime.connection import Connection
from realtime.database import Work
from realtime.errors import CloseCode, ErrorCode, RealtimeError, invalid, not_found
from realtime.failures import as_refusal
from realtime.lifecycle import LocalNode, draining_error, local_node
from realtime.origins import host_is_allowed, is_allowed
from realtime.outbound import Message, Scope, Send, SocketOutbound, deny
from realtime.protocol import MAX_FRAME_BYTES, MAX_QUERY_BYTES, ConnectRequest, DecodeError

logger = logging.getLogger("realtime.consumers")

Receive = Callable[[], Awaitable[Message]]
RECOVERY_PARAMETERS = ("last_sequence", "epoch", "channels")


class RealtimeConsumer(AsyncConsumer):
    """One WebSocket at `/ws`.

    It takes events from the server itself instead of through `dispatch`, which
    handles one at a time with a thread hop for each: pushes and heartbeats must
    not wait for a slow command.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            handshake = Handshake(scope)
            node = await handshake.find_node()
            checked_at = node.hub.position
            identity, session_id = await handshake.admit(node)
            logs.bind(user_id=identity.user_id, connection_id=str(session_id))
        except Exception as error:
            refusal = as_refusal(error, "handshake")
            metrics.HANDSHAKES.labels(refusal.code).inc()
            await deny(scope, send, refusal)
            return
        metrics.HANDSHAKES.labels("accepted").inc()
        outbound = connection = None
        try:
            await send(handshake.acceptance())
            outbound = SocketOutbound(scope, send)
            connection = Connection(
                identity, node.hub, outbound, id=str(session_id), address=handshake.address
            )
            node.enter(session_id, connection)
            connection.start(checked_at, handshake.hello)
            if node.draining:  # it began while this handshake was under way
                connection.close(CloseCode.GOING_AWAY, "server_shutdown")
            await _read(connection, receive)
        except asyncio.CancelledError:
            if outbound is None or not outbound.abandoned:
                raise
        finally:
            # Without an await: a server that cancels us must not keep the slot taken.
            if connection is not None:
                connection.stop()
            node.release(session_id, identity.user_id)


async def _read(connection: Connection, receive: Receive) -> None:
    """Hand the client's frames to the connection until the socket ends."""
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is None:
            if len(message.get("bytes") or b"") > MAX_FRAME_BYTES:
                connection.close(CloseCode.MESSAGE_TOO_BIG, "frame_too_big")
            else:
                connection.refuse(invalid("Frames are JSON text, this one was binary"))
        elif _too_big(text):
            connection.close(CloseCode.MESSAGE_TOO_BIG, "frame_too_big")
        else:
            await connection.receive(text)


def _too_big(text: str) -> bool:
    # Characters take at most 4 bytes; most frames need no second look.
    return len(text) * 4 > MAX_FRAME_BYTES and len(text.encode()) > MAX_FRAME_BYTES


class Handshake:
    """What a client says when it opens a socket."""

    def __init__(self, scope: Scope) -> None:
        self._headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._subprotocols: list[str] = scope.get("subprotocols") or []
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self._token = handshake_token(
            self._headers.get(b"authorization", ""), self._subprotocols, query
        )
        self._too_long = len(scope["query_string"]) > MAX_QUERY_BYTES
        client = scope.get("client")
        self.address = str(client[0]) if client else ""
        self._query = query
        self.hello: ConnectRequest | None = None

    async def find_node(self) -> LocalNode:
        """This process's node, if the client's page may use it.

        Raises:
            RealtimeError: FORBIDDEN, or the node takes no connections now.
        """
        if self._too_long:
            raise invalid(f"A query has at most {MAX_QUERY_BYTES} bytes", status=414)
        origin, host = self._headers.get(b"origin", ""), self._host()
        if not host_is_allowed(host):
            raise invalid("This host is not served here: see ALLOWED_HOSTS", host=host[:100])
        if not is_allowed(origin, host):
            raise RealtimeError(ErrorCode.FORBIDDEN, "This origin is not allowed", origin=origin)
        node = await local_node()
        if node.draining:
            raise draining_error()
        return node

    def _host(self) -> str:
        name = b"x-forwarded-host" if settings.USE_X_FORWARDED_HOST else b"host"
        return str(self._headers.get(name) or self._headers.get(b"host", ""))

    async def admit(self, node: LocalNode) -> tuple[Identity, UUID]:
        """Who it is, and its session.

        Raises:
            RealtimeError: there is no valid token, a parameter is malformed, or there
                are too many connections.
        """
        try:
            self.hello = self._read_hello()
        except RealtimeError:
            # Only who may come in is told what is wrong with the rest.
            await database.run(Work.ENTRY, authenticate, self._token)
            raise
        return await node.admit(self._token, self.address)

    def _read_hello(self) -> ConnectRequest | None:
        given: dict[str, Any] = {
            name: self._query[name] for name in RECOVERY_PARAMETERS if self._query.get(name)
        }
        if not given:
            return None
        if "channels" in given:
            given["channels"] = [name for name in given["channels"].split(",") if name]
        try:
            return protocol.convert(given, ConnectRequest)
        except DecodeError as error:
            raise invalid(str(error), field=error.field) from None

    def acceptance(self) -> Message:
        """The ASGI message that accepts it."""
        chosen = SUBPROTOCOL if SUBPROTOCOL in self._subprotocols else None
        return {"type": "websocket.accept", "subprotocol": chosen}


async def unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a handshake for a path that is not ours with 404."""
    await receive()
    await deny(scope, send, not_found("There is no WebSocket at this path"))
