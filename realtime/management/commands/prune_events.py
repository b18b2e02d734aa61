"""`manage.py prune_events`: delete old events from the log now."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from realtime import log, protocol
from realtime.conf import conf
from realtime.management.arguments import duration
from realtime.management.command import EngineCommand
from realtime.management.output import counted


class Command(EngineCommand):
    help = (
        "Delete old events from the log. Servers do this by themselves; use it to make room "
        "now. Clients that come back from before the pruned part are told to resync. Each batch "
        "is a transaction of its own: safe to interrupt and to run again."
    )
    examples = (
        ("", "what servers delete anyway, now"),
        ("--max-age 2h", "all but the last two hours"),
        ("--max-age 0 --dry-run", "how many events are in the log"),
    )
    interrupted = "Interrupted; what was deleted stays deleted. Run it again to go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        assert isinstance(parser, CommandParser)
        parser.add_argument(
            "--max-age",
            type=duration,
            metavar="AGE",
            help="Delete what is older than this, in seconds or as 10m, 2h or 1d; 0 deletes every "
            f"event that is in the log. Default: REALTIME['RETENTION'], {conf().RETENTION:g} s.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say how many events that would be."
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        seconds = conf().RETENTION if options["max_age"] is None else options["max_age"]
        max_age = timedelta(seconds=seconds)
        through = log.position_at(protocol.now() - max_age)
        count = through - log.read_head().pruned_through
        if not options["dry_run"]:
            total, count = count, 0
            with self.progress("Deleting events", total) as advance:
                for deleted in log.prune_in_batches(max_age):
                    count += deleted
                    advance(deleted)
        if options["json"]:
            self.write_json({"events": count, "deleted": not options["dry_run"]})
            return
        done = "would be deleted" if options["dry_run"] else "deleted"
        self.stdout.write(f"{counted(count, 'event')} older than {seconds:g} s {done}.")
