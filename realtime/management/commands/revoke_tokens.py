"""`manage.py revoke_tokens alice`: end users' tokens and connections now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandParser

from realtime.management.arguments import find_users
from realtime.management.command import EngineCommand
from realtime.revocation import revoke_tokens
from realtime.users import user_id


class Command(EngineCommand):
    help = (
        "End all tokens that the users have now, access and refresh tokens. Open sockets and "
        "waiting polls end on every server within a second. They can log in again; to keep "
        "somebody out, disable the account."
    )
    examples = (
        ("alice", "end alice's tokens and connections"),
        ("alice 17 bob@example.org", "those of three users, by login name or key"),
    )
    interrupted = (
        "Interrupted; each user is done wholly or not at all. Run it again: it does no harm twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        assert isinstance(parser, CommandParser)
        parser.add_argument("user", nargs="+", help="A user's login name or key.")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        users = find_users(options["user"])
        for user in users:
            revoke_tokens(user)
            if not options["json"]:
                self.stdout.write(f"The tokens of {user.get_username()} are revoked.")
        if options["json"]:
            self.write_json({"revoked": [user_id(user) for user in users]})
