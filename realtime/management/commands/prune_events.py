"""`manage.py prune_events`: delete old events from the log now."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from realtime import log
from realtime.conf import conf


class Command(BaseCommand):
    help = (
        "Delete old events from the log. Servers do this by themselves; use it to make room "
        "now. Clients that come back from before the pruned part are told to resync. "
        "Safe to interrupt and to run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--max-age",
            type=float,
            metavar="SECONDS",
            help="Delete what is older than this; 0 deletes every event that is in the log. "
            f"Default: REALTIME['RETENTION'], {conf().RETENTION:g} s.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        seconds = conf().RETENTION if options["max_age"] is None else options["max_age"]
        if seconds < 0:
            raise CommandError("--max-age must not be negative.")
        deleted = log.prune(timedelta(seconds=seconds))
        self.stdout.write(f"{deleted} events older than {seconds:g} s deleted.")
