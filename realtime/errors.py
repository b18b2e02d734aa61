"""Every error code and close code of the protocol, in one place.

This module knows nothing of Django or of transports: it says what can go
wrong, under which name, with which HTTP status, and whether a client whose
socket was closed should come back. Who raises an error decides its text.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

from realtime.protocol import ErrorObject


class ErrorCode(StrEnum):
    """The `code` of an error object, on sockets and over HTTP alike."""

    MISSING_TOKEN = "MISSING_TOKEN"
    INVALID_TOKEN = "INVALID_TOKEN"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    FORBIDDEN = "FORBIDDEN"
    CHANNEL_NOT_FOUND = "CHANNEL_NOT_FOUND"
    NOT_FOUND = "NOT_FOUND"
    MAX_CONNECTIONS = "MAX_CONNECTIONS"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL_ERROR = "INTERNAL_ERROR"

    @property
    def http_status(self) -> int:
        """The HTTP status that goes with this code."""
        return _HTTP_STATUS[self]


_HTTP_STATUS = {
    ErrorCode.MISSING_TOKEN: 401,
    ErrorCode.INVALID_TOKEN: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.INVALID_MESSAGE: 400,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.CHANNEL_NOT_FOUND: 404,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.MAX_CONNECTIONS: 429,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL_ERROR: 500,
}


class CloseCode(IntEnum):
    """WebSocket close codes.

    4000 to 4499 invite the client to reconnect, 4500 to 4999 tell it not to.
    Codes below 4000 mean what RFC 6455, section 7.4.1 says.
    """

    NORMAL = 1000
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    RECONNECT = 4000
    GOING_AWAY = 4001
    TOO_SLOW = 4002
    TOKEN_EXPIRED = 4501
    ACCOUNT_DISABLED = 4503
    FLOODING = 4529

    @property
    def announced(self) -> bool:
        """Whether a `disconnect` frame with the reason goes before the close."""
        return self >= 4000

    @property
    def reconnect(self) -> bool:
        """Whether the client should come back."""
        return self < 4500


class RealtimeError(Exception):
    """A refusal that the client is told about.

    Args:
        code: what kind of refusal it is.
        message: one sentence for the developer of the client.
        status: the HTTP status, where it is not the usual one of `code`
            (405 for a wrong method, 503 while draining).
        details: further fields, such as `field` or `retry_after` (seconds).
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        status: int | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.status = status or code.http_status

    def as_object(self) -> ErrorObject:
        """The error object of the protocol."""
        return ErrorObject(code=self.code.value, message=self.message, details=self.details)


def invalid(message: str, **details: Any) -> RealtimeError:
    """An INVALID_MESSAGE error; `details` should name the `field` at fault."""
    return RealtimeError(ErrorCode.INVALID_MESSAGE, message, **details)


def channel_not_found(channel: str) -> RealtimeError:
    """The one answer for a channel that is unknown or closed to this user."""
    return RealtimeError(
        ErrorCode.CHANNEL_NOT_FOUND, "Channel does not exist", channel=channel[:100]
    )


def not_found(message: str, **details: Any) -> RealtimeError:
    """The one answer for an object that does not exist or is not this user's."""
    return RealtimeError(ErrorCode.NOT_FOUND, message, **details)
