"""How a request is refused, for OpenAPI: each HTTP status once, for all views.

A status is a component that operations refer to; its examples are errors as the
product raises them.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from realtime.errors import ErrorCode, RealtimeError, channel_not_found, invalid, not_found
from realtime.schema.json_schema import Schema

ABOUT = {
    400: "A parameter or the body will not do; `details.field` names it.",
    401: "No token, or one that does not count, or no longer.",
    403: "Not this user's to do, or a session without its CSRF token.",
    404: "It does not exist, or it is not this user's to see.",
    429: "One request too many.",
}
OTHERWISE = "Any other refusal: 405, 500, 503. The error object, with the status of its code."

EXAMPLES = (
    invalid("Expected an id like post_1, got 'post'", field="id"),
    RealtimeError(ErrorCode.MISSING_TOKEN, "missing token"),
    RealtimeError(ErrorCode.INVALID_TOKEN, "invalid token"),
    RealtimeError(ErrorCode.TOKEN_EXPIRED, "token expired"),
    RealtimeError(ErrorCode.FORBIDDEN, "user_id is not the token's user", field="user_id"),
    not_found("There is nothing here"),
    channel_not_found("conversation:conv_9"),
    RealtimeError(ErrorCode.RATE_LIMITED, "More than 30 polls a minute", retry_after=12),
)
RETRY_AFTER = {
    "description": "Seconds until the next may be sent, as `details.retry_after` says, too",
    "schema": {"type": "integer"},
}


def component_name(status: int) -> str:
    """The name of the component for `status`, as `NotFound`."""
    return HTTPStatus(status).phrase.title().replace(" ", "")


def response(status: int, error: Schema) -> Schema:
    """The response object of one status.

    Args:
        error: refers to the schema of the error object.
    """
    content = {"schema": error, "examples": dict(_examples(status))}
    headers = {"headers": {"Retry-After": RETRY_AFTER}} if status == 429 else {}
    return {
        "description": ABOUT[status],
        **headers,
        "content": {"application/json": content},
    }


def response_like(own: Schema, status: int) -> Schema:
    """The response object of one status of a view that refuses in a form of its own.

    Args:
        own: its response object for every status.
    """
    found = response(status, own["content"]["application/json"]["schema"])
    headers = {**own.get("headers", {}), **found.get("headers", {})}
    return {**found, **({"headers": headers} if headers else {})}


def otherwise(error: Schema) -> Schema:
    """The response object of every status that is not described."""
    return {"description": OTHERWISE, "content": {"application/json": {"schema": error}}}


def _examples(status: int) -> Iterator[tuple[str, Any]]:
    for error in EXAMPLES:
        if error.status == status:
            yield error.code.value, {"value": msgspec.to_builtins(error.as_object())}
