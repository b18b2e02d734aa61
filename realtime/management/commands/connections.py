"""`manage.py connections`: who is connected, over all servers; and ending connections."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from realtime import sessions
from realtime.errors import CloseCode
from realtime.management.arguments import find_user
from realtime.management.command import EngineCommand, UsageError
from realtime.management.output import counted
from realtime.rights import ENDED_BY_OPERATOR, close_user
from realtime.sessions import LiveConnection

# A node obeys within its TAIL_INTERVAL, and takes the session off the registry.
PATIENCE = 10.0
LOOK_SECONDS = 0.1
HEADERS = ("Connection", "User", "Name", "Transport", "Node", "Address", "Since", "State")


class Command(EngineCommand):
    help = (
        "List the connections that are open now, over all servers: sockets, and users who poll. "
        "Piped, the fields are between tabs, without a header.\n\n"
        "--disconnect ends connections within a second, on whichever server they are; clients "
        "come back by themselves. To keep somebody out, disable the account; to make somebody log "
        "in again, see revoke_tokens. A waiting poll ends with its user's connections; it stays "
        "in the list until it would have run out."
    )
    examples = (
        ("", "everybody"),
        ("--user alice", "alice's, by login name or key"),
        ("--node web1:4711 --json | jq length", "how many one server has"),
        ("--disconnect 7c9e6679-7425-40de-944b-e07fc1f90ae7", "end one"),
        ("--user alice --disconnect", "end all of alice's"),
    )
    statuses = (
        "listed; with --disconnect: they are gone",
        "failed; with --disconnect: some are still there",
    )
    interrupted = (
        "Interrupted. Connections that were told to go do so. List them to see, or run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="Only this user's: a login name or key.")
        parser.add_argument("--node", help="Only those on this server, as it is listed.")
        parser.add_argument(
            "--disconnect", nargs="*", metavar="CONNECTION",
            help="End these connections, or, without any, all those of --user.",
        )  # fmt: skip
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_user(options["user"]) if options["user"] is not None else None
        if options["disconnect"] is not None:
            self._disconnect(user, options)
            return
        found = sessions.live_connections(None if user is None else user.pk)
        if options["node"] is not None:
            found = [one for one in found if one.node == options["node"]]
        if options["json"]:
            self.write_json(found)
            return
        self.show_rows(HEADERS, [_row(one) for one in found])
        if self.on_terminal:
            users = counted(len({one.user_id for one in found}), "user")
            self.stdout.write(f"{counted(len(found), 'connection')} of {users}.")

    def _disconnect(self, user: Any, options: dict[str, Any]) -> None:
        ids = set(options["disconnect"])
        if options["node"] is not None:
            raise UsageError("--disconnect takes connections or a --user, not a --node.")
        if bool(ids) == (user is not None):
            raise UsageError("--disconnect takes connections, or stands alone beside a --user.")
        open_now = [one for one in sessions.live_connections(user and user.pk) if one.id]
        going = [one for one in open_now if one.id in ids or user is not None]
        if missing := ids - {one.id for one in going}:
            raise UsageError(f"Not connected: {', '.join(sorted(missing))}. Nothing was done.")
        if user is not None:
            close_user(user.pk, CloseCode.RECONNECT, ENDED_BY_OPERATOR)
        for one in going if user is None else ():
            close_user(one.user_id, CloseCode.RECONNECT, ENDED_BY_OPERATOR, connection_id=one.id)
        remaining = _await_end({one.id for one in going})
        if options["json"]:
            ended = [one.id for one in going if one.id not in remaining]
            self.write_json({"ended": ended, "remaining": sorted(remaining)})
        if remaining:
            raise CommandError(
                f"Told {counted(len(going), 'connection')} to end; after {PATIENCE:g} s still "
                f"there: {len(remaining)}. `manage.py doctor` says whether their server is well."
            )
        if not options["json"]:
            self.stdout.write(f"{counted(len(going), 'connection')} ended.")


def _row(one: LiveConnection) -> tuple[object, ...]:
    state = "idle" if one.idle else "active"
    return (
        one.id, one.user_id, one.name, one.transport, one.node, one.address, one.since, state,
    )  # fmt: skip


def _await_end(ids: set[str]) -> set[str]:
    """Those of the connections that are still there when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while remaining := sessions.still_open(ids):
        if time.monotonic() > deadline:
            return remaining
        time.sleep(LOOK_SECONDS)
    return set()
