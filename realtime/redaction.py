"""Keeps tokens out of the servers' logs: URLs end in them, and URLs carry tokens."""

from __future__ import annotations

import logging
import re
from typing import Any

TOKEN = re.compile(r"([?&]token=)[^&\s\"']+")
LOGGERS = (
    "uvicorn.error",
    "uvicorn.access",
    "daphne.server",
    "daphne.ws_protocol",
    "daphne.http_protocol",
    "django.request",
    "django.server",
    "django.channels.server",
)


class RedactTokens(logging.Filter):
    """Replaces the value of `token` in logged URLs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            record.msg = _redact(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(
                _redact(value) if isinstance(value, str) else value for value in record.args
            )
        return True


def _redact(text: str) -> str:
    return TOKEN.sub(r"\1[redacted]", text) if "token=" in text else text


def install() -> None:
    """Filter the loggers that write URLs, and daphne's access log, which is no logger."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(RedactTokens())
    try:
        from daphne.access import AccessLogGenerator
    except ImportError:
        return
    write_entry = AccessLogGenerator.write_entry
    if getattr(write_entry, "redacts", False):
        return

    def redacted(self: Any, *args: Any, **kwargs: Any) -> None:
        clean = [_redact(value) if isinstance(value, str) else value for value in args]
        named = {k: _redact(v) if isinstance(v, str) else v for k, v in kwargs.items()}
        write_entry(self, *clean, **named)

    redacted.redacts = True  # type: ignore[attr-defined]
    AccessLogGenerator.write_entry = redacted
