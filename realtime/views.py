"""DRF views: the long poll, what was missed, and tokens for who is logged in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from adrf.views import APIView as AsyncAPIView
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from realtime import database, polling, protocol, send
from realtime.authentication import Identity, JWTAuthentication, authenticate, request_token
from realtime.database import Work
from realtime.errors import ErrorCode, RealtimeError, invalid, not_found
from realtime.hub import Hub
from realtime.lifecycle import LocalNode, draining_error, local_node
from realtime.polling import LogReader, MissedRequest, PollRequest
from realtime.protocol import DecodeError, MissedAnswer, PollAnswer
from realtime.rest import RestMixin, client_address
from realtime.schema import openapi
from realtime.throttling import Allowance, count_poll, count_send


@extend_schema(tags=["realtime"], parameters=openapi.RATE_LIMIT_HEADERS)
class RealtimeView(RestMixin, AsyncAPIView):
    """Base of the views under `realtime/`: asynchronous, and rate limited.

    Authentication and counting are one job in the engine's pool, so that a
    request that goes on to wait leaves no thread behind; DRF's own hooks for
    them, which run in a thread of the request, stay empty.
    """

    authentication_classes = (JWTAuthentication,)
    allowance: Allowance | None = None
    # What is counted, for whom; and what to call it in a refusal.
    count: Callable[[str], Allowance] = staticmethod(count_poll)
    counted = "polls a minute"

    def perform_authentication(self, request: Request) -> None:
        """Done by `admit`."""

    def check_permissions(self, request: Request) -> None:
        """Done by `admit`."""

    async def admit(self, request: Request) -> Identity:
        """Who asks, counted.

        Raises:
            RealtimeError: no valid token (then its address is counted), or one
                request too many.
        """
        address = client_address(request)
        outcome, allowance = await database.run(
            Work.ENTRY, _admit, request_token(request), address, self.count
        )
        self.allowance = allowance
        if allowance.exceeded:
            raise RealtimeError(
                ErrorCode.RATE_LIMITED,
                f"More than {allowance.limit} {self.counted}",
                retry_after=allowance.retry_after,
            )
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.allowance is not None:
            for name, value in self.allowance.headers().items():
                response[name] = value
        response["Cache-Control"] = "no-store"
        return response

    async def async_dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        method = request.method.upper()
        if method == "OPTIONS" or method not in self.allowed_methods:
            # No handler of ours will count it, and every response has the headers.
            self.allowance = await database.run(
                Work.ENTRY, count_poll, _by_address(client_address(request))
            )
        return await super().async_dispatch(request, *args, **kwargs)


def _admit(
    token: str | None, address: str, count: Callable[[str], Allowance]
) -> tuple[Identity | Exception, Allowance]:
    try:
        identity = authenticate(token)
    except Exception as error:  # a database that fails, too: every response is counted
        return error, count(_by_address(address))
    return identity, count(f"user:{identity.user_id}")


def _by_address(address: str) -> str:
    return f"address:{address}"


class PollView(RealtimeView):
    """`GET` and `POST /api/v1/realtime/poll` (API reference, *HTTP Polling Fallback*)."""

    @extend_schema(
        operation_id="poll",
        parameters=openapi.query_parameters(PollRequest),
        responses=PollAnswer,
    )
    async def get(self, request: Request) -> HttpResponse:
        return await self._answer(request, request.query_params.dict())

    @extend_schema(operation_id="poll_with_body", request=PollRequest, responses={200: PollAnswer})
    async def post(self, request: Request) -> HttpResponse:
        return await self._answer(request, None)

    async def _answer(self, request: Request, values: dict[str, Any] | None) -> HttpResponse:
        node = await _node(request)
        checked_at = node.hub.position if node else 0
        identity = await self.admit(request)
        if values is None:
            values = await _json_body(request)
        wanted: PollRequest = polling.parse(PollRequest, values)
        _check_user(identity, wanted.user_id)
        if node:
            node.watch.poll_seen(identity.user_id)
        answer = await polling.poll(
            node.hub if node else await LogReader.open(),
            identity,
            wanted,
            node=node,
            checked_at=checked_at,
        )
        return _json_response(answer)


class MissedView(RealtimeView):
    """`GET /api/v1/realtime/poll/missed`."""

    @extend_schema(
        operation_id="poll_missed",
        parameters=openapi.query_parameters(MissedRequest),
        responses=MissedAnswer,
    )
    async def get(self, request: Request) -> HttpResponse:
        node = await _node(request)
        identity = await self.admit(request)
        wanted: MissedRequest = polling.parse(MissedRequest, request.query_params.dict())
        _check_user(identity, wanted.user_id)
        reader = node.hub if node else await LogReader.open()
        return _json_response(await polling.missed(reader, identity, wanted))


class SendView(RealtimeView):
    """`POST /api/v1/realtime/send`: one client envelope in, its answer out.

    Through the same handlers as a frame on a socket. The answer is an `ack` or
    `error` envelope; an error has the HTTP status of its code, too.
    """

    count = staticmethod(count_send)
    counted = "requests a second"

    @extend_schema(
        operation_id="send",
        request=openapi.client_frame(),
        responses={200: openapi.answer_frame(), "default": openapi.refusal()},
    )
    async def post(self, request: Request) -> HttpResponse:
        node = await _node(request)
        identity = await self.admit(request)
        body = await _json_body(request)
        try:
            envelope = protocol.decode_envelope(_as_text(body))
        except DecodeError as error:
            raise invalid(str(error), **({"field": error.field} if error.field else {})) from None
        answer, status = await send.answer(node.hub if node else Hub(), identity, envelope)
        return HttpResponse(answer, content_type="application/json", status=status)


class UnknownRealtimeView(RealtimeView):
    """Anything else under `realtime/`: 404, counted like a poll."""

    schema = None

    async def _refuse(self, request: Request, path: str = "") -> HttpResponse:
        await self.admit(request)
        raise not_found("There is nothing at this path")

    get = post = put = patch = delete = _refuse


class UnknownView(RestMixin, APIView):
    """For a site's catch-all under `api/`: 404 in the one form of error."""

    schema = None
    authentication_classes = ()
    permission_classes = ()

    def _refuse(self, request: Request) -> Response:
        raise not_found("There is nothing at this path")

    get = post = put = patch = delete = _refuse


