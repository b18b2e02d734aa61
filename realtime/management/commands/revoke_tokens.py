"""`manage.py revoke_tokens alice`: end a user's tokens and connections now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from realtime.revocation import revoke_tokens


class Command(BaseCommand):
    help = (
        "End all tokens that the user has now: access tokens at once, refresh tokens too where "
        "simplejwt's blacklist is installed. Open sockets and waiting polls end on every server "
        "within a second. The user can log in again; to keep somebody out, disable the account."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="The user's login name.")

    def handle(self, *args: Any, **options: Any) -> None:
        model = get_user_model()
        user = model._default_manager.filter(**{model.USERNAME_FIELD: options["user"]}).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        revoke_tokens(user)
        self.stdout.write(f"The tokens of {options['user']} are revoked.")
