"""Answers that come later, when Django has forgotten the request.

What Django, DRF and this thread of ASGI keep for a request, some thirty coroutines and
their frames, takes more memory than a waiting poll itself. So the view of a poll that has
to wait returns an empty response with the headers; that is held back, Django finishes,
and the router awaits the answer.

Where the router is not (the site calls Django directly, as under WSGI or in tests with
Django's client) the view awaits the answer itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.http import HttpRequest

from realtime import logs
from realtime.protocol import encode
from realtime.rest import error_answer

KEY = "realtime.deferral"

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Answer = Callable[[], Awaitable[object]]
Headers = list[tuple[bytes, bytes]]


class Deferral:
    """The place in a request's scope where its view can leave the rest of its work.

    Attributes:
        is_answered: Django has sent the whole response.
    """

    __slots__ = ("_answer", "_headers", "_log_fields", "is_answered")

    def __init__(self) -> None:
        self.is_answered = False
        self._answer: Answer | None = None
        self._headers: Headers = []
        self._log_fields: dict[str, str] = {}

    def leave(self, answer: Answer) -> None:
        """Have `answer` awaited after Django; it gives what is encoded as the body."""
        self._answer = answer
        self._log_fields = logs.fields()

    @property
    def is_left(self) -> bool:
        """Whether there is still something to await."""
        return self._answer is not None

    def hold_back(self, send: Send) -> Send:
        """`send` for Django: of a response that stands for a later one it keeps the headers."""

        async def send_unless_left(message: Mapping[str, Any]) -> None:
            if self._answer is None:
                await send(message)
                self.is_answered = not (
                    message["type"] == "http.response.start" or message.get("more_body")
                )
            elif message["type"] == "http.response.start":
                self._headers = message["headers"]

        return send_unless_left

    async def finish(self, receive: Receive, send: Send) -> None:
        """Await the answer and send it, unless the client goes away before."""
        assert self._answer is not None
        logs.bind(**self._log_fields)
        status, headers = 200, self._headers
        try:
            body = await _unless_gone(self._answer(), receive)
        except Exception as error:
            status, more, body = error_answer(error)
            headers = [*headers, *((k.lower().encode(), v.encode()) for k, v in more.items())]
        if body is None:
            return
        content = encode(body)
        headers = [*headers, (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def deferral_of(request: HttpRequest) -> Deferral | None:
    """Where this request's view can leave an answer; None: it has to await it itself."""
    found: Deferral | None = getattr(request, "scope", {}).get(KEY)
    return found


async def _unless_gone(answer: Awaitable[object], receive: Receive) -> object | None:
    """The answer; None if the client is gone before."""
    task = asyncio.current_task()
    assert task is not None
    # The request has been read: all that can still come is its end.
    gone = asyncio.ensure_future(receive())

    def leave(_: object) -> None:
        task.cancel()

    gone.add_done_callback(leave)
    try:
        return await answer
    except asyncio.CancelledError:
        if not gone.done():
            raise
        task.uncancel()
        return None
    finally:
        gone.remove_done_callback(leave)
        gone.cancel()
