"""DRF views: the long poll, what was missed, and tokens for who is logged in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, NoReturn
from uuid import uuid4

import msgspec
from adrf.views import APIView as AsyncAPIView
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from realtime import database, logs, metrics, polling, protocol, send
from realtime.authentication import Identity, JWTAuthentication, authenticate, request_token
from realtime.database import Work
from realtime.deferred import deferral_of
from realtime.errors import ErrorCode, RealtimeError, invalid, not_found
from realtime.hub import Hub
from realtime.lifecycle import LocalNode, draining_error, local_node
from realtime.origins import host_is_allowed
from realtime.polling import LogReader, MissedRequest, Poll, PollRequest
from realtime.protocol import MAX_FRAME_BYTES, DecodeError, MissedAnswer, PollAnswer
from realtime.rest import RestMixin, client_address
from realtime.schema import examples, openapi
from realtime.throttling import Allowance, count_poll, count_send

# What a proxy in front may call a request; anything else could forge log lines.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


@extend_schema(parameters=openapi.RATE_LIMIT_HEADERS)
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
    limit = "polls"
    refusals = frozenset({403, 404, 429})

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
        if not host_is_allowed(request._request._get_raw_host()):  # type: ignore[attr-defined]
            raise invalid("This host is not served here: see ALLOWED_HOSTS")
        address = client_address(request)
        outcome, allowance = await database.run(
            Work.ENTRY, _admit, request_token(request), address, self.count
        )
        self.allowance = allowance
        if allowance.exceeded:
            metrics.LIMIT_HITS.labels(self.limit).inc()
            raise RealtimeError(
                ErrorCode.RATE_LIMITED,
                f"More than {allowance.limit} {self.counted}",
                retry_after=allowance.retry_after,
            )
        if isinstance(outcome, Exception):
            raise outcome
        logs.bind(user_id=outcome.user_id)
        return outcome

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.allowance is not None:
            for name, value in self.allowance.headers().items():
                response[name] = value
        response["Cache-Control"] = "no-store"
        return response

    async def async_dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        given = request.headers.get("X-Request-ID", "")
        logs.bind(request_id=given if REQUEST_ID.fullmatch(given) else uuid4().hex)
        method = request.method.upper()
        if method == "OPTIONS" or method not in self.allowed_methods:
            # No handler of ours will count it, and every response has the headers.
            self.allowance = await database.run(
                Work.ENTRY, count_poll, _by_address(client_address(request))
            )
        try:
            return await super().async_dispatch(request, *args, **kwargs)
        finally:
            # Where Django and DRF tie requests and views to themselves: thousands of polls
            # that end at once would stay in memory until the garbage collector looks.
            self.request.parser_context.clear()
            self.__dict__.pop("head", None)


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
        summary="Poll for events",
        examples=[examples.POLL_ANSWER],
        parameters=openapi.query_parameters(PollRequest),
        responses=PollAnswer,
    )
    async def get(self, request: Request) -> HttpResponse:
        """The answer comes as soon as there is an event, at the latest after `timeout`.

        Go on from `last_poll_id`, at once where `has_more`. With `resync` the log
        does not reach back: fetch the state, then go on.
        """
        return await self._answer(request, request.query_params.dict())

    @extend_schema(
        operation_id="poll_with_body",
        summary="Poll for events, with a JSON body",
        request=PollRequest,
        responses={200: PollAnswer},
        examples=[examples.POLL_REQUEST, examples.POLL_ANSWER],
    )
    async def post(self, request: Request) -> HttpResponse:
        """The same as `GET`, for parameters that are not to stand in a URL."""
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
        poll = Poll(
            node.hub if node else await LogReader.open(),
            identity,
            wanted,
            node=node,
            checked_at=checked_at,
        )
        answer = await poll.begin()
        if answer is None and (deferral := deferral_of(request._request)):
            deferral.leave(poll.wait)
            return HttpResponse(content_type="application/json")
        return _json_response(answer or await poll.wait())


class MissedView(RealtimeView):
    """`GET /api/v1/realtime/poll/missed`."""

    @extend_schema(
        operation_id="poll_missed",
        summary="List missed events",
        examples=[examples.MISSED_ANSWER],
        parameters=openapi.query_parameters(MissedRequest),
        responses=MissedAnswer,
    )
    async def get(self, request: Request) -> HttpResponse:
        """What came after `last_sequence`, as a socket would have got it, at once."""
        node = await _node(request)
        identity = await self.admit(request)
        wanted: MissedRequest = polling.parse(MissedRequest, request.query_params.dict())
        _check_user(identity, wanted.user_id)
        reader = node.hub if node else await LogReader.open()
        return _json_response(await polling.missed(reader, identity, wanted))


class SendView(RealtimeView):
    """`POST /api/v1/realtime/send`."""

    count = staticmethod(count_send)
    counted = "requests a second"
    limit = "sends"

    @extend_schema(
        operation_id="send",
        summary="Send a frame without a socket",
        request=openapi.client_frame(),
        responses={200: openapi.answer_frame(), "default": openapi.refusal()},
        examples=[*examples.FRAMES, *examples.ANSWERS],
    )
    async def post(self, request: Request) -> HttpResponse:
        """One client envelope in, its answer out, by the handlers of the socket.

        The answer is an `ack` or `error` envelope; an error has the HTTP status of
        its code, too.
        """
        node = await _node(request)
        identity = await self.admit(request)
        body = await _json_body(request)
        frame = protocol.encode(body)
        if len(frame) > MAX_FRAME_BYTES:
            raise invalid(f"A frame has at most {MAX_FRAME_BYTES} bytes", status=413)
        try:
            envelope = protocol.decode_envelope(frame.decode())
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


def _json_response(answer: object) -> HttpResponse:
    return HttpResponse(protocol.encode(answer), content_type="application/json")


@extend_schema_view(
    post=extend_schema(tags=["auth"], operation_id="obtain_token", summary="Log in for tokens")
)
class ObtainTokenView(RestMixin, TokenObtainPairView):
    """`POST auth/token`: username and password for an access and a refresh token."""

    permission_classes = ()
    authentication_classes = ()


@extend_schema_view(
    post=extend_schema(tags=["auth"], operation_id="refresh_token", summary="Renew a token")
)
class RefreshTokenView(RestMixin, TokenRefreshView):
    """`POST auth/token/refresh`: a refresh token for a new access token."""

    permission_classes = ()
    authentication_classes = ()

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # simplejwt would ask neither for what was revoked nor for accounts that are gone.
        match request.data:
            case {"refresh": str(token)} if token:
                authenticate(token, kind="refresh")
        return super().post(request, *args, **kwargs)


class SessionToken(msgspec.Struct):
    """An access token; `expires_at` in Unix seconds."""

    access: Annotated[str, msgspec.Meta(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6…"])]
    expires_at: Annotated[int, msgspec.Meta(examples=[1709328000])]


class SessionTokenView(RestMixin, APIView):
    """`POST auth/token/session`: an access token for whoever has a Django session.

    With the CSRF token, in the header `X-CSRFToken` or the form.
    """

    authentication_classes = [SessionAuthentication]
    parser_classes = [JSONParser, FormParser, MultiPartParser]

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        # A bearer token was perhaps given: "missing token" would not help its sender.
        raise RealtimeError(
            ErrorCode.MISSING_TOKEN,
            "This takes a Django session: log in on the site, or ask auth/token",
        )

    @extend_schema(
        tags=["auth"],
        operation_id="session_token",
        summary="Turn a session into a token",
        request=None,
        responses={200: SessionToken},
    )
    def post(self, request: Request) -> HttpResponse:
        token = AccessToken.for_user(request.user)  # type: ignore[type-var]  # IsAuthenticated
        return _json_response(SessionToken(access=str(token), expires_at=token["exp"]))
