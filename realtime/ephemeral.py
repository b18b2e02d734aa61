"""Signals: frames that are not logged, for what matters only now, as typing.

They go to the subscribers of this process directly and to other nodes through
the channel layer, in a thread or task of its own: sending one never raises and
never waits for Redis. Who misses one has missed nothing that lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from realtime import hints, protocol
from realtime.registry import Caller
from realtime.users import parse_user_id

GROUP = "realtime.signals"
MESSAGE_TYPE = "realtime.signal"


@dataclass(slots=True, eq=False)
class Signal:
    """One frame for some users' subscribers of a channel.

    Attributes:
        recipients: ids of the users who may see it.
        exclude: ids of those among them who get it not, as who is typing.
        coalesce: of several with the same key that wait for a slow client, the
            last one will do.
    """

    id: str
    type: str
    payload: bytes
    channel: str
    timestamp: datetime
    recipients: frozenset[str]
    exclude: frozenset[str]
    coalesce: str
    _frame: protocol.Frame | None = field(default=None, init=False)

    @property
    def frame(self) -> protocol.Frame:
        if self._frame is None:
            envelope = protocol.ServerEnvelope(
                id=self.id,
                type=self.type,
                payload=msgspec.Raw(self.payload),
                timestamp=self.timestamp,
                channel=self.channel,
            )
            self._frame = protocol.Frame(protocol.encode(envelope))
        return self._frame


class _Wire(msgspec.Struct):
    """A signal between nodes."""

    id: str
    type: str
    payload: bytes
    channel: str
    timestamp: datetime
    recipients: frozenset[str]
    exclude: frozenset[str]
    coalesce: str
    origin: str


# What each node of this process does with a signal; more than one only in tests.
_listeners: list[Callable[[Signal], None]] = []


def listen(take: Callable[[Signal], None]) -> None:
    """Call `take`, from any thread, with every signal that this process sends."""
    _listeners.append(take)


def unlisten(take: Callable[[Signal], None]) -> None:
    """Undo `listen`; safe to call twice."""
    if take in _listeners:
        _listeners.remove(take)


def make_signal(
    type: str,
    payload: msgspec.Struct,
    *,
    channel: str,
    recipients: Iterable[object],
    exclude: Iterable[object] = (),
    coalesce: str = "",
) -> Signal:
    """A signal; see `send_signal` for the arguments."""
    return Signal(
        id=str(uuid4()),
        type=type,
        payload=protocol.encode(payload),
        channel=channel,
        timestamp=protocol.now(),
        recipients=_ids(recipients),
        exclude=_ids(exclude),
        coalesce=coalesce,
    )


def send_signal(
    type: str,
    payload: msgspec.Struct,
    *,
    channel: str,
    recipients: Iterable[object],
    exclude: Iterable[object] = (),
    coalesce: str = "",
) -> None:
    """Send an unlogged frame to those of `recipients` who are subscribed to `channel` now.

    Args:
        recipients: keys of the users who may see it.
        exclude: keys of users who get it not.
        coalesce: see `Signal`.
    """
    signal = make_signal(
        type,
        payload,
        channel=channel,
        recipients=recipients,
        exclude=exclude,
        coalesce=coalesce,
    )
    if _listeners:
        for take in list(_listeners):
            take(signal)
    elif hints.shared_layer() is not None:
        hints.send_from_thread(GROUP, as_message(signal, origin=""))


def _ids(keys: Iterable[object]) -> frozenset[str]:
    return frozenset(
        str(parse_user_id(key if isinstance(key, int | str) else str(key))) for key in keys
    )


def as_message(signal: Signal, *, origin: str) -> dict[str, Any]:
    """The signal for the channel layer; `origin` is the node that has handed it out."""
    wire = _Wire(
        id=signal.id,
        type=signal.type,
        payload=signal.payload,
        channel=signal.channel,
        timestamp=signal.timestamp,
        recipients=signal.recipients,
        exclude=signal.exclude,
        coalesce=signal.coalesce,
        origin=origin,
    )
    return {"type": MESSAGE_TYPE, "signal": protocol.encode(wire)}


def from_message(message: dict[str, Any], *, node: str) -> Signal | None:
    """The signal in a message of the channel layer; None for one of this node's own."""
    wire = msgspec.json.decode(message["signal"], type=_Wire)
    if wire.origin == node:
        return None
    return Signal(
        id=wire.id,
        type=wire.type,
        payload=wire.payload,
        channel=wire.channel,
        timestamp=wire.timestamp,
        recipients=wire.recipients,
        exclude=wire.exclude,
        coalesce=wire.coalesce,
    )


# --- states that end by themselves -------------------------------------------------


@dataclass(slots=True, eq=False)
class _Held:
    stop: Callable[[], None]
    connections: set[str]
    timer: asyncio.TimerHandle


class Holds:
    """The states that one node has to end; used in its event loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._held: dict[tuple[str, str], _Held] = {}

    def renew(self, caller: Caller, key: str, stop: Callable[[], None], seconds: float) -> None:
        name = (caller.user_id, key)
        timer = self.loop.call_later(seconds, self.end, name)
        if held := self._held.get(name):
            held.timer.cancel()
            held.timer, held.stop = timer, stop
            held.connections.add(caller.connection_id)
        else:
            self._held[name] = _Held(stop, {caller.connection_id}, timer)

    def end(self, name: tuple[str, str]) -> None:
        """End a state now; does nothing where it has ended."""
        if held := self._held.pop(name, None):
            held.timer.cancel()
            held.stop()

    def end_connection(self, user_id: str, connection_id: str) -> None:
        """A connection has ended: so do the states that no other one has renewed."""
        for name, held in list(self._held.items()):
            if name[0] == user_id and connection_id in held.connections:
                held.connections.discard(connection_id)
                if not held.connections:
                    self.end(name)


_holds: list[Holds] = []


def add_holds(holds: Holds) -> None:
    """This process's node begins to end states."""
    _holds.append(holds)


def remove_holds(holds: Holds) -> None:
    """Undo `add_holds`; safe to call twice."""
    if holds in _holds:
        _holds.remove(holds)


def hold(
    caller: Caller,
    key: str,
    start: Callable[[], None],
    stop: Callable[[], None],
    seconds: float = 10,
) -> None:
    """Begin or renew a state, as typing, that ends without being told to.

    `start` is called now. `stop` is called once: `seconds` after the last
    renewal, when the last of the user's connections that renewed it ends, or by
    `release`. Both are to do no more than `send_signal`. In a process without a
    node nothing ends it: clients give up by themselves.

    Args:
        key: which of the user's states it is.
    """
    start()
    for holds in list(_holds):
        _have(holds, holds.renew, caller, key, stop, seconds)


def release(caller: Caller, key: str) -> None:
    """End a state now; does nothing where it has ended."""
    for holds in list(_holds):
        _have(holds, holds.end, (caller.user_id, key))


def _have(holds: Holds, step: Callable[..., None], *args: object) -> None:
    try:
        holds.loop.call_soon_threadsafe(step, *args)
    except RuntimeError:  # the loop was closed without a word
        remove_holds(holds)
