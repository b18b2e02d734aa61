"""Where a client stands in the log, and which of the events that come are new to it."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Any

from msgspec import Struct

from realtime.protocol import Connected, PollEvent, Resync, ServerEnvelope

# How many ids are remembered to drop repeats by.
REMEMBERED = 2_000


class Position(Struct, frozen=True):
    """A place in the server's log: all up to `sequence` of the log called `epoch`.

    `msgspec.json.encode(position)` keeps it, `msgspec.json.decode(data, type=Position)`
    brings it back.
    """

    sequence: int
    epoch: str


class Event(Struct, frozen=True):
    """Something that has happened, as the server tells it (docs/protocol.md, *Frames*).

    Attributes:
        id: the same on every connection and transport.
        type: such as `message` or `notification`.
        payload: as the type has it.
        timestamp: when it happened, in UTC.
        channel: where it happened, if that is on a channel.
        sequence: its number in the log; None for what is not logged, such as typing.
    """

    id: str
    type: str
    payload: Any
    timestamp: datetime
    channel: str | None = None
    sequence: int | None = None


def from_envelope(frame: ServerEnvelope) -> Event:
    """The event in a frame of a socket."""
    return Event(
        id=frame.id,
        type=frame.type,
        payload=frame.payload,
        timestamp=frame.timestamp,
        channel=frame.channel or None,
        sequence=frame.sequence if isinstance(frame.sequence, int) else None,
    )


def from_poll(event: PollEvent) -> Event:
    """The event in the answer of a poll."""
    return Event(
        id=event.event_id,
        type=event.type,
        payload=event.payload,
        timestamp=event.timestamp,
        channel=event.channel,
        sequence=event.sequence,
    )


class Tracker:
    """Hands out every logged event once and in order, and knows where to go on.

    A handshake replays what was missed before it says anything else, so each
    event moves the position. After a `connect` frame on an open socket there may
    still come what was under way: it is held back until the numbers go back,
    which is where the replay begins (it repeats what was sent before).

    Args:
        position: where the client stands; None: it begins with what happens next.
        max_held: how many events may be held back.

    Attributes:
        position: everything up to here has been handed out.
        behind: events were let pass: they have to be asked for again.
        rewinding: they have been asked for, and the reply has not come.
    """

    def __init__(self, position: Position | None, *, max_held: int) -> None:
        self.position = position
        self.behind = False
        self.rewinding = False
        self._max_held = max_held
        self._held: list[Event] | None = None
        self._highest = 0
        self._seen: OrderedDict[str, None] = OrderedDict()

    def opened(self) -> None:
        """A new connection begins at the position."""
        self.behind = self.rewinding = False
        self._held = None
        self._highest = self.position.sequence if self.position else 0

    def rewind(self) -> None:
        """A `connect` frame is sent on the open socket: all after the position comes again."""
        self.behind = False
        self.rewinding = True
        self._held = []

    def take(self, event: Event) -> list[Event]:
        """An event has come; those that are to be handed out now."""
        if event.sequence is None:
            return [event] if self._is_new(event) else []
        if self.behind:
            self.let_pass(event)
            return []
        if self._held is not None:
            if event.sequence > self._highest:
                self._hold(event)
                return []
            self._held = None
        return self._hand_out(event)

    def let_pass(self, event: Event) -> None:
        """An event has come for which there is no room."""
        if event.sequence is None or self._is_past(event.sequence):
            return
        if self._held is not None and event.sequence <= self._highest:
            self._held = None
        self._highest = max(self._highest, event.sequence)
        self.behind = True

    def replied(self, reply: Connected) -> list[Event]:
        """The `connect` reply has come; the events that were held back till then."""
        held, self._held = self._held or [], None
        self.rewinding = False
        if self.behind:
            return []
        events = [event for one in held for event in self._hand_out(one)]
        self.position = Position(reply.last_sequence, reply.epoch)
        return events

    def reached(self, sequence: int) -> None:
        """A heartbeat's reply: nothing more will come up to this number."""
        if self.position and not self.behind and not self.rewinding:
            number = max(self.position.sequence, sequence)
            self.position = Position(number, self.position.epoch)

    def restart(self, resync: Resync) -> None:
        """The log does not reach back to where the client stood: it goes on from here."""
        self.position = Position(resync.last_sequence, resync.epoch)
        self.behind = False
        self._held = None
        self._highest = resync.last_sequence

    def _hold(self, event: Event) -> None:
        assert self._held is not None
        assert event.sequence is not None
        self._highest = event.sequence
        if len(self._held) < self._max_held:
            self._held.append(event)
        else:
            self.behind = True

    def _hand_out(self, event: Event) -> list[Event]:
        assert event.sequence is not None
        if self._is_past(event.sequence) or not self._is_new(event):
            return []
        self._highest = max(self._highest, event.sequence)
        if self.position is not None:
            self.position = Position(event.sequence, self.position.epoch)
        return [event]

    def _is_past(self, sequence: int) -> bool:
        return self.position is not None and sequence <= self.position.sequence

    def _is_new(self, event: Event) -> bool:
        if event.id in self._seen:
            return False
        self._seen[event.id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True
