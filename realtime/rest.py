"""What all REST views of the product share: tokens, JSON, and one form of error.

The site's own DRF settings are left alone, and do not change ours.
"""

from __future__ import annotations

from typing import IO, Any

import msgspec
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback
from rest_framework_simplejwt.exceptions import InvalidToken

from realtime import metrics
from realtime.authentication import JWTAuthentication
from realtime.errors import ErrorCode, RealtimeError, invalid, not_found
from realtime.failures import internal_error
from realtime.protocol import MAX_BODY_BYTES, DecodeError


class StrictJSONParser(BaseParser):
    """Bodies by the same codec as frames.

    Python's own lets lone surrogates through, which no database holds and no
    answer can repeat, and fails where lists are nested too deep.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None
    ) -> Any:
        """The body as Python has it.

        Raises:
            RealtimeError: INVALID_MESSAGE, it is too long or no JSON.
        """
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise invalid(f"A body has at most {MAX_BODY_BYTES} bytes", status=413)
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise invalid("The body is not valid JSON") from None


class RestMixin:
    """Mixed into every APIView of the product."""

    authentication_classes: Any = [JWTAuthentication, SessionAuthentication]
    permission_classes: Any = [IsAuthenticated]
    renderer_classes: Any = [JSONRenderer]
    parser_classes: Any = [StrictJSONParser]
    throttle_classes: Any = []
    # For the schema: statuses of refusals that cannot be told from what a view reads.
    refusals: frozenset[int] = frozenset()

    def get_exception_handler(self) -> Any:
        return exception_response


PAGE_LINK = {
    "type": ["string", "null"],
    "format": "uri",
    "examples": ["https://example.org/api/v1/notifications?cursor=cD00ODY%3D"],
}


class NewestFirst(CursorPagination):
    """Pages of a list that grows at its front, stable while it does."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-pk"
    cursor_query_description = "Where the page begins, from `next` or `previous` of another."
    page_size_query_description = f"How many entries a page has, up to {max_page_size}."

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        """A page; the query's `cursor` says where it begins.

        Raises:
            RealtimeError: INVALID_MESSAGE, the cursor is none that a page has given.
        """
        try:
            return super().paginate_queryset(queryset, request, view)
        except (exceptions.NotFound, ValueError, ValidationError):
            # DRF takes the position in a cursor as it is to the database's field.
            if self.cursor_query_param in request.query_params:
                raise invalid("cursor is no page's", field=self.cursor_query_param) from None
            raise

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """For OpenAPI: a page, of entries with this `schema`; see also `openapi.page_of`."""
        return {
            "type": "object",
            "properties": {"results": schema, "next": PAGE_LINK, "previous": PAGE_LINK},
            "required": ["results", "next", "previous"],
        }


def exception_response(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every failure as the protocol's error object."""
    status, headers, body = error_answer(exc)
    set_rollback()
    response = Response(body, status=status, headers=headers)
    if isinstance(exc, exceptions.MethodNotAllowed):
        view = context.get("view")
        response["Allow"] = ", ".join(getattr(view, "allowed_methods", []))
    return response


def error_answer(exc: Exception) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body that tell the client of any exception."""
    error = as_realtime_error(exc)
    metrics.ERRORS.labels(error.code).inc()
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if "retry_after" in error.details:
        headers["Retry-After"] = str(error.details["retry_after"])
    body = {"code": error.code.value, "message": error.message, "details": error.details}
    return error.status, headers, body


def as_realtime_error(exc: Exception) -> RealtimeError:
    """Any exception of a view as the error that its client is told."""
    match exc:
        case RealtimeError():
            return exc
        case DecodeError():
            return invalid(str(exc), **({"field": exc.field} if exc.field else {}))
        case Http404() | exceptions.NotFound():
            return not_found("There is nothing here")
        case exceptions.NotAuthenticated():
            return RealtimeError(ErrorCode.MISSING_TOKEN, "missing token")
        case InvalidToken():
            return _token_error(exc)
        case exceptions.AuthenticationFailed():
            return RealtimeError(ErrorCode.INVALID_TOKEN, str(exc.detail))
        case PermissionDenied() | exceptions.PermissionDenied():
            return RealtimeError(ErrorCode.FORBIDDEN, str(exc) or "Not allowed")
        case exceptions.ValidationError():
            return _validation_error(exc)
        case exceptions.MethodNotAllowed():
            return RealtimeError(ErrorCode.INVALID_MESSAGE, str(exc.detail), status=405)
        case exceptions.Throttled():
            return RealtimeError(
                ErrorCode.RATE_LIMITED,
                str(exc.detail),
                retry_after=int(getattr(exc, "wait", None) or 1),
            )
        case exceptions.APIException() if exc.status_code < 500:
            return invalid(str(exc.detail))
        case _:
            return internal_error(exc, "request")


def _token_error(exc: InvalidToken) -> RealtimeError:
    detail = exc.detail if isinstance(exc.detail, dict) else {}
    if "expired" in str(detail.get("detail", "")).lower():
        return RealtimeError(ErrorCode.TOKEN_EXPIRED, "token expired")
    return RealtimeError(ErrorCode.INVALID_TOKEN, "invalid token")


def _validation_error(exc: exceptions.ValidationError) -> RealtimeError:
    if isinstance(exc.detail, dict):
        for field, problems in exc.detail.items():
            problem = problems[0] if isinstance(problems, list) and problems else problems
            return invalid(f"{field}: {problem}", field=str(field))
    return invalid(str(exc.detail[0] if isinstance(exc.detail, list) else exc.detail))


def client_address(request: HttpRequest) -> str:
    """The client's address as the server in front of us gave it."""
    return str(request.META.get("REMOTE_ADDR", ""))
