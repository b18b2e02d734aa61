"""Everything that can go wrong, as one tree of exceptions.

    ClientError
        CommandError            the server has refused a command
        AckTimeoutError         it has not answered in time       (also a TimeoutError)
        QueueFullError          too much is waiting to be sent
        ConnectionLostError     the answer went with a connection (also a ConnectionError)
        ClientEndedError        the client has ended, and does not come back by itself
            AuthenticationError     no token, or none that the server takes

Every one has `code`, `message` and `details`: the server's (docs/protocol.md,
*Errors*) where it refused something, else one of `TIMEOUT`, `QUEUE_FULL`,
`CONNECTION_LOST`, `DISCONNECTED` and `CLOSED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime.protocol import ErrorObject


class ClientError(Exception):
    """Base of all errors of the client.

    Attributes:
        code: what kind of error it is, in capitals.
        message: one sentence for developers.
        details: further fields, such as `field` or `retry_after` (seconds).
    """

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = dict(details or {})


class CommandError(ClientError):
    """The server has answered a command with an error: it has had no effect."""

    @classmethod
    def of(cls, error: ErrorObject) -> CommandError:
        """The error that an error object tells of."""
        return cls(error.code, error.message, error.details)


class AckTimeoutError(ClientError, TimeoutError):
    """No answer came in time: the command may have taken effect, or still do so.

    `details["id"]` is the frame's id. A `message` that is sent again under it is
    not said twice.
    """

    def __init__(self, type: str, id: str, seconds: float) -> None:
        super().__init__("TIMEOUT", f"No answer to {type} within {seconds:g} s", {"id": id})


class QueueFullError(ClientError):
    """The client is not connected, and as much is waiting to be sent as may wait."""

    def __init__(self, limit: int) -> None:
        super().__init__("QUEUE_FULL", f"{limit} commands are waiting to be sent")


class ConnectionLostError(ClientError, ConnectionError):
    """The connection ended before the answer came: the command may have taken effect.

    Never raised for `message`, which is sent again on the next connection.
    """

    def __init__(self, type: str, id: str) -> None:
        message = f"The connection ended before {type} was answered"
        super().__init__("CONNECTION_LOST", message, {"id": id})


class ClientEndedError(ClientError):
    """The client has ended: by `disconnect`, or because the server does not want it back.

    `details` has `close_code` and `reason` where the server has said why.
    """


class AuthenticationError(ClientEndedError):
    """There is no token, or none that the server takes.

    Raise it in `get_token` to say that there will be no other token.
    """
