"""What an examination finds: how bad it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what was looked at, in one word.
        message: what was found.
        advice: what to do; empty where nothing is.
    """

    level: Level
    check: str
    message: str
    advice: str = ""


def told_by(failure: Exception) -> str:
    """What an exception says, on one line."""
    return ": ".join(filter(None, (type(failure).__name__, " ".join(str(failure).split()))))


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, check, message)


def warning(check: str, message: str, advice: str) -> Finding:
    """It works, but not as well or as safely as it should."""
    return Finding(Level.WARNING, check, message, advice)


def error(check: str, message: str, advice: str) -> Finding:
    """Something is wrong."""
    return Finding(Level.ERROR, check, message, advice)
