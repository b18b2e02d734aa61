"""What it means when the server does not let a client in, or sends it away.

Three answers: the token has to be another one, to come again later, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from realtime.client.errors import AuthenticationError, ClientEndedError
from realtime.protocol import Disconnected, ErrorObject

# Statuses that come from the server's own hand, not from something in between, and
# will be no other the next time.
FINAL_STATUSES = frozenset({400, 403, 414})
LAST_CODE_TO_RETURN = 4499
LAST_CODE = 4999
TOKEN_ENDED = 4501


class UnavailableError(Exception):
    """It does not work now.

    Attributes:
        retry_after: the seconds for which the server says to stay away.
        reached: the server may have acted on what it was sent.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, reached: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reached = reached


class TokenRefusedError(Exception):
    """The server does not take the token; another one may do.

    Attributes:
        error: what to end with if there is no other.
    """

    def __init__(self, error: AuthenticationError) -> None:
        super().__init__(str(error))
        self.error = error


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """What a response that is no success means.

    Args:
        headers: those of the response; names in any case.
    """
    error = error_object(body)
    if status == 401:
        error = error or ErrorObject("INVALID_TOKEN", "invalid token", {})
        return TokenRefusedError(AuthenticationError(error.code, error.message, error.details))
    if error is not None and status in FINAL_STATUSES:
        return ClientEndedError(error.code, error.message, error.details)
    said = error.message if error else f"HTTP {status}"
    return UnavailableError(
        said,
        retry_after=_seconds(headers.get("Retry-After")),
        reached=status >= 500 and status != 503,
    )


def farewell(code: int | None, reason: str, goodbye: Disconnected | None) -> Exception:
    """What the end of a socket means.

    Args:
        code: its close code; None if it just broke off.
        goodbye: the `disconnect` frame that came before, which may be all that did.
    """
    if goodbye is not None:
        code, reason = goodbye.code, goodbye.reason
    if code is None or not LAST_CODE_TO_RETURN < code <= LAST_CODE:
        wait = goodbye.reconnect_after_ms if goodbye is not None else None
        seconds = wait / 1000 if isinstance(wait, int) else None
        return UnavailableError(f"closed with {code} {reason}".rstrip(), retry_after=seconds)
    details = {"close_code": code, "reason": reason}
    if code != TOKEN_ENDED:
        return ClientEndedError(
            "CLOSED", f"The server does not want this client: {reason}", details
        )
    if reason == "token_expired":
        return TokenRefusedError(AuthenticationError("TOKEN_EXPIRED", "token expired", details))
    return AuthenticationError("INVALID_TOKEN", f"The token has ended: {reason}", details)


def refused_hello(error: ErrorObject) -> Exception:
    """What it means that a `connect` is answered with an error."""
    if error.code == "INVALID_MESSAGE":
        return ClientEndedError(error.code, error.message, error.details)
    return UnavailableError(error.message, retry_after=error.details.get("retry_after"))


@contextmanager
def understood() -> Iterator[None]:
    """What is not of the protocol, in this block, comes from something in between.

    Raises:
        UnavailableError: there was such a thing.
    """
    try:
        yield
    except msgspec.MsgspecError as error:
        raise UnavailableError(f"no answer of the protocol: {error}") from error


def error_object(body: bytes) -> ErrorObject | None:
    """The error object in a response's body, if that is what it is."""
    try:
        return msgspec.json.decode(body, type=ErrorObject)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; one with a date (RFC 9110, section 10.2.3) is not used here."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
