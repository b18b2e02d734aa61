"""A client that needs no server: it reads the log as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self

import msgspec
from django.contrib.auth.models import AbstractBaseUser

from realtime import ephemeral, log, protocol, registry
from realtime.ephemeral import Signal
from realtime.errors import invalid
from realtime.hub import CloseUser, LeaveChannel
from realtime.log import LogGapError, LoggedEvent
from realtime.subscribers import wants
from realtime.testing.events import Event, as_event, events_after, not_among, relay_committed
from realtime.users import user_id


class FakeClient:
    """A client of one user, without a server.

    It is connected from `with` on, and gets what a socket would: events of its channels
    that are the user's or public, each once, in order; then what is not logged. Rights
    are checked when it subscribes, and their end is obeyed.

    Args:
        user: whose client it is.
        channels: what it is subscribed to, beside what every client is.

    Attributes:
        channels: what it is subscribed to now.
        close_code: why it was sent away; None: it was not.
    """

    def __init__(self, user: AbstractBaseUser, *channels: str) -> None:
        self.user_id = user_id(user)
        self.channels = set(registry.automatic_channels())
        self.close_code: int | None = None
        self._wanted = channels
        self._position = 0
        self._epoch = ""
        self._arrived: list[Event] = []
        self._signals: list[Event] = []
        self._reachable = True
        self._keeps_signals = True

    def __enter__(self) -> Self:
        relay_committed()
        self._take_position()
        for channel in self._wanted:
            self.subscribe(channel)
        ephemeral.listen(self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        ephemeral.unlisten(self._on_signal)

    # --- commands ------------------------------------------------------------------------

    def subscribe(self, channel: str) -> dict[str, Any]:
        """Subscribe to a channel; returns its snapshot.

        Raises:
            RealtimeError: there is no such channel, or the user may not join it.
        """
        if error := registry.refusals(self.user_id, [channel]).get(channel):
            raise error
        self.channels.add(channel)
        return dict(registry.snapshots(self.user_id, [channel])[channel])

    def unsubscribe(self, channel: str) -> None:
        """Leave a channel; what was published there before still comes."""
        self._look()
        self.channels.discard(channel)

    def send(self, type: str, payload: dict[str, Any], *, channel: str | None = None) -> Any:
        """Send a command, one of your own or of the apps; returns its ack's data.

        Raises:
            RealtimeError: it is refused.
        """
        command = registry.find_command(type)
        if command is None:
            raise invalid(f"Unknown message type {type!r}", field="type")
        try:
            raw = msgspec.Raw(protocol.encode(payload))
            request = protocol.decode_payload(raw, command.request)
        except protocol.DecodeError as error:
            raise invalid(str(error), field=error.field) from None
        data = command.handler(registry.Caller(self.user_id, channel), request)
        return msgspec.to_builtins(data)

    # --- events --------------------------------------------------------------------------

    def receive(self) -> list[Event]:
        """What has come since it was last asked.

        Raises:
            RuntimeError: called inside of an `atomic()` block.
        """
        self._look()
        arrived, self._arrived = self._arrived, []
        return arrived

    def expect(self, type: str, /, **payload: Any) -> Event:
        """Take the first event of `type` with these values in its payload; others stay.

        Raises:
            AssertionError: none has come; the message lists what has.
            RuntimeError: called inside of an `atomic()` block.
        """
        self._look()
        for event in self._arrived:
            if event.matches(type, payload):
                self._arrived.remove(event)
                return event
        raise AssertionError(not_among(type, payload, self._arrived, "has come"))

    # --- faults --------------------------------------------------------------------------

    def dropped(self) -> AbstractContextManager[None]:
        """For the block the connection is cut: what is not logged is lost.

        Afterwards the client connects again and gets what it has missed; or a `resync`,
        if the log does not reach back, as after `manage.py prune_events`.
        """
        return self._unreachable(keeps_signals=False)

    def delayed(self) -> AbstractContextManager[None]:
        """For the block nothing arrives; all of it does afterwards."""
        return self._unreachable(keeps_signals=True)

    @contextmanager
    def _unreachable(self, *, keeps_signals: bool) -> Iterator[None]:
        self._look()
        self._reachable, self._keeps_signals = False, keeps_signals
        try:
            yield
        finally:
            self._reachable = self._keeps_signals = True

    # --- what it sees --------------------------------------------------------------------

    def _look(self) -> None:
        if not self._reachable:
            return
        relay_committed()
        events = list(events_after(self._position))
        try:
            head = log.read_head()
            log.check_reach(self._position, self._epoch, head, zero_is_oldest=False)
        except LogGapError as gap:
            self._take_position()
            self._arrived.append(
                Event(
                    "resync",
                    {
                        "reason": gap.reason,
                        "last_sequence": self._position,
                        "epoch": self._epoch,
                    },
                )
            )
        else:
            for event in events:
                self._take(event)
                self._position = event.sequence
        signals, self._signals = self._signals, []
        self._arrived += signals

    def _take_position(self) -> None:
        head = log.read_head()
        self._position, self._epoch = head.sequence, head.epoch

    def _take(self, event: LoggedEvent) -> None:
        if self.close_code is not None:
            return
        concerned = self.user_id in event.recipients
        if event.control:
            if concerned:
                self._obey(event)
        elif wants(self.channels, event) and (concerned or event.topic in self._topics()):
            self._arrived.append(as_event(event))

    def _topics(self) -> set[str]:
        return {topic for channel in self.channels if (topic := registry.topic_of(channel))}

    def _obey(self, event: LoggedEvent) -> None:
        if event.type == log.CLOSE_USER:
            self.close_code = msgspec.json.decode(event.payload, type=CloseUser).code
        elif event.type == log.LEAVE_CHANNEL:
            order = msgspec.json.decode(event.payload, type=LeaveChannel)
            self.channels.discard(order.channel)

    def _on_signal(self, signal: Signal) -> None:
        concerned = self.user_id in signal.recipients - signal.exclude
        if concerned and signal.channel in self.channels and self._keeps_signals:
            payload = msgspec.json.decode(signal.payload)
            self._signals.append(Event(signal.type, payload, signal.channel))
