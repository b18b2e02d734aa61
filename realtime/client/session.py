"""What a client remembers while connections come and go, and what frames do to it.

Knows no transport and reads no clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from realtime.client.buffer import EventBuffer
from realtime.client.errors import CommandError
from realtime.client.outbox import Outbox
from realtime.client.position import Event, Position, Tracker, from_envelope, from_poll
from realtime.client.refusals import refused_hello
from realtime.protocol import (
    Ack,
    Connected,
    Disconnected,
    ErrorObject,
    Heartbeat,
    PollAnswer,
    Resync,
    ServerEnvelope,
)

NOTIFICATIONS = "notifications"


class Session:
    """One client's state.

    Args:
        position: where to go on; None: begin with what happens next.
        channels: what is subscribed to from the beginning, beside `notifications`.
        max_events: how many events may wait to be taken.
        max_queue: how many commands may wait to be sent or answered.

    Attributes:
        channels: what the client is subscribed to, or wants to be.
        user_id: whose client it is, once the server has said so.
        goodbye: why the server is about to close the connection.
        ready: the connection has said all that was missed.
    """

    def __init__(
        self,
        position: Position | None,
        channels: list[str],
        *,
        max_events: int,
        max_queue: int,
    ) -> None:
        self.channels = dict.fromkeys([NOTIFICATIONS, *channels])
        self._joining: set[str] = set()
        self._former: set[str] = set()
        self._hello_id = ""
        self.user_id: str | None = None
        self.goodbye: Disconnected | None = None
        self.ready = False
        self.tracker = Tracker(position, max_held=max_events)
        self.outbox = Outbox(max_queue, self._changed)
        self.buffer = EventBuffer(max_events, position, self._changed)
        self._change = asyncio.Event()

    # --- connections --------------------------------------------------------------------

    def opened(self) -> None:
        """A connection that goes on from the position has been opened."""
        self.goodbye = None
        self.ready = False
        self.tracker.opened()

    def closed(self) -> None:
        """The connection has ended."""
        self.ready = False
        self.outbox.lost()

    def hello(self) -> dict[str, Any]:
        """What the client has to say of where it stood: the payload of `connect`."""
        hello: dict[str, Any] = {"channels": list(self.channels)}
        if (position := self.tracker.position) is not None:
            hello |= {"last_sequence": position.sequence, "epoch": position.epoch}
        return hello

    def rewind(self) -> bytes:
        """The `connect` frame that has all after the position sent again."""
        if self.tracker.position is not None:
            self.tracker.rewind()
        self._hello_id = str(uuid4())
        frame = {"type": "connect", "ack_id": self._hello_id, "payload": self.hello()}
        return msgspec.json.encode(frame)

    @property
    def should_rewind(self) -> bool:
        """Whether there is room again for events that were let pass."""
        return (
            self.ready
            and self.tracker.behind
            and not self.tracker.rewinding
            and len(self.buffer) <= self.buffer.limit // 2
        )

    # --- channels -----------------------------------------------------------------------

    @contextmanager
    def joining(self, channel: str) -> Iterator[None]:
        """The channel is joined in this block; where that fails, it is as before."""
        before = channel in self.channels
        self.channels[channel] = None
        self._joining.add(channel)
        try:
            yield
        except BaseException as error:
            if not before or isinstance(error, CommandError):
                self.channels.pop(channel, None)
            raise
        finally:
            self._joining.discard(channel)

    # --- what comes by a socket ------------------------------------------------------------

    async def take(self, frame: ServerEnvelope, now: float) -> None:
        """Take a frame; waits while there is no room for an event, see `waiting`.

        Raises:
            UnavailableError: the server cannot say what was missed.
            ClientEndedError: it does not understand what it is asked.
            msgspec.ValidationError: the frame is none of the protocol.
        """
        payload = frame.payload
        ack_id = frame.ack_id if isinstance(frame.ack_id, str) else ""
        match frame.type:
            case "ack":
                self.outbox.acknowledged(ack_id, msgspec.convert(payload, Ack).data)
            case "error":
                self._on_error(ack_id, msgspec.convert(payload, ErrorObject), now)
            case "heartbeat":
                self._on_heartbeat(ack_id, payload)
            case "connect":
                self._on_connected(msgspec.convert(payload, Connected))
            case "resync":
                self._on_resync(msgspec.convert(payload, Resync), payload)
            case "disconnect":
                self.goodbye = msgspec.convert(payload, Disconnected)
            case _:
                await self._on_event(from_envelope(frame))

    def _on_error(self, ack_id: str, error: ErrorObject, now: float) -> None:
        if ack_id and ack_id == self._hello_id:
            raise refused_hello(error)
        if error.code == "TOKEN_EXPIRED" and not ack_id:
            return  # about the connection: its end follows
        if not self.outbox.refused(ack_id, error, now):
            self._tell("error", msgspec.to_builtins(error))

    def _on_heartbeat(self, ack_id: str, payload: Any) -> None:
        beat = msgspec.convert(payload, Heartbeat)
        self.outbox.acknowledged(ack_id, payload)
        if self.ready:
            self.tracker.reached(beat.last_sequence)
            self._move()

    def _on_connected(self, reply: Connected) -> None:
        self.user_id = reply.user_id
        self._hand_out(self.tracker.replied(reply))
        self._move()
        for channel, error in (reply.refused or {}).items():
            self.refused(channel, error)
        self._former.clear()
        self.ready = True
        self._changed()

    def _on_resync(self, resync: Resync, payload: Any) -> None:
        self.tracker.restart(resync)
        self._tell("resync", payload)
        self._move()

    async def _on_event(self, event: Event) -> None:
        if not self._is_wanted(event):
            return
        if self.tracker.position is not None:  # else the server has nothing to repeat
            while self.waiting:
                self._change.clear()
                await self._change.wait()
            if self.buffer.full:
                self.tracker.let_pass(event)
                return
        self._hand_out(self.tracker.take(event))

    @property
    def waiting(self) -> bool:
        """Whether to read no more till there is room.

        Not while an answer is expected, which is further behind on the same socket:
        who waits for it may be the one that takes the events. Nor while nobody takes
        any. Then events pass by, and are asked for again from the server's log.
        """
        return self.buffer.full and self.buffer.read and not self.outbox.unanswered

    # --- what comes by polls ---------------------------------------------------------------

    async def room(self) -> int:
        """For how many events there is room, as soon as there is any."""
        while self.buffer.full:
            self._change.clear()
            await self._change.wait()
        return self.buffer.limit - len(self.buffer)

    def take_poll(self, answer: PollAnswer) -> None:
        """Take the answer of a poll."""
        if answer.resync:
            payload = {"reason": "poll", "last_sequence": answer.last_poll_id}
            resync = Resync(reason="poll", last_sequence=answer.last_poll_id, epoch=answer.epoch)
            self.tracker.restart(resync)
            self._tell("resync", {**payload, "epoch": answer.epoch})
        for event in map(from_poll, answer.events):
            if self._is_wanted(event):
                self._hand_out(self.tracker.take(event))
        self.tracker.position = Position(answer.last_poll_id, answer.epoch)
        self._move()
        if not answer.has_more:
            self._former.clear()

    def take_hello(self, reply: Connected) -> None:
        """Take the reply to a `connect` that was posted: it says where to begin."""
        self.user_id = reply.user_id
        if self.tracker.position is None:
            self.tracker.position = Position(reply.last_sequence, reply.epoch)
            self._move()
        for channel, error in (reply.refused or {}).items():
            self.refused(channel, error)

    # --- what is told to iterators ----------------------------------------------------------

    def refused(self, channel: str, error: ErrorObject) -> None:
        """The channel is not, or no longer, the user's to join: forget it, and say so.

        What was told there before may still come.
        """
        if channel in self.channels:
            del self.channels[channel]
            self._former.add(channel)
            if channel in self._joining:
                return  # who joins it is told
            self._tell("channel_lost", msgspec.to_builtins(error), channel)

    def _is_wanted(self, event: Event) -> bool:
        """Polls bring all conversations, and what was under way comes after `unsubscribe`."""
        channel = event.channel
        return (
            channel is None
            or channel in self.channels
            or channel.split(":")[0] in self.channels
            or channel in self._former
        )

    def _hand_out(self, events: list[Event]) -> None:
        for event in events:
            place = self.tracker.position
            if place is not None and event.sequence is not None:
                self.buffer.put(event, Position(event.sequence, place.epoch))
            else:
                self.buffer.put(event, None)

    def _tell(self, type: str, payload: Any, channel: str | None = None) -> None:
        """Hand out something of the client's own: there is always room for that."""
        event = Event(str(uuid4()), type, payload, datetime.now(UTC), channel)
        self.buffer.put(event, None)

    def _move(self) -> None:
        if not self.tracker.behind:
            self.buffer.move(self.tracker.position)

    def _changed(self) -> None:
        self._change.set()
        if self.should_rewind:
            self.outbox.work.set()
