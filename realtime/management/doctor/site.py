"""The site's settings, by Django's system checks."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from realtime import log
from realtime.conf import CHECKS
from realtime.management.doctor.findings import Finding, Level, ok, warning


def examine_settings() -> Iterator[Finding]:
    """The engine's own checks; in production also Django's of security."""
    tags = [CHECKS]
    if settings.DEBUG:
        yield warning("settings", "DEBUG is on", "For developing only: unset it in production.")
    else:
        tags.append(checks.Tags.security)
    found = checks.run_checks(
        tags=tags,
        include_deployment_checks=not settings.DEBUG,
        databases=[log.database_alias()],
    )
    for message in found:
        if not message.is_silenced():
            yield _as_finding(message)
    if not found:
        yield ok("settings", "no system check complains")


def _as_finding(message: checks.CheckMessage) -> Finding:
    level = Level.ERROR if message.level >= checks.ERROR else Level.WARNING
    told = " ".join(str(message.msg).split())
    advice = message.hint or f"What is meant on purpose: SILENCED_SYSTEM_CHECKS = ['{message.id}']."
    return Finding(level, "settings", f"{message.id}: {told}", str(advice))
