"""What apps plug into the engine: kinds of channels, commands, and types of events.

An app does it in its `commands.py`, which is imported when Django starts:

    @command("note_pin", PinRequest)
    def pin(caller: Caller, request: PinRequest) -> dict[str, object]:
        return {"note_id": services.pin(caller.user_id, request.note_id)}

    register_channel(ChannelKind("note", authorize=may_read, snapshot=summary))
    register_event("note_pinned", NotePinned, logged=True, channel="note:{id}")

Handlers, `authorize` and `snapshot` are ordinary synchronous functions; the
engine calls them in its database pool.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from realtime import database
from realtime.database import Work
from realtime.errors import RealtimeError, channel_not_found
from realtime.frame_types import RequestType, register_request
from realtime.frame_types import register_event as register_event  # apps find it here
from realtime.together import Together

Request = TypeVar("Request", bound=msgspec.Struct)
Snapshot = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a command.

    Attributes:
        user_id: the user's id, from the token, never from the payload.
        channel: the channel in the frame's envelope, if it had one.
        frame_id: the frame's own `id`, if the client gave one.
        connection_id: the socket that it came on; empty over HTTP.
    """

    user_id: str
    channel: str | None = None
    frame_id: str | None = None
    connection_id: str = ""


Handler = Callable[[Caller, Request], msgspec.Struct | Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Command(Generic[Request]):
    """A type of frame that clients send, and what carries it out.

    Attributes:
        name: the frame's type.
        request: the Struct that its payload must have.
        together: carries out those of several callers at once.
    """

    name: str
    request: type[Request]
    handler: Handler[Request]
    together: Together[Any] | None = None

    async def carry_out(self, caller: Caller, request: Request) -> Any:
        """What the handler returns, called in the database pool."""
        if self.together is not None:
            return await self.together.ask(caller, request)
        return await database.run(Work.COMMANDS, self.handler, caller, request)


def _anyone(user_id: str, argument: str) -> bool:
    return True


def _nothing(user_id: str, argument: str) -> Snapshot:
    return {}


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """A kind of channel: `notifications`, or `conversation` with an argument.

    Args:
        name: the channel's name, or what stands before the colon.
        authorize: `(user_id, argument) -> bool`, may this user join?
        snapshot: `(user_id, argument)`, the state that goes with the ack of
            `subscribe`; events bring it up to date from there.
        authorize_many: `(user_id, arguments)`, those of them that the user may join:
            in place of `authorize`, where several cost no more queries than one.
        snapshot_many: `(user_id, arguments)`, the state of each, in place of
            `snapshot`; without those that are no longer the user's.
        snapshot_of_users: `(user_ids)`, the state for each of several users, in place of
            `snapshot`, for a kind without arguments that anybody may join: who comes at
            the same time is served by one call.
        takes_argument: whether the name is followed by `:argument`.
        optional_argument: whether it may be; without one the argument is empty.
        topic: `(channel) -> topic` for public channels: the topic whose events
            it carries. None: it carries the user's own events.
        automatic: every connection is subscribed from the start.
        polled: a poll that names no channels gets its events.
        members: `(argument) -> keys` of the users who belong to the channel, where
            there is such a list; `manage.py broadcast --channel` tells them.
    """

    name: str
    authorize: Callable[[str, str], bool] = _anyone
    snapshot: Callable[[str, str], Snapshot] = _nothing
    authorize_many: Callable[[str, list[str]], Collection[str]] | None = None
    snapshot_many: Callable[[str, list[str]], Mapping[str, Snapshot]] | None = None
    snapshot_of_users: Callable[[list[str]], Mapping[str, Snapshot]] | None = None
    takes_argument: bool = False
    optional_argument: bool = False
    topic: Callable[[str], str] | None = None
    automatic: bool = False
    polled: bool = False
    members: Callable[[str], Collection[Any]] | None = None

    @property
    def is_open(self) -> bool:
        """Anybody may join, which needs no look at the database."""
        return self.authorize is _anyone and self.authorize_many is None

    @property
    def is_everybodys(self) -> bool:
        """It is one channel, with nothing in its name, that anybody may join."""
        return self.is_open and not (self.takes_argument or self.optional_argument)

    @property
    def is_stateless(self) -> bool:
        """It has no snapshot."""
        own = self.snapshot_many or self.snapshot_of_users
        return self.snapshot is _nothing and own is None


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Work that every node does every so often; `seconds` as given at registration."""

    seconds: float
    work: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Tick:
    """What is told to each subscriber of a topic, at most once a second, after its events."""

    topic: str
    frame_type: str
    payloads: Callable[[list[str]], Mapping[str, msgspec.Struct]]


_connection_observers: list[Callable[[list[str]], None]] = []
_upkeep: list[Upkeep] = []
_ticks: dict[str, Tick] = {}
_commands: dict[str, Command[Any]] = {}
_kinds: dict[str, ChannelKind] = {}


def command(
    name: str,
    request: type[Request],
    *,
    ack: type[msgspec.Struct] | None = None,
    together: Callable[[list[Any]], list[Any]] | None = None,
) -> Callable[[Handler[Request]], Handler[Request]]:
    """Register the decorated handler for frames of the type `name`.

    Args:
        request: the Struct that the payload must have.
        ack: the Struct that the handler returns, the data of the ack; taken from
            its annotation where that names one.
        together: carries out those of several callers at once, given as a list of
            `(caller, request)`; see `realtime.together.Together`.

    Raises:
        ValueError: the type is taken.
    """

    def register(handler: Handler[Request]) -> Handler[Request]:
        register_request(RequestType(name, request, ack or _returned(handler)))
        shared = Together(Work.COMMANDS, handler, together) if together else None
        _commands[name] = Command(name, request, handler, shared)
        return handler

    return register


def _returned(handler: Callable[..., Any]) -> type[msgspec.Struct] | None:
    try:
        found = get_type_hints(handler).get("return")
    except NameError:  # of a module that only type checkers import
        return None
    return found if isinstance(found, type) and issubclass(found, msgspec.Struct) else None


def register_channel(kind: ChannelKind) -> None:
    """Add a kind of channel.

    Raises:
        ValueError: the name is taken, or `snapshot_of_users` does not fit the rest.
    """
    if kind.name in _kinds:
        raise ValueError(f"There is already a channel kind {kind.name!r}")
    if kind.snapshot_of_users is not None and not kind.is_everybodys:
        raise ValueError(
            f"{kind.name!r}: snapshot_of_users is for a channel without arguments that anybody "
            "may join; take snapshot or snapshot_many"
        )
    _kinds[kind.name] = kind


def on_connections_changed(callback: Callable[[list[str]], None]) -> None:
    """Call `callback` when connections of users have changed.

    It is called in a database thread with the ids of users whose sockets were
    opened, closed or swept with a dead node, became idle or active, or whose
    poll lease began or ended. It finds the new state by `sessions.live_states`.
    """
    _connection_observers.append(callback)


def connection_observers() -> list[Callable[[list[str]], None]]:
    """What `on_connections_changed` was given."""
    return list(_connection_observers)


def register_upkeep(seconds: float, work: Callable[[], None]) -> None:
    """Have every node call `work`, in a database thread, every so many seconds.

    Each node does it, and at its own time: `work` has to bear others that do the same.
    An exception is logged, and `work` is called again at the next time.
    """
    _upkeep.append(Upkeep(seconds, work))


def upkeep() -> list[Upkeep]:
    """What `register_upkeep` was given."""
    return list(_upkeep)


def register_tick(
    topic: str,
    frame_type: str,
    payloads: Callable[[list[str]], Mapping[str, msgspec.Struct]],
) -> None:
    """After events of `topic`, tell each of its subscribers something of their own.

    At most once a second, and once for all on a node.

    Args:
        frame_type: the type of the unlogged frame, on the channel named as the topic.
        payloads: called in a database thread with the subscribers' user ids;
            returns the payload of each who is to be told.
    """
    _ticks[topic] = Tick(topic, frame_type, payloads)


def find_tick(topic: str) -> Tick | None:
    """The tick of `topic`, if it has one."""
    return _ticks.get(topic)


def find_command(name: str) -> Command[Any] | None:
    """The command for frames of the type `name`."""
    return _commands.get(name)


def find_channel(channel: str) -> tuple[ChannelKind, str]:
    """The kind of `channel`, and its argument (empty where it takes none).

    Raises:
        RealtimeError: CHANNEL_NOT_FOUND, no kind has such channels.
    """
    name, colon, argument = channel.partition(":")
    # A kind may also be registered under a name with a colon, as `feed:updates`.
    kind = _kinds.get(channel) or _kinds.get(name)
    if kind is not None and kind.name == channel and not kind.takes_argument:
        return kind, ""
    with_argument = kind is not None and (kind.takes_argument or kind.optional_argument)
    if kind is not None and with_argument and colon and argument:
        return kind, argument
    raise channel_not_found(channel)


def topic_of(channel: str) -> str | None:
    """The public topic that `channel` carries, if it is a public channel."""
    kind, _ = find_channel(channel)
    return kind.topic(channel) if kind.topic else None


def carries_own_events(channel: str) -> bool:
    """Whether `channel` has nothing but events of which each user is a recipient."""
    try:
        return topic_of(channel) is None
    except RealtimeError:
        return False


def automatic_channels() -> list[str]:
    """The channels that every connection is subscribed to from the start."""
    return [kind.name for kind in _kinds.values() if kind.automatic]


def is_polled(channel: str) -> bool:
    """Whether a poll that names no channels gets the events of `channel`."""
    kind = _kinds.get(channel) or _kinds.get(channel.partition(":")[0])
    return kind is not None and kind.polled


def members(channel: str) -> Collection[Any]:
    """The keys of the users who belong to `channel`; none where it does not exist.

    Raises:
        RealtimeError: CHANNEL_NOT_FOUND, no kind has such channels.
        ValueError: its kind has no list of members: everybody may join, or each
            user has their own.
    """
    kind, argument = find_channel(channel)
    if kind.members is None:
        raise ValueError(f"{channel} has no list of members")
    return kind.members(argument)


def refusals(user_id: str, channels: list[str]) -> dict[str, RealtimeError]:
    """For each channel that the user may not join, why."""
    named, refused = _by_kind(channels)
    for kind, arguments in named.items():
        refused |= _refusals(kind, user_id, arguments)
    return refused


def snapshots(user_id: str, channels: list[str]) -> dict[str, Snapshot]:
    """The state of each channel that the user may still see."""
    found: dict[str, Snapshot] = {}
    for kind, arguments in _by_kind(channels)[0].items():
        refused = _refusals(kind, user_id, arguments)
        allowed = [argument for argument, name in arguments.items() if name not in refused]
        for argument, state in _states(kind, user_id, allowed).items():
            found[arguments[argument]] = dict(state)
    return {channel: found[channel] for channel in channels if channel in found}


def _by_kind(
    channels: list[str],
) -> tuple[dict[ChannelKind, dict[str, str]], dict[str, RealtimeError]]:
    """The channels of each kind by their arguments, and why there is none for the others."""
    named: dict[ChannelKind, dict[str, str]] = {}
    unknown = {}
    for channel in channels:
        try:
            kind, argument = find_channel(channel)
        except RealtimeError as error:
            unknown[channel] = error
        else:
            named.setdefault(kind, {})[argument] = channel
    return named, unknown


def _refusals(
    kind: ChannelKind, user_id: str, arguments: dict[str, str]
) -> dict[str, RealtimeError]:
    if kind.authorize_many is not None:
        allowed = kind.authorize_many(user_id, list(arguments)) if arguments else ()
        refused = [name for argument, name in arguments.items() if argument not in allowed]
        return {channel: channel_not_found(channel) for channel in refused}
    errors = {}
    for argument, channel in arguments.items():
        try:
            if not kind.authorize(user_id, argument):
                raise channel_not_found(channel)
        except RealtimeError as error:
            errors[channel] = error
    return errors


def _states(kind: ChannelKind, user_id: str, arguments: list[str]) -> Mapping[str, Snapshot]:
    if kind.snapshot_many is not None:
        return kind.snapshot_many(user_id, arguments) if arguments else {}
    if kind.snapshot_of_users is not None:
        state = kind.snapshot_of_users([user_id]).get(user_id) if arguments else None
        return {"": state} if state is not None else {}
    states = {}
    for argument in arguments:
        try:
            states[argument] = kind.snapshot(user_id, argument)
        except RealtimeError:
            continue  # the right to it ended between the two looks
    return states
