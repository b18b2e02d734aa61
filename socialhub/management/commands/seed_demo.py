"""`manage.py seed_demo`: demo users, and something for them to see."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from notifications.services import notify
from socialhub import services
from socialhub.models import Post

PASSWORD = "demo-socialhub"
PEOPLE = (
    ("alice", "Alice", "Archer", True),
    ("bob", "Bob", "Baker", False),
    ("carol", "Carol", "Carter", False),
)


class Command(BaseCommand):
    help = (
        "Create the demo users alice (staff), bob and carol, who have posted, commented, liked "
        "and followed a little. Only for development: with DEBUG, on a SQLite file. Safe to run "
        "again."
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
            self._seed_people()
            self._seed_posts()
        names = ", ".join(name for name, *_ in PEOPLE)
        self.stdout.write(f"Log in as {names}; the password is {PASSWORD}")

    def _seed_people(self) -> None:
        users = get_user_model().objects
        if users.filter(username=PEOPLE[0][0]).exists():
            return
        for name, first, last, staff in PEOPLE:
            user = users.create_user(
                username=name,
                password=PASSWORD,
                first_name=first,
                last_name=last,
                is_staff=staff,
                is_superuser=staff,
            )
            notify(user, "welcome", f"Welcome to SocialHub, {first}")

    def _seed_posts(self) -> None:
        users = get_user_model().objects.in_bulk(
            [name for name, *_ in PEOPLE], field_name="username"
        )
        if Post.objects.exists() or len(users) < len(PEOPLE):
            return
        alice, bob, carol = (users[name] for name, *_ in PEOPLE)
        for follower, followed in ((bob, alice), (carol, alice), (alice, bob)):
            services.follow(follower, followed.pk)
        hello = services.create_post(alice, "Hello, SocialHub! Who else is here?")
        services.comment(bob, hello.pk, "I am. And @carol is just coming in.")
        services.comment(carol, hello.pk, "Here I am!")
        services.like(carol, hello.pk)
        services.create_post(bob, "Fresh bread at nine. @alice, shall I keep you a loaf?")
        services.create_post(carol, "Open this page twice and watch it change.")
