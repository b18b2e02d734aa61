"""Failures as clients are told of them: what is no refusal of ours is logged, and says nothing."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from django.db import InterfaceError, InternalError, OperationalError

from realtime import logs
from realtime.errors import ErrorCode, RealtimeError, invalid
from realtime.protocol import DecodeError

logger = logging.getLogger("realtime.failures")

OUTAGE_RETRY_AFTER = 1


def as_refusal(error: Exception, doing: str) -> RealtimeError:
    """What a client is told of any failure; unexpected ones are logged."""
    if isinstance(error, RealtimeError):
        return error
    if isinstance(error, DecodeError):
        return as_invalid(error)
    return internal_error(error, doing)


def internal_error(error: Exception, doing: str) -> RealtimeError:
    """Log an unexpected failure; what the client may know of it."""
    request_id = logs.bound("request_id") or uuid4().hex
    # PostgreSQL calls it internal that a transaction has waited too long, as after a freeze.
    outage = isinstance(error, OperationalError | InterfaceError | InternalError)
    logger.error(
        "%s failed, request_id=%s",
        doing,
        request_id,
        exc_info=error,
        extra={"request_id": request_id},
    )
    details: dict[str, Any] = {"request_id": request_id}
    if outage:
        details["retry_after"] = OUTAGE_RETRY_AFTER
    return RealtimeError(ErrorCode.INTERNAL_ERROR, "Internal server error", **details)


def as_invalid(error: DecodeError) -> RealtimeError:
    """A frame that cannot be read, as the error that says so."""
    return invalid(str(error), **({"field": error.field} if error.field else {}))
