"""All that is looked at, in the order in which one thing needs the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from realtime.management.doctor import database, delivery, services, site
from realtime.management.doctor.findings import Finding, Level, error, told_by

Examination = Callable[[], Iterator[Finding]]

EXAMINATIONS: tuple[tuple[str, Examination], ...] = (
    ("settings", site.examine_settings),
    ("database", database.examine_reach),
    ("migrations", database.examine_migrations),
    ("clock", database.examine_clock),
    ("sqlite", database.examine_sqlite),
    ("connections", database.examine_connections),
    ("autovacuum", database.examine_vacuum),
    ("outbox", delivery.examine_outbox),
    ("log", delivery.examine_log),
    ("nodes", delivery.examine_nodes),
    ("layer", services.examine_layer),
    ("cache", services.examine_cache),
)

# Without these nothing of what follows can be found out.
FUNDAMENTAL = {"database", "migrations"}


def examine() -> Iterator[Finding]:
    """Look at everything; what cannot be looked at is a finding, too."""
    for check, examination in EXAMINATIONS:
        findings = list(_guarded(check, examination))
        yield from findings
        if check in FUNDAMENTAL and any(one.level is Level.ERROR for one in findings):
            return


def _guarded(check: str, examination: Examination) -> Iterator[Finding]:
    try:
        yield from examination()
    except Exception as failure:
        yield error(check, told_by(failure), ADVICE.get(check, REFUSED))


REFUSED = "This could not be looked at: the database or its log says why."
ADVICE = {
    "database": "Is it up, and DATABASES (the sample site: DATABASE_URL) right? Nothing after this "
    "was looked at.",
    "settings": "A system check failed: see `manage.py check --traceback`.",
}
