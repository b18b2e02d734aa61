"""`manage.py tail alice`: follow the events of one user, as they enter the log."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from realtime import log, relay
from realtime.conf import conf
from realtime.users import user_id

PAGE = 500


class Command(BaseCommand):
    help = (
        "Print a user's events as they happen, one frame of JSON a line: what the user's "
        "sockets get on all their channels. Reads the log, needs no server. Ctrl-C ends it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="The user's login name.")
        parser.add_argument(
            "--since",
            type=int,
            metavar="SEQUENCE",
            help="Begin after this sequence instead of now; 0 begins with the oldest event kept.",
        )
        parser.add_argument("--count", type=int, metavar="N", help="End after this many events.")

    def handle(self, *args: Any, **options: Any) -> None:
        model = get_user_model()
        user = model._default_manager.filter(**{model.USERNAME_FIELD: options["user"]}).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        position = log.read_head().sequence if options["since"] is None else options["since"]
        self.stderr.write(f"Following {options['user']} after {position}. Ctrl-C to end.")
        try:
            self._follow(user_id(user), position, options["count"])
        except KeyboardInterrupt:
            pass

    def _follow(self, user: str, position: int, count: int | None) -> None:
        left = count
        while left is None or left > 0:
            relay.drain()  # where no server runs, nobody else does
            head = log.read_head()
            limit = PAGE if left is None else min(PAGE, left)
            events = log.read_for(user, after=position, upto=head.sequence, topics=(), limit=limit)
            for event in events:
                self.stdout.write(event.frame.text)
                self.stdout.flush()
            position = events[-1].sequence if len(events) == limit else head.sequence
            if left is not None:
                left -= len(events)
            if not events:
                time.sleep(conf().TAIL_INTERVAL)