async def _node(request: Request) -> LocalNode | None:
    """The node that serves this request; None under WSGI, where nothing can wait."""
    if not isinstance(request._request, ASGIRequest):
        return None
    node = await local_node()
    if node.draining:
        raise draining_error()
    return node


def _check_user(identity: Identity, user_id: str | int) -> None:
    if str(user_id) != identity.user_id:
        raise RealtimeError(ErrorCode.FORBIDDEN, "user_id is not the token's user", field="user_id")


async def _json_body(request: Request) -> dict[str, Any]:
    # DRF parses when `data` is first looked at: synchronous, but the body is
    # in memory already.
    body = await sync_to_async(lambda: request.data)()
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object")
    return body


def _as_text(body: dict[str, Any]) -> str:
    try:
        return protocol.encode(body).decode()
    except UnicodeEncodeError:  # a lone surrogate, which Python's JSON lets through
        raise DecodeError("Frame is not valid JSON") from None


def _json_response(answer: object) -> HttpResponse:
    return HttpResponse(protocol.encode(answer), content_type="application/json")


class ObtainTokenView(RestMixin, TokenObtainPairView):
    """`POST auth/token`: username and password for an access and a refresh token."""

    permission_classes = ()
    authentication_classes = ()


class RefreshTokenView(RestMixin, TokenRefreshView):
    """`POST auth/token/refresh`: a refresh token for a new access token."""

    permission_classes = ()
    authentication_classes = ()


class SessionToken(msgspec.Struct):
    """An access token; `expires_at` in Unix seconds."""

    access: str
    expires_at: int


class SessionTokenView(RestMixin, APIView):
    """`POST auth/token/session`: an access token for whoever has a Django session."""

    authentication_classes = [SessionAuthentication]
    parser_classes = [JSONParser, FormParser, MultiPartParser]

    @extend_schema(request=None, responses={200: SessionToken})
    def post(self, request: Request) -> HttpResponse:
        token = AccessToken.for_user(request.user)  # type: ignore[type-var]  # IsAuthenticated
        return _json_response(SessionToken(access=str(token), expires_at=token["exp"]))
