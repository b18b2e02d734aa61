"""`manage.py new_epoch`: begin the log anew, after rows were lost."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from realtime import log


class Command(BaseCommand):
    help = (
        "Tell every client that the log is not the one they knew, so that they fetch their state "
        "afresh. Needed after the database was restored from a backup, or a failover lost its last "
        "rows, while no server was running: running ones notice by themselves. Nothing is deleted. "
        "All clients of the site will ask for their state at about the same time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--beyond",
            type=int,
            default=0,
            metavar="SEQUENCE",
            help="A number known to have been given before, as from a log or a client: the new "
            "epoch begins above it.",
        )
        parser.add_argument("--no-input", action="store_true", help="Do not ask, as in a script.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["beyond"] < 0:
            raise CommandError("--beyond must not be negative.")
        head = log.ensure_head()
        if not options["no_input"]:
            self.stdout.write(
                f"The log stands at {head.sequence} in epoch {head.epoch}. Every client will fetch "
                "its state afresh."
            )
            if input("Begin a new epoch? [y/N] ").strip().lower() not in {"y", "yes"}:
                raise CommandError("Nothing was changed.")
        new = log.begin_epoch(head.epoch, beyond=options["beyond"])
        self.stdout.write(
            f"The log goes on at {new.sequence} in epoch {new.epoch} (before: {head.epoch})."
        )
