"""`manage.py new_epoch`: begin the log anew, after rows were lost."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandParser

from realtime import log
from realtime.management.command import EngineCommand, UsageError

# What the database's column can still count on from.
LARGEST = 2**62


class Command(EngineCommand):
    help = (
        "Tell every client that the log is not the one they knew, so that they fetch their state "
        "afresh. Needed after the database was restored from a backup, or a failover lost its last "
        "rows, while no server was running: running ones notice by themselves. Nothing is deleted. "
        "All clients of the site will ask for their state at about the same time."
    )
    examples = (
        ("", "ask, then begin a new epoch"),
        ("--yes", "as in a script"),
        ("--yes --beyond 81234", "a client has said that it had seen 81234"),
    )
    statuses = ("a new epoch has begun", "not confirmed, or failed: the log is as it was")
    interrupted = "Interrupted: nothing was changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        assert isinstance(parser, CommandParser)
        parser.add_argument(
            "--beyond",
            type=int,
            default=0,
            metavar="SEQUENCE",
            help="A number known to have been given before, as from a log or a client: the new "
            "epoch begins above it.",
        )
        parser.add_argument(
            "--yes", "--no-input", action="store_true", help="Do not ask, as in a script."
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["beyond"] <= LARGEST:
            raise UsageError(f"--beyond must be 0 to {LARGEST}.")
        head = log.ensure_head()
        if not options["yes"]:
            tell = self.note if options["json"] else self.stdout.write
            tell(
                f"The log stands at {head.sequence} in epoch {head.epoch}. Every client will fetch "
                "its state afresh."
            )
        self.confirm("Begin a new epoch?", yes=options["yes"])
        new = log.begin_epoch(head.epoch, beyond=options["beyond"])
        if options["json"]:
            self.write_json({"epoch": new.epoch, "sequence": new.sequence, "before": head.epoch})
            return
        self.stdout.write(
            f"The log goes on at {new.sequence} in epoch {new.epoch} (before: {head.epoch})."
        )
