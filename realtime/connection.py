"""One client's connection: what it is subscribed to, what it asks, where it stands.

Knows no transport: bytes leave through an `Outbound`, frames come in by
`receive`. Commands take effect one after another, in the order sent; replies
to heartbeats and pushed events do not wait for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakValueDictionary

from realtime import database, metrics, protocol, registry
from realtime.authentication import Identity, authenticate
from realtime.conf import conf
from realtime.database import Work
from realtime.ephemeral import Signal
from realtime.errors import CloseCode, ErrorCode, RealtimeError, channel_not_found, invalid
from realtime.failures import as_invalid, as_refusal, internal_error
from realtime.frame_types import find_request
from realtime.hub import Hub
from realtime.late_signals import LateSignals
from realtime.log import Head, LogGapError
from realtime.protocol import Burst, ClientEnvelope, ConnectRequest, DecodeError, Frame
from realtime.subscribers import Run, bursts
from realtime.subscriptions import NONE, Subscriptions
from realtime.throttling import FrameLimit

MAX_WAITING_FRAMES = 64
LONGEST_TIMER = 24 * 3600.0

# Whose command is being carried out on this node.
_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


class Outbound(Protocol):
    """How frames leave: a socket, or whatever a test puts in its place."""

    def write(self, burst: Burst | Frame) -> bool:
        """Send or buffer frames, without blocking. False: the buffer is full."""

    async def drained(self) -> None:
        """Return when the client has taken most of what was written."""

    async def caught_up(self) -> None:
        """Return when the client is not `behind`, or nothing can be sent any more."""

    @property
    def behind(self) -> bool:
        """Whether the client has not taken what was written before."""

    @property
    def buffered(self) -> int:
        """Bytes that the client has not taken yet, as far as can be seen."""

    def pause_reading(self) -> None:
        """Take no more frames from the client, where the server does not see to it."""

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""

    def close(self, code: CloseCode, last: Frame | None) -> None:
        """Send `last`, if there is one, and close with `code`."""


class Connection:
    """The state of one client, from an accepted handshake to its end.

    Args:
        identity: who the client has shown to be.
        hub: the process's hub.
        outbound: how frames leave.
        id: the connection's id in the registry; empty for one that is no socket.
        address: the client's network address, for the registry.

    Attributes:
        active_at: `time.monotonic()` of the last frame other than a heartbeat.
        on_active: called, once, when one comes after a silence.
        user_id: the user's id.
        position: the last event that it was sent, or that it has no need of.
        closing: it has been told to go; nothing more is sent.
    """

    def __init__(
        self,
        identity: Identity,
        hub: Hub,
        outbound: Outbound,
        *,
        id: str = "",
        address: str = "",
    ) -> None:
        self.id = id
        self.active_at = time.monotonic()
        self.on_active: Callable[[], None] | None = None
        self.user_id = identity.user_id
        self.address = address
        self._subscriptions = Subscriptions(self.user_id, self._follow_topics)
        self.position = 0
        self.closing = False
        self._live = False
        self._stopped = False
        self._hub = hub
        self._outbound = outbound
        self._waiting: list[tuple[ClientEnvelope, ConnectRequest | None]] = []
        self._room: asyncio.Event | None = None
        self._late: LateSignals | None = None
        self._worker: asyncio.Task[None] | None = None
        self._limit = FrameLimit(conf().FRAMES_PER_SECOND, conf().FLOOD_SECONDS)
        self._expiry: asyncio.TimerHandle | None = None
        self._expire_at(identity.expires_at)

    @property
    def channels(self) -> frozenset[str]:
        """The channels that it is subscribed to."""
        return self._subscriptions.channels

    @property
    def topics(self) -> frozenset[str]:
        """The public topics of its channels."""
        return self._subscriptions.topics

    @property
    def buffered(self) -> int:
        """Bytes that the client has not taken yet, as far as can be seen."""
        return self._outbound.buffered

    # --- life ------------------------------------------------------------------------

    def start(self, checked_at: int, hello: ConnectRequest | None = None) -> None:
        """Join the hub; with a hello, recover first what was missed.

        Args:
            checked_at: the hub's position before the user's rights were checked.
        """
        self.position = self._hub.position
        self._hub.subscribers.join(self)
        if order := self._hub.ending_since(self.user_id, checked_at):
            self.end(order.code, order.reason)
            return
        if hello is None:
            self._live = True
        else:
            self._accept(ClientEnvelope(type="connect"), hello)

    def stop(self) -> None:
        """Leave the hub and drop commands that have not begun."""
        self.closing = True
        self._live = False
        self._hub.subscribers.leave(self)
        self._stopped = True
        self._waiting.clear()
        if self._late is not None:
            self._late.stop()
        if self._room is not None:
            self._room.set()
        if self._expiry is not None:
            self._expiry.cancel()

    async def quiet(self) -> None:
        """Return when no command is under way."""
        if self._worker is not None:
            await asyncio.wait([self._worker])

    def close(self, code: CloseCode, reason: str, *, reconnect_after_ms: int | None = None) -> None:
        """Say goodbye and close, once."""
        if self.closing:
            return
        metrics.CLOSES.labels(int(code)).inc()
        self.closing = True
        self._live = False
        last = None
        if code.announced:
            goodbye = protocol.Disconnected(reason=reason, code=int(code), reconnect=code.reconnect)
            if reconnect_after_ms is not None:
                goodbye.reconnect_after_ms = reconnect_after_ms
            last = Frame(protocol.encode_frame("disconnect", goodbye))
        self._outbound.close(code, last)

    def _expire_at(self, expires_at: float) -> None:
        if self.closing:
            return
        if self._expiry is not None:
            self._expiry.cancel()
        delay = min(max(0.0, expires_at - time.time()), LONGEST_TIMER)
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(delay, self._on_expiry, expires_at)

    def _on_expiry(self, expires_at: float) -> None:
        if time.time() < expires_at:
            self._expire_at(expires_at)
            return
        self._fail(RealtimeError(ErrorCode.TOKEN_EXPIRED, "token expired"), None)
        self.close(CloseCode.TOKEN_EXPIRED, "token_expired")

    # --- what the hub calls ------------------------------------------------------------

    def deliver(self, run: Run) -> None:
        """Take events from the hub, unless they were sent before."""
        if not self._live or run.last <= self.position:
            return
        burst = run.burst
        if run.first <= self.position:
            burst = Burst([e.frame for e in run.events if e.sequence > self.position])
        self.position = run.last
        self._write(burst)

    def signal(self, signal: Signal) -> None:
        """Take an unlogged frame. For a client that is behind, of one key the last is kept."""
        if self._live:
            if self._late is None:
                self._late = LateSignals(self._outbound, self._write, lambda: self._live)
            self._late.send(signal)

    def leave_channel(self, channel: str) -> None:
        """The right to `channel` has ended."""
        self._subscriptions.lose(channel, replaying=not self._live)

    def end(self, code: int, reason: str) -> None:
        """The user's rights have ended.

        Args:
            code: a close code, perhaps of a newer version than this: what counts
                is whether the client may come back.
        """
        try:
            known = CloseCode(code)
        except ValueError:
            known = CloseCode.RECONNECT if code < 4500 else CloseCode.ACCOUNT_DISABLED
        self.close(known, reason)

    def resync(self, reason: str, head: Head) -> None:
        """The log has started anew. A replay under way notices by itself."""
        if self._live:
            self._write_resync(reason, head.sequence, head.epoch)

    # --- frames in -----------------------------------------------------------------------

    async def receive(self, text: str) -> None:
        """Take one text frame. Waits while too many commands are waiting."""
        if self.closing:
            return
        try:
            envelope = protocol.decode_envelope(text)
        except DecodeError as error:
            if not self._over_limit(error.ack_id):
                self._fail(as_invalid(error), error.ack_id)
            return
        if self._over_limit(envelope.ack_id):
            return
        known = find_request(envelope.type) is not None
        metrics.FRAMES.labels(envelope.type if known else metrics.UNKNOWN).inc()
        if envelope.type == "heartbeat":
            self._beat(envelope)
            return
        self.active_at = time.monotonic()
        if self.on_active is not None:
            self.on_active()
            self.on_active = None
        if len(self._waiting) >= MAX_WAITING_FRAMES:
            self._outbound.pause_reading()
            while len(self._waiting) >= MAX_WAITING_FRAMES:
                self._room = self._room or asyncio.Event()
                self._room.clear()
                await self._room.wait()
            self._outbound.resume_reading()
        if not self.closing:
            self._accept(envelope)

    def refuse(self, error: RealtimeError) -> None:
        """Answer a frame that is no text frame."""
        if not self.closing and not self._over_limit(None):
            self._fail(error, None)

    def _over_limit(self, ack_id: str | None) -> bool:
        retry_after = self._limit.hit(time.monotonic())
        if retry_after is None:
            return False
        metrics.LIMIT_HITS.labels("frames").inc()
        self._fail(
            RealtimeError(
                ErrorCode.RATE_LIMITED,
                f"More than {conf().FRAMES_PER_SECOND} frames a second",
                retry_after=retry_after,
            ),
            ack_id,
        )
        if self._limit.flooding:
            self.close(CloseCode.FLOODING, "flooding")
        return True

    def _beat(self, envelope: ClientEnvelope) -> None:
        try:
            protocol.decode_payload(envelope.payload, protocol.Empty)
        except DecodeError as error:
            self._fail(as_invalid(error), envelope.ack_id)
            return
        reached = max(self.position, self._hub.position) if self._live else self.position
        self._reply(
            "heartbeat",
            protocol.Heartbeat(timestamp=protocol.now(), last_sequence=reached),
            envelope.ack_id,
        )

    def _accept(self, envelope: ClientEnvelope, hello: ConnectRequest | None = None) -> None:
        self._waiting.append((envelope, hello))
        if self._worker is None:
            # A task only while there is work: most sockets are idle.
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            envelope, hello = self._waiting.pop(0)
            if self._room is not None:
                self._room.set()
            await self._answer(envelope, hello)
        self._worker = None

    async def _answer(self, envelope: ClientEnvelope, hello: ConnectRequest | None) -> None:
        if self.closing:
            return
        try:
            await self._carry_out(envelope, hello)
        except Exception as error:
            self._fail(as_refusal(error, envelope.type), envelope.ack_id)

    async def answer_once(self, envelope: ClientEnvelope) -> None:
        """Carry out one command of a client that has no socket."""
        self.position = self._hub.position
        if envelope.type == "heartbeat":
            self._beat(envelope)
        else:
            await self._answer(envelope, None)

    async def _carry_out(self, envelope: ClientEnvelope, hello: ConnectRequest | None) -> None:
        payload = envelope.payload
        match envelope.type:
            case "connect":
                request = hello or protocol.decode_payload(payload, ConnectRequest)
                await self._connect(request, envelope.ack_id)
            case "disconnect":
                protocol.decode_payload(payload, protocol.Empty)
                self._acknowledge(envelope, {})
                self.close(CloseCode.NORMAL, "client_initiated")
            case "subscribe":
                self._acknowledge(envelope, await self._subscribe(_channel_in(envelope)))
            case "unsubscribe":
                self._acknowledge(envelope, self._unsubscribe(_channel_in(envelope)))
            case "authenticate":
                request_ = protocol.decode_payload(payload, protocol.AuthenticateRequest)
                self._acknowledge(envelope, await self._authenticate(request_.token))
            case _:
                self._acknowledge(envelope, await self._run_command(envelope))

    async def _run_command(self, envelope: ClientEnvelope) -> Any:
        command = registry.find_command(envelope.type)
        if command is None:
            raise invalid(f"Unknown message type {envelope.type[:64]!r}", field="type")
        request: Any = protocol.decode_payload(envelope.payload, command.request)
        caller = registry.Caller(self.user_id, envelope.channel, envelope.id, self.id)
        # One at a time for each user, however many sockets: one user's commands
        # that wait for a lock must not take all the threads.
        async with _turns.setdefault(self.user_id, asyncio.Lock()):
            with metrics.COMMANDS.labels(command.name).time():
                return await command.carry_out(caller, request)

    async def _authenticate(self, token: str) -> protocol.Authenticated:
        identity = await database.run(Work.ENTRY, authenticate, token)
        if identity.user_id != self.user_id:
            raise RealtimeError(ErrorCode.INVALID_TOKEN, "invalid token")
        self._expire_at(identity.expires_at)
        return protocol.Authenticated(user_id=self.user_id, expires_at=identity.expires_at)

    # --- subscriptions ---------------------------------------------------------------------

    async def _subscribe(self, channel: str) -> protocol.Subscribed:
        refused = await self._subscriptions.join([channel])
        if channel in refused:
            raise refused[channel]
        position, epoch = self._hub.position, self._hub.epoch
        snapshots = await self._subscriptions.snapshots([channel], replaying=False)
        if channel not in snapshots:
            raise channel_not_found(channel)
        return protocol.Subscribed(
            channel=channel, last_sequence=position, epoch=epoch, snapshot=snapshots[channel]
        )

    def _unsubscribe(self, channel: str) -> protocol.Unsubscribed:
        registry.find_channel(channel)
        self._subscriptions.leave(channel)
        return protocol.Unsubscribed(channel=channel)

    def _follow_topics(self, came: frozenset[str], went: frozenset[str]) -> None:
        if self._stopped:
            return  # it has left the hub already
        for topic in came:
            self._hub.subscribers.join_topic(topic, self)
        for topic in went:
            self._hub.subscribers.leave_topic(topic, self)

    # --- recovery -----------------------------------------------------------------------

    async def _connect(self, hello: ConnectRequest, ack_id: str | None) -> None:
        if self._live:
            self.position = max(self.position, self._hub.position)
        self._live = False
        try:
            await self._recover(hello, ack_id)
        except Exception as error:
            # Going live here would leave a hole between the position and now.
            # The client comes back and recovers from its own cursor.
            self._fail(internal_error(error, "connect"), ack_id)
            self.close(CloseCode.RECONNECT, "recovery_failed")
        self._live = not self.closing
        self._subscriptions.former = NONE

    async def _recover(self, hello: ConnectRequest, ack_id: str | None) -> None:
        refused = await self._subscriptions.join(hello.channels)
        if hello.last_sequence is None:
            recovered = False
            await self._catch_up(self._hub.epoch)
        else:
            self._subscriptions.keep_until_told(refused)
            self.position = hello.last_sequence
            recovered = await self._catch_up(hello.epoch)
        # Snapshots are as of this position or later. Events after it are sent
        # behind the reply, so that no older state overwrites a newer one.
        position, epoch = self.position, self._hub.epoch
        snapshots = await self._subscriptions.snapshots(sorted(self.channels), replaying=True)
        for channel in hello.channels:
            if channel not in snapshots:  # the right to it ended during the replay
                refused.setdefault(channel, channel_not_found(channel))
        reply = protocol.Connected(
            user_id=self.user_id,
            timestamp=protocol.now(),
            epoch=epoch,
            last_sequence=position,
            recovered=recovered,
            channels=snapshots,
        )
        if refused:
            reply.refused = {channel: error.as_object() for channel, error in refused.items()}
        self._reply("connect", reply, ack_id)
        await self._catch_up(epoch)

    async def _catch_up(self, epoch: str | None) -> bool:
        """Replay the log from the position until it reaches the hub's.

        Returns without awaiting after the last look at the hub's position: the
        caller that goes live in the same step misses nothing.

        Returns:
            Whether nothing was missing; if not, the client got a `resync`.
        """
        complete = True
        while not self.closing:
            try:
                page = await self._hub.read(
                    self.user_id,
                    after=self.position,
                    channels=self.channels | self._subscriptions.former,
                    topics=self.topics,
                    epoch=epoch,
                )
            except LogGapError as gap:
                complete = False
                epoch = self._hub.epoch
                self._write_resync(gap.reason, self._hub.position, epoch)
                continue
            epoch = self._hub.epoch if epoch is None else epoch
            for burst in bursts(page.events):
                self._write(burst)
                await self._drained()
            self.position = page.position
            if self.position >= self._hub.position and epoch == self._hub.epoch:
                break
        return complete

    async def _drained(self) -> None:
        try:
            async with asyncio.timeout(conf().SLOW_SECONDS):
                await self._outbound.drained()
        except TimeoutError:
            self.close(CloseCode.TOO_SLOW, "too_slow")

    def _write_resync(self, reason: str, position: int, epoch: str) -> None:
        metrics.RESYNCS.labels(reason).inc()
        self.position = position
        payload = protocol.Resync(reason=reason, last_sequence=position, epoch=epoch)
        self._reply("resync", payload, None)

    # --- frames out -----------------------------------------------------------------------

    def _write(self, burst: Burst | Frame) -> None:
        if not self.closing and not self._outbound.write(burst):
            self.close(CloseCode.TOO_SLOW, "too_slow")

    def _reply(self, type: str, payload: Any, ack_id: str | None) -> None:
        self._write(Frame(protocol.encode_frame(type, payload, ack_id=ack_id)))

    def _acknowledge(self, envelope: ClientEnvelope, data: Any) -> None:
        if envelope.ack_id is not None:
            ack = protocol.Ack(ack_id=envelope.ack_id, data=data)
            self._reply("ack", ack, envelope.ack_id)

    def _fail(self, error: RealtimeError, ack_id: str | None) -> None:
        metrics.ERRORS.labels(error.code).inc()
        self._reply("error", error.as_object(), ack_id)


def _channel_in(envelope: ClientEnvelope) -> str:
    request = protocol.decode_payload(envelope.payload, protocol.ChannelRequest)
    channel = request.channel or envelope.channel
    if not channel:
        raise invalid("Say which channel, in the payload", field="payload.channel")
    return channel
