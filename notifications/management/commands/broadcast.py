"""`manage.py broadcast "Back at 9:00"`: notify every active user."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from notifications.services import notify_many
from realtime import log, relay
from realtime.users import parse_user_id

MAX_BATCH = 1000
# While so many events wait for the relay, others' would have to wait behind more of ours.
LONGEST_OUTBOX = 200
LOOK_SECONDS = 0.002
# After this long without a server's relay the command does its work.
PATIENCE = 2.0


class Command(BaseCommand):
    help = (
        "Notify every active user; those who are connected get it at once. Written in "
        "batches, each in a transaction of its own, and no faster than servers can hand "
        "out: what others do meanwhile goes first. If it is interrupted it says how to go on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("message", help="The text that people read.")
        parser.add_argument(
            "--type", default="announcement", help="The notification's type (default: %(default)s)."
        )
        parser.add_argument(
            "--batch",
            type=int,
            default=200,
            help=f"Users in one transaction, at most {MAX_BATCH} (default: %(default)s).",
        )
        parser.add_argument(
            "--after", metavar="ID", help="Only users whose key is greater; to go on after one."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        size = options["batch"]
        if not 1 <= size <= MAX_BATCH:
            raise CommandError(f"--batch must be 1 to {MAX_BATCH}.")
        written, last = 0, options["after"]
        try:
            for keys in _batches(last, size):
                _give_way()
                written += notify_many(keys, options["type"], options["message"])
                last = keys[-1]
        except ValueError as error:
            raise CommandError(str(error)) from None
        except (KeyboardInterrupt, Error) as error:
            why = "Interrupted" if isinstance(error, KeyboardInterrupt) else f"Failed ({error})"
            going_on = "" if last is None else f" Go on with --after {last}."
            raise CommandError(f"{why}, {written} notified.{going_on}") from None
        self.stdout.write(f"{written} users notified.")


def _batches(after: str | None, size: int) -> Iterator[list[Any]]:
    """The keys of all active users, in order."""
    model = get_user_model()
    users = model._default_manager.filter(is_active=True).order_by("pk")
    rest = users if after is None else users.filter(pk__gt=parse_user_id(after))
    while keys := list(rest.values_list("pk", flat=True)[:size]):
        yield keys
        rest = users.filter(pk__gt=keys[-1])


def _give_way() -> None:
    """Return when few events wait for the relay."""
    since = time.monotonic()
    while log.backlog(LONGEST_OUTBOX + 1) > LONGEST_OUTBOX:
        if time.monotonic() - since > PATIENCE:
            relay.drain()
        time.sleep(LOOK_SECONDS)
