"""`manage.py seed_demo`: demo users, and something for them to see."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from notifications.services import notify

PASSWORD = "demo-socialhub"
PEOPLE = (
    ("alice", "Alice", "Archer", True),
    ("bob", "Bob", "Baker", False),
    ("carol", "Carol", "Carter", False),
)


class Command(BaseCommand):
    help = (
        "Create the demo users alice (staff), bob and carol, with a few notifications. Only "
        "for development: with DEBUG, on a SQLite file. Safe to run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-embedded",
            action="store_true",
            help="Do nothing, instead of failing, where this is no development set-up.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        engine = settings.DATABASES["default"]["ENGINE"]
        if not settings.DEBUG or not engine.endswith("sqlite3"):
            if options["if_embedded"]:
                return
            raise CommandError(
                "Demo users have a known password: they are created only with DEBUG on and "
                "a SQLite database."
            )
        with transaction.atomic():
            self._seed()
        names = ", ".join(name for name, *_ in PEOPLE)
        self.stdout.write(f"Log in as {names}; the password is {PASSWORD}")

    def _seed(self) -> None:
        users = get_user_model().objects
        if users.filter(username=PEOPLE[0][0]).exists():
            return
        alice, bob, carol = (
            users.create_user(
                username=name,
                password=PASSWORD,
                first_name=first,
                last_name=last,
                is_staff=staff,
                is_superuser=staff,
            )
            for name, first, last, staff in PEOPLE
        )
        notify(alice, "welcome", "Welcome to SocialHub, Alice")
        notify(alice, "follow", "Bob Baker follows you", actor=bob)
        notify(alice, "like", "Carol Carter liked your post", actor=carol, post_id="post_1")
        notify(bob, "welcome", "Welcome to SocialHub, Bob")
        notify(carol, "welcome", "Welcome to SocialHub, Carol")
