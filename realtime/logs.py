"""Structured logs: one JSON object a line, with whom and what it is about.

    LOGGING = {
        "formatters": {"json": {"()": "realtime.logs.JsonFormatter"}},
        ...
    }

Lines of the engine have `connection_id`, `user_id` and `request_id` where there is one.
Neither tokens nor the text of messages are logged, in whatever format.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

FIELDS = ("request_id", "user_id", "connection_id")

_context: ContextVar[dict[str, str]] = ContextVar("realtime_log_context")


def bind(**fields: str) -> None:
    """Say what the log lines of this task, and of what it starts, are about.

    Args:
        fields: any of `request_id`, `user_id`, `connection_id`.
    """
    _context.set({**_context.get({}), **fields})


def fields() -> dict[str, str]:
    """What `bind` was given in this task."""
    return _context.get({})


def bound(field: str) -> str | None:
    """What `bind` was given for this field."""
    return _context.get({}).get(field)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get({}),
        }
        line.update({name: value for name in FIELDS if (value := getattr(record, name, None))})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
