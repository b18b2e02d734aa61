"""What the runbook says of an alert."""

from __future__ import annotations

import re

from tests.alerts.prometheus import OPERATIONS


class RunbookError(Exception):
    """The runbook lacks what the trial types."""


def section_of(alert: str) -> str:
    """The section of docs/operations.md about this alert.

    Raises:
        RunbookError: there is none.
    """
    found = re.search(rf"^### {alert}\n(.*?)(?=^##)", OPERATIONS.read_text(), re.M | re.S)
    if found is None:
        raise RunbookError(f"docs/operations.md has no section {alert}")
    return " ".join(found[1].split())
