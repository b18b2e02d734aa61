"""An app for the laboratory's nodes: strikes them in the middle of the relay's transaction.

A file named by LAB_ORDER holds the name of a signal. The node removes the file
and sends itself the signal while it holds the lock on the log's head, with rows
copied and not committed: no luck is needed to hit that moment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from django.apps import AppConfig


class HooksConfig(AppConfig):
    name = "tests.faults.hooks"
    label = "faults"

    def ready(self) -> None:
        if path := os.environ.get("LAB_ORDER"):
            _obey_in_relay(Path(path))


def _obey_in_relay(order: Path) -> None:
    from realtime import erasure
    from realtime.models import Event

    carry_out = erasure.carry_out  # the relay's last step before it empties the outbox

    def carry_out_and_obey(events: Iterable[Event]) -> None:
        carry_out(events)
        if order.exists():
            number = signal.Signals[order.read_text()]
            order.unlink()
            os.kill(os.getpid(), number)

    erasure.carry_out = carry_out_and_obey
