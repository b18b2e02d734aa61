"""`manage.py broadcast "Back at 9:00"`: notify many users."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.db import DataError, Error
from django.db.models import QuerySet

from notifications import broadcasts
from notifications.audiences import Audience
from notifications.broadcasts import LONGEST_OUTBOX
from notifications.management.broadcast_arguments import (
    add_audience,
    add_content,
    audience_of,
    content_of,
    names_audience,
)
from notifications.models import Broadcast
from realtime import log, relay
from realtime.management.command import EngineCommand, UsageError, command_line, usage_errors
from realtime.management.output import counted
from realtime.users import parse_user_id

MAX_BATCH = 1000
# More than this is asked about first.
MANY = 1000
SAMPLE = 5
LOOK_SECONDS = 0.002
# After this long without a server's relay the command does its work.
PATIENCE = 2.0


class Command(EngineCommand):
    help = (
        "Notify many users; those who are connected get it at once, the others when they come "
        "back. Only active users are told. Written in batches, each in a transaction of its own, "
        "and no faster than servers can hand out: what others do meanwhile goes first.\n\n"
        "If it is interrupted, even by a power cut, --resume goes on with it, and nobody is told "
        f"twice. More than {MANY:,} users are asked about first."
    )
    examples = (
        ('"Back at 9:00"', "tell every active user"),
        ('"Meeting at 3" --users alice bob 17', "some, by login name or key"),
        ('"New in the admin" --staff --dry-run', "how many would be told, and some of them"),
        ('"Hello" --filter date_joined__gte=2026-01-01 --filter is_staff=false', "those for whom "
         "all lookups hold; times are in the site's time zone"),
        ('"We move on Friday" --channel conversation:conv_4', "the members of a conversation"),
        ("--all --yes --json-file notice.json", "message, type, params, extra, … from a file"),
        ("--resume", "go on with one that was interrupted"),
    )  # fmt: skip
    statuses = (
        "everybody was told",
        "failed, or interrupted: --resume goes on; or not confirmed",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_content(parser)
        add_audience(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="Tell nobody; say how many, and show some."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask, as in a script.")
        parser.add_argument(
            "--batch-size", "--batch", type=int, default=100, metavar="N", dest="batch",
            help=f"Users in one transaction, at most {MAX_BATCH} (default: %(default)s).",
        )  # fmt: skip
        parser.add_argument(
            "--after", metavar="KEY", default="", help="Only users whose key is greater."
        )
        unfinished = parser.add_mutually_exclusive_group()
        unfinished.add_argument(
            "--resume", nargs="?", type=int, const=0, metavar="ID",
            help="Go on with a broadcast that did not end, with what it was to tell and to whom; "
            "without a number, with the only one of a command.",
        )  # fmt: skip
        unfinished.add_argument(
            "--abandon", type=int, metavar="ID",
            help="Forget a broadcast that did not end. Those who were told keep what they got.",
        )  # fmt: skip
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["batch"] <= MAX_BATCH:
            raise UsageError(f"--batch-size must be 1 to {MAX_BATCH}.")
        if options["abandon"] is not None:
            self._abandon(options)
            return
        with usage_errors(ValueError, OverflowError, DataError):
            if options["resume"] is not None:
                broadcast = self._unfinished(options)
                audience = broadcasts.audience_of(broadcast)
            else:
                audience = audience_of(options)
                broadcast = _draft(options, audience)
            rest = audience.count(broadcast.last_key)
        if options["dry_run"]:
            self._show(broadcast, audience, rest, options)
            return
        if rest > MANY:
            question = f"Notify {audience.description}: {counted(rest, 'user')}?"
            self.confirm(question, yes=options["yes"] or _needs_no_answer(options))
        self._tell(broadcast, audience, rest, options)

    # --- telling -------------------------------------------------------------------------

    def _tell(
        self, broadcast: Broadcast, audience: Audience, rest: int, options: dict[str, Any]
    ) -> None:
        before = broadcast.notified
        try:
            if broadcast.pk is None:
                broadcast.total = rest
                broadcast.save()
            else:
                broadcasts.take_over(broadcast.pk)
            with self.progress("Notifying", rest) as advance:
                ended = False
                while not ended:
                    _give_way()
                    step = broadcasts.advance(broadcast.pk, audience, options["batch"])
                    if step is None:
                        raise CommandError(
                            f"Broadcast {broadcast.pk} was ended, stopped or abandoned elsewhere."
                        )
                    broadcast, ended = step.broadcast, step.last
                    advance(step.asked)
        except (KeyboardInterrupt, Error) as error:
            raise CommandError(_how_to_go_on(broadcast, error)) from None
        if options["json"]:
            self.write_json({"notified": broadcast.notified, "resumed_after": before})
            return
        earlier = f" ({before:,} of them before)" if before else ""
        self.stdout.write(f"{counted(broadcast.notified, 'user')} notified{earlier}.")

    def _show(
        self, broadcast: Broadcast, audience: Audience, rest: int, options: dict[str, Any]
    ) -> None:
        model = get_user_model()
        keys = audience.after(broadcast.last_key, SAMPLE).keys
        users = list(model._default_manager.filter(pk__in=keys).order_by("pk"))
        rows = [(user.pk, user.get_username()) for user in users]
        if options["json"]:
            sample = [{"id": str(key), "name": name} for key, name in rows]
            content = {name: value for name, value in broadcast.content.items() if value}
            self.write_json({"users": rest, "sample": sample, "content": content})
            return
        told = f", after {broadcast.notified:,} who were told before" if broadcast.notified else ""
        self.stdout.write(f"Would notify {audience.description}: {counted(rest, 'user')}{told}.")
        self.show_rows(("Next", "Name"), rows)

    # --- what did not end ----------------------------------------------------------------

    def _unfinished(self, options: dict[str, Any]) -> Broadcast:
        if names_audience(options) or options["message"] or options["json_file"]:
            raise UsageError("--resume knows the text and the audience: give neither.")
        unfinished = list(_not_ended().order_by("pk"))
        if options["resume"]:
            found = [one for one in unfinished if one.pk == options["resume"]]
        else:
            found = [one for one in unfinished if _is_a_command_s(one)]
        if len(found) == 1:
            return found[0]
        if named_by_number := found or (not options["resume"] and unfinished):
            listed = "; ".join(_described(one) for one in named_by_number)
            raise UsageError(f"Say which: --resume ID. {listed}.")
        named = f" {options['resume']}" if options["resume"] else ""
        raise UsageError(f"There is no unfinished broadcast{named}.")

    def _abandon(self, options: dict[str, Any]) -> None:
        broadcast = _not_ended().filter(pk=options["abandon"]).first()
        if broadcast is None:
            raise UsageError(f"There is no unfinished broadcast {options['abandon']}.")
        _not_ended().filter(pk=broadcast.pk).delete()
        if options["json"]:
            self.write_json({"abandoned": broadcast.pk, "notified": broadcast.notified})
            return
        self.stdout.write(f"Abandoned {_described(broadcast)}.")


def _not_ended() -> QuerySet[Broadcast]:
    return Broadcast.objects.exclude(state=Broadcast.State.DONE)


def _is_a_command_s(broadcast: Broadcast) -> bool:
    """Whether a command had it last, and nobody has stopped it: what a supervisor goes on with."""
    return broadcast.state == Broadcast.State.RUNNING and broadcast.lease_until is None


def _needs_no_answer(options: dict[str, Any]) -> bool:
    """Whether it is a script that goes on, or is from before there were audiences."""
    as_ever = not names_audience(options) and options["json_file"] is None
    return as_ever and not sys.stdin.isatty()


def _draft(options: dict[str, Any], audience: Audience) -> Broadcast:
    """What the options ask for.

    Raises:
        ValueError: they make no sense.
    """
    if options["after"]:
        parse_user_id(options["after"])
    content = content_of(options)
    content.check()
    return broadcasts.draft(content, audience, after=options["after"])


def _described(broadcast: Broadcast) -> str:
    what = broadcast.content["message"] or broadcast.content["type"]
    excerpt = what if len(what) <= 40 else f"{what[:39]}…"
    return (
        f"broadcast {broadcast.pk} of {broadcast.started_at:%Y-%m-%d %H:%M}Z to "
        f"{broadcast.audience['description']}, {broadcast.notified} notified: {excerpt!r}"
    )


def _how_to_go_on(broadcast: Broadcast, error: BaseException) -> str:
    why = "Interrupted" if isinstance(error, KeyboardInterrupt) else f"Failed ({error})"
    if broadcast.pk is None:
        return f"{why}, nobody was notified."
    line = command_line("broadcast", "--resume", str(broadcast.pk))
    return f"{why}, {broadcast.notified:,} notified. Go on with: {line}"


def _give_way() -> None:
    """Return when few events wait for the relay."""
    since = time.monotonic()
    while log.backlog(LONGEST_OUTBOX + 1) > LONGEST_OUTBOX:
        if time.monotonic() - since > PATIENCE:
            relay.drain()
        time.sleep(LOOK_SECONDS)
