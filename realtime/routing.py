"""The ASGI side of the product: one line in the site's `asgi.py`.

application = realtime_application(get_asgi_application())
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from channels.routing import ProtocolTypeRouter
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response
from django.urls import NoReverseMatch, path, reverse

from realtime.consumers import RealtimeConsumer, unknown_path
from realtime.database import request_lane
from realtime.deferred import KEY, Deferral
from realtime.errors import RealtimeError, invalid
from realtime.lifecycle import lifespan
from realtime.middleware import cors
from realtime.protocol import MAX_BODY_BYTES, MAX_QUERY_BYTES, encode

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# For sites that build their own ProtocolTypeRouter.
websocket_urlpatterns = [
    path("ws", RealtimeConsumer.as_asgi()),
    path("ws/", RealtimeConsumer.as_asgi()),
]


def _socket_router(socket_path: str) -> Application:
    """The same as a URLRouter, without its frames and its copy of the scope for each socket."""
    ours = socket_path.strip("/")

    def route(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        name = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        is_ours = name in (ours, f"{ours}/")
        application: Application = RealtimeConsumer() if is_ours else unknown_path
        return application(scope, receive, send)

    return route


def realtime_application(http: Application, *, socket_path: str = "ws") -> ProtocolTypeRouter:
    """The whole site: WebSockets, polls and health here, all else by `http`.

    Args:
        http: the site's Django application, from `get_asgi_application()`.
        socket_path: where the WebSocket is, without the first slash.
    """
    return ProtocolTypeRouter(
        {
            "http": HttpRouter(http),
            "websocket": _socket_router(socket_path),
            "lifespan": lifespan,
        }
    )


class HttpRouter:
    """Serves what may wait, or must answer in any state, outside the site's middleware.

    Django runs synchronous middleware in a thread that it keeps until the
    response: a waiting poll would hold one for 30 s. These requests need none
    of it: they carry tokens, not sessions.
    """

    def __init__(self, http: Application) -> None:
        self._site = http
        self._engine = EngineHandler()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_engine_path(scope["path"]):
            if (refusal := _too_much(scope)) is not None:
                await respond(send, refusal)
                return
            scope[KEY] = deferral = Deferral()
            receive = _until_answered(_bounded(receive), deferral)
            # What Django does synchronously around the view (signals, DRF's
            # request) shares a few threads instead of taking one per request.
            async with ThreadSensitiveContext(executor=request_lane()):
                await self._engine(scope, receive, deferral.hold_back(send))
            if deferral.is_left:
                await deferral.finish(receive, send)
        else:
            await self._site(scope, receive, send)


def _too_much(scope: Scope) -> RealtimeError | None:
    """What is wrong with the size of a request, as far as it says so itself."""
    if len(scope["query_string"]) > MAX_QUERY_BYTES:
        return invalid(f"A query has at most {MAX_QUERY_BYTES} bytes", status=414)
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        return invalid(f"A body has at most {MAX_BODY_BYTES} bytes", status=413)
    return None


def _bounded(receive: Receive) -> Receive:
    """Django reads a body to its end before it looks at it: here the end comes earlier."""
    read = 0

    async def receive_some() -> dict[str, Any]:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if read > MAX_BODY_BYTES else message

    return receive_some


def _until_answered(receive: Receive, deferral: Deferral) -> Receive:
    """Django listens for the client's leaving, and is told of it after each answer, too.

    It raises an exception then that keeps the whole request in memory until the garbage
    collector looks. Who is told nothing more is cancelled, which leaves nothing behind.
    """

    async def receive_before() -> dict[str, Any]:
        message = await receive()
        if deferral.is_answered:
            await asyncio.get_running_loop().create_future()
        return message

    return receive_before


async def respond(send: Send, error: RealtimeError) -> None:
    """Answer a request with the error object."""
    body = encode(error.as_object())
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class EngineHandler(ASGIHandler):
    """Django's handler with CORS as its only middleware."""

    def load_middleware(self, is_async: bool = True) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        respond: Any = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]
        self._middleware_chain = convert_exception_to_response(cors(respond))


def _is_engine_path(path: str) -> bool:
    prefix, exact = _engine_paths()
    return path in exact or bool(prefix and path.startswith(prefix))


@lru_cache(maxsize=1)
def _engine_paths() -> tuple[str, frozenset[str]]:
    """The prefix of the realtime API, and the paths of health checks and metrics."""
    poll = _reverse("realtime:poll")
    health = [_reverse(name) for name in ("healthz", "readyz", "metrics")]
    return poll.removesuffix("poll"), frozenset(filter(None, health))


def _reverse(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:  # not mounted; a system check says so
        return ""
