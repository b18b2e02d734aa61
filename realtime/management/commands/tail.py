"""`manage.py tail alice`: follow events as they enter the log."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from realtime import log, protocol, relay
from realtime.conf import conf
from realtime.log import LoggedEvent
from realtime.management import eventlines
from realtime.management.arguments import duration, find_user
from realtime.management.command import EngineCommand, UsageError
from realtime.subscribers import wants
from realtime.users import user_id

PAGE = 500


class Command(EngineCommand):
    help = (
        "Print events as they enter the log, one a line, until Ctrl-C: those of a user on all "
        "their channels, those of a channel, or all. Reads the log, needs no server.\n\n"
        "What people have written is not shown: of payloads only ids, numbers and types are, "
        "unless you ask with --payload. Piped, the fields are between tabs: sequence, time, type, "
        "channel, for whom (user keys, or a public topic), payload."
    )
    examples = (
        ("alice", "what alice's sockets get"),
        ("--channel conversation:conv_4 --since 10m", "a conversation, from ten minutes ago"),
        ("--all --json | jq .type", "every event; orders to the servers, too"),
        ("alice --since 81234 --json --payload", "frames exactly as sockets get them"),
    )
    statuses = ("--count events were printed, or Ctrl-C ended it", "failed")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", nargs="?", help="A user's login name or key.")
        parser.add_argument("--channel", metavar="NAME", help="Follow a channel or public topic.")
        parser.add_argument("--all", action="store_true", help="Follow everything.")
        parser.add_argument(
            "--since",
            type=_position,
            metavar="SEQUENCE|AGE",
            help="Begin after this sequence instead of now; 0 begins with the oldest event kept. "
            "Or begin this long ago, as 30s, 10m or 2h.",
        )
        parser.add_argument("--count", type=_count, metavar="N", help="End after N events.")
        parser.add_argument("--payload", action="store_true", help="Show whole payloads.")
        parser.add_argument(
            "--json", action="store_true", help="Print events as frames of JSON, one a line."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source = _source(options)
        position = _begin(options["since"])
        try:
            # In here already: with this line read, a caller may end it.
            self.note(f"Following {source.name} after {position}. Ctrl-C to end.")
            self._follow(source, position, options)
        except KeyboardInterrupt:
            pass

    def _follow(self, source: Source, position: int, options: dict[str, Any]) -> None:
        left = options["count"]
        epoch = log.read_head().epoch
        while left is None or left > 0:
            relay.drain()  # where no server runs, nobody else does
            head = log.read_head()
            if head.epoch != epoch:
                self.note(f"A new epoch has begun at {head.sequence}: rows of the log were lost.")
                epoch, position = head.epoch, head.sequence
            if position < head.pruned_through:
                self.note(f"Events up to {head.pruned_through} have been pruned.")
                position = head.pruned_through
            events, position = source.read(position, head.sequence)
            for event in events if left is None else events[:left]:
                self._print(event, options)
            if left is not None:
                left -= len(events)
            if position >= head.sequence:
                self.pause(conf().TAIL_INTERVAL)

    def _print(self, event: LoggedEvent, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(eventlines.as_json(event, whole=options["payload"]))
            self.stdout.flush()
        elif self.on_terminal:
            self.show(eventlines.as_text(event, whole=options["payload"]))
        else:
            self.stdout.write(eventlines.as_fields(event, whole=options["payload"]))
            self.stdout.flush()


class Source:
    """What is followed: everything, or what a subscriber of one channel gets.

    Args:
        name: for people.
    """

    def __init__(self, name: str, channel: str | None = None) -> None:
        self.name = name
        self._channel = channel

    def read(self, after: int, upto: int) -> tuple[list[LoggedEvent], int]:
        """The events after a position, and the position that they reach."""
        if after >= upto:
            return [], upto
        events = [one for one in log.read_from(after + 1, PAGE) if one.sequence <= upto]
        position = events[-1].sequence if len(events) == PAGE else upto
        return list(self._chosen(events)), position

    def _chosen(self, events: Iterable[LoggedEvent]) -> Iterable[LoggedEvent]:
        if self._channel is None:
            return events
        return (one for one in events if not one.control and wants({self._channel}, one))


class UserSource(Source):
    """What belongs to one user, on all channels."""

    def __init__(self, user: Any) -> None:
        super().__init__(user.get_username())
        self._user_id = user_id(user)

    def read(self, after: int, upto: int) -> tuple[list[LoggedEvent], int]:
        events = log.read_for(self._user_id, after=after, upto=upto, topics=(), limit=PAGE)
        return events, events[-1].sequence if len(events) == PAGE else upto


def _source(options: dict[str, Any]) -> Source:
    chosen = [options["user"], options["channel"], options["all"] or None]
    if sum(one is not None for one in chosen) != 1:
        raise UsageError("Name a user, or a channel by --channel, or say --all.")
    if options["all"]:
        return Source("all events")
    if options["channel"] is not None:
        return Source(options["channel"], options["channel"])
    return UserSource(find_user(options["user"]))


def _begin(since: int | timedelta | None) -> int:
    if isinstance(since, timedelta):
        relay.drain()
        return log.position_at(protocol.now() - since)
    head = log.read_head().sequence
    if since is not None and since > head:
        raise UsageError(f"--since {since}: the log stands at {head}.")
    return head if since is None else since


def _position(text: str) -> int | timedelta:
    if re.fullmatch(r"\d{1,18}", text):
        return int(text)
    if not text[-1:].isalpha():
        raise ArgumentTypeError(f"{text!r} is neither a sequence nor an age as 30s, 10m or 2h")
    return timedelta(seconds=duration(text))


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text) or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a number of events, at least 1")
    return int(text)
