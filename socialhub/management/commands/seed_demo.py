"""`manage.py seed_demo`: demo users, and something for them to see."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from messaging import services as messaging
from notifications.services import mark_all_read, notify
from realtime.management.command import EngineCommand
from socialhub import services
from socialhub.demo import FOLLOWS, PASSWORD, PEOPLE, POSTS, TALKS, DemoPost, DemoTalk
from socialhub.models import Post

# Where a row's moments are. The services know of now only: what they write is moved back.
MOMENTS = {
    "socialhub.Post": ("created_at", "updated_at"),
    "socialhub.Comment": ("created_at",),
    "notifications.Notification": ("created_at",),
    "messaging.Conversation": ("created_at",),
    "messaging.Message": ("created_at",),
}
UNREAD_POSTS = 3  # of what happened to the last of them nobody has read yet
PAUSE = timedelta(minutes=2)  # between two comments, or messages


class Command(EngineCommand):
    help = (
        "Create demo users, alice (staff) and bob among them, who have posted, commented, liked, "
        "followed and written to each other a little. Only for development: with DEBUG, on a "
        "SQLite file. Safe to run again."
    )
    examples = (("", "create them"), ("--if-embedded", "as `make serve` does"))
    statuses = ("they are there", "this is no development set-up; nothing was done")
    interrupted = "Interrupted: nothing was done. Run it again."

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
            Seed().plant()
        names = ", ".join(name for name, *_ in PEOPLE)
        self.stdout.write(f"Log in as {names}; the password is {PASSWORD}")


class Seed:
    """The demo's people, and what they have done until now."""

    def __init__(self) -> None:
        self._now = timezone.now()
        self._users: dict[str, Any] = {}

    def plant(self) -> None:
        """Create what is missing; what there is stays as it is."""
        for name, first, last, staff in PEOPLE:
            self._users[name] = self._person(name, first, last, staff)
        if not Post.objects.exists():
            for follower, followed in FOLLOWS:
                with self._at(self._now - timedelta(days=7)):
                    services.follow(self._users[follower], self._users[followed].pk)
            for number, post in enumerate(POSTS):
                if number == len(POSTS) - UNREAD_POSTS:
                    for user in self._users.values():
                        mark_all_read(str(user.pk))
                self._post(post)
        if not apps.get_model("messaging.Conversation")._default_manager.exists():
            for talk in TALKS:
                self._talk(talk)

    def _person(self, name: str, first: str, last: str, staff: bool) -> Any:
        users = get_user_model().objects
        if known := users.filter(username=name).first():
            return known
        user = users.create_user(
            username=name,
            password=PASSWORD,
            first_name=first,
            last_name=last,
            is_staff=staff,
            is_superuser=staff,
        )
        with self._at(self._now - timedelta(days=8)):
            notify(user, "welcome", f"Welcome to SocialHub, {first}")
        return user

    def _post(self, post: DemoPost) -> None:
        moment = self._now - post.age
        with self._at(moment):
            written = services.create_post(self._users[post.author], post.text)
        for number, (author, text) in enumerate(post.comments, start=1):
            with self._at(moment + number * PAUSE):
                services.comment(self._users[author], written.pk, text)
        with self._at(moment + (len(post.comments) + 1) * PAUSE):
            for name in post.likes:
                services.like(self._users[name], written.pk)

    def _talk(self, talk: DemoTalk) -> None:
        keys = [str(self._users[name].pk) for name in talk.people]
        moment = self._now - talk.age
        with self._at(moment):
            conversation, _ = messaging.create_conversation(keys[0], list(keys[1:]), talk.title)
        for number, (author, content) in enumerate(talk.lines):
            if number == len(talk.lines) - talk.unread:
                self._read(conversation.pk, keys)
            moment = self._now - talk.age + number * PAUSE
            with self._at(moment):
                messaging.send_message(str(self._users[author].pk), conversation.pk, content)
        if not talk.unread:
            self._read(conversation.pk, keys)
        rows = type(conversation)._default_manager.filter(pk=conversation.pk)
        rows.update(last_activity_at=moment)

    def _read(self, conversation_pk: int, keys: list[str]) -> None:
        for key in keys:
            messaging.mark_read(key, conversation_pk)

    @contextmanager
    def _at(self, moment: datetime) -> Iterator[None]:
        """What is written in this block was written at that time."""
        models = {apps.get_model(label): fields for label, fields in MOMENTS.items()}
        last = {model: model._default_manager.aggregate(pk=Max("pk"))["pk"] for model in models}
        yield
        for model, fields in models.items():
            fresh = model._default_manager.filter(pk__gt=last[model] or 0)
            fresh.update(**dict.fromkeys(fields, moment))
