"""The wire: every frame's type, and how bytes become frames and back.

The Structs here are the protocol's only definition; encoding, decoding and
the published schemas all come from them. No Django, no I/O.

Sources: API reference, *Message Protocol* and *Event Types*.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid4

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

T = TypeVar("T")

MAX_FRAME_BYTES = 64 * 1024
# Room for the longest lists of ids that a body may have.
MAX_BODY_BYTES = 256 * 1024
MAX_QUERY_BYTES = 32 * 1024
MAX_ID_CHARS = 64
MAX_CHANNEL_CHARS = 200

# What no database can hold: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# A position in the log; 0 is before its first event.
Position = Annotated[int, Meta(ge=0, le=2**63 - 1)]
# A user's primary key as text: an integer, a UUID, whatever the site's users have.
UserId = Annotated[str, Meta(examples=["7"])]


class DecodeError(ValueError):
    """A client's frame that is not a valid envelope.

    Attributes:
        field: the envelope or payload field at fault, if one can be named.
        ack_id: the frame's `ack_id`, if it could still be read: the error
            that answers the frame carries it.
    """

    def __init__(self, message: str, *, field: str | None = None, ack_id: str | None = None):
        super().__init__(message)
        self.field = field
        self.ack_id = ack_id


# --- envelopes ---------------------------------------------------------------


class ClientEnvelope(Struct):
    """A frame as a client sends it. Unknown fields are ignored."""

    type: str
    payload: Raw = Raw(b"{}")
    id: Annotated[str, Meta(max_length=MAX_ID_CHARS)] | None = None
    channel: Annotated[str, Meta(max_length=MAX_CHANNEL_CHARS)] | None = None
    ack_id: Annotated[str, Meta(max_length=255)] | None = None


class ServerEnvelope(Struct, omit_defaults=True):
    """A frame as the server sends it."""

    id: str
    type: str
    payload: Any
    timestamp: datetime
    channel: str | UnsetType = UNSET
    ack_id: str | UnsetType = UNSET
    sequence: int | UnsetType = UNSET


class PollEvent(Struct):
    """An event as a poll returns it (API reference, *HTTP Polling Fallback*)."""

    id: int
    event_id: str
    type: str
    channel: str | None
    payload: Any
    timestamp: datetime
    sequence: int | None


class PollAnswer(Struct, omit_defaults=True):
    """The body of a poll's answer."""

    events: list[PollEvent]
    last_poll_id: int
    has_more: bool
    epoch: str
    channels: dict[str, Any] | UnsetType = UNSET
    resync: bool = False


class MissedAnswer(Struct, omit_defaults=True):
    """The body of the answer of `poll/missed`."""

    messages: list[ServerEnvelope]
    last_sequence: int
    has_more: bool
    epoch: str
    resync: bool = False


# --- payloads the server sends -------------------------------------------------


class Payload(Struct, omit_defaults=True):
    """Base of every payload."""


class ErrorObject(Payload, omit_defaults=False):
    """`error`, and the body of every HTTP error."""

    code: str
    message: str
    details: dict[str, Any]


class Ack(Payload, omit_defaults=False):
    """`ack`: the frame with this `ack_id` has taken effect."""

    ack_id: str
    data: Any
    status: Literal["success"] = "success"


class Connected(Payload):
    """`connect`, the server's reply."""

    user_id: str
    timestamp: datetime
    epoch: str
    last_sequence: int
    recovered: bool
    channels: dict[str, Any]
    refused: dict[str, ErrorObject] | UnsetType = UNSET


class Disconnected(Payload):
    """`disconnect`, sent before every close of 4000 and above."""

    reason: str
    code: int
    reconnect: bool
    reconnect_after_ms: int | UnsetType = UNSET


class Subscribed(Payload):
    """Data of the ack of `subscribe`: where the channel stood when it was joined."""

    channel: str
    last_sequence: int
    epoch: str
    snapshot: dict[str, Any]


class Unsubscribed(Payload):
    """Data of the ack of `unsubscribe`."""

    channel: str


class Authenticated(Payload):
    """Data of the ack of `authenticate`; `expires_at` in Unix seconds."""

    user_id: str
    expires_at: float


class Heartbeat(Payload):
    """`heartbeat`, the server's reply."""

    timestamp: datetime
    last_sequence: int


class Resync(Payload):
    """`resync`: the log does not reach back to where this client stood."""

    reason: str
    last_sequence: int
    epoch: str


class Erased(Payload):
    """`erased`: what was told here on this channel has been deleted since.

    Only clients that come to it late see it: what they need to know of the
    channel they fetch by REST.
    """


# --- payloads clients send to the engine ----------------------------------------


class Empty(Struct):
    """A payload in which the server reads nothing."""


class ConnectRequest(Struct):
    """`connect`, the client's hello."""

    last_sequence: Position | None = None
    epoch: str | None = None
    channels: Annotated[list[str], Meta(max_length=200)] = []


class AuthenticateRequest(Struct):
    """`authenticate`: a fresh token for the same user."""

    token: str


class ChannelRequest(Struct):
    """`subscribe` and `unsubscribe`; the channel may stand in the envelope instead."""

    channel: str | None = None


# --- codec -----------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_envelope_decoder = msgspec.json.Decoder(ClientEnvelope)
_AT = re.compile(r" - at `\$\.?([^`]*)`$")


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def encode(value: Any) -> bytes:
    """`value` as JSON."""
    return _encoder.encode(value)


def encode_event(
    *,
    event_id: UUID,
    type: str,
    payload: bytes,
    channel: str,
    created_at: datetime,
    sequence: int,
) -> bytes:
    """One logged event as the frame that every subscriber gets.

    Args:
        payload: the payload as JSON, used as it is.
    """
    return _encoder.encode(
        ServerEnvelope(
            id=str(event_id),
            type=type,
            payload=Raw(payload),
            timestamp=created_at,
            channel=channel or UNSET,
            sequence=sequence,
        )
    )


def encode_frame(
    type: str, payload: Any, *, ack_id: str | None = None, channel: str | None = None
) -> bytes:
    """A frame that is not logged: a reply, an error, a signal."""
    return _encoder.encode(
        ServerEnvelope(
            id=str(uuid4()),
            type=type,
            payload=payload,
            timestamp=now(),
            ack_id=UNSET if ack_id is None else ack_id,
            channel=channel or UNSET,
        )
    )


def decode_envelope(text: str) -> ClientEnvelope:
    """The envelope in a client's text frame.

    Raises:
        DecodeError: it is not JSON, not an object, or a field has the wrong type.
    """
    try:
        envelope = _envelope_decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _explain_envelope(text, error) from None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise DecodeError("Frame is not valid JSON") from None
    if not envelope.type:
        raise DecodeError("Message type is required", field="type", ack_id=envelope.ack_id)
    return envelope


def _explain_envelope(text: str, error: msgspec.ValidationError) -> DecodeError:
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        return DecodeError("Frame must be a JSON object")
    ack_id = frame.get("ack_id")
    ack_id = ack_id if isinstance(ack_id, str) else None
    if "type" not in frame:
        return DecodeError("Message type is required", field="type", ack_id=ack_id)
    message, field = _split(error)
    return DecodeError(message, field=field, ack_id=ack_id)


def decode_payload(payload: Raw, type: type[T]) -> T:
    """A client's payload as `type`; absent and null mean an empty object.

    Raises:
        DecodeError: it is not an object, or a field is missing or wrong.
    """
    raw = bytes(payload).strip()
    if raw == b"null":
        raw = b"{}"
    if not raw.startswith(b"{"):
        raise DecodeError("Payload must be a JSON object", field="payload")
    try:
        return msgspec.json.decode(raw, type=type)
    except msgspec.ValidationError as error:
        message, field = _split(error)
        raise DecodeError(message, field=f"payload.{field}" if field else "payload") from None
    except (msgspec.DecodeError, RecursionError):
        raise DecodeError("Payload is not valid JSON", field="payload") from None


def convert(value: Any, type: type[T]) -> T:
    """Query parameters or an already parsed body as `type`; numbers may be text.

    Raises:
        DecodeError: a field is missing or wrong.
    """
    try:
        return msgspec.convert(value, type, strict=False)
    except msgspec.ValidationError as error:
        message, field = _split(error)
        raise DecodeError(message, field=field) from None


def _split(error: msgspec.ValidationError) -> tuple[str, str | None]:
    """msgspec's message, and the field it is about."""
    text = str(error)
    place = _AT.search(text)
    missing = re.search(r"missing required field `(.+?)`", text)
    if missing:
        parent = place.group(1) + "." if place and place.group(1) else ""
        return f"Field {parent}{missing.group(1)} is required", parent + missing.group(1)
    return (_AT.sub("", text), place.group(1) or None) if place else (text, None)


# --- ids ---------------------------------------------------------------------------


def prefixed_id(prefix: str, pk: object) -> str:
    """The wire id of an object, such as `notif_42`."""
    return f"{prefix}_{pk}"


def parse_prefixed_id(prefix: str, value: str, *, field: str) -> int:
    """The integer key in a wire id such as `notif_42`.

    Args:
        field: where the id stood, for the error.

    Raises:
        DecodeError: it has another prefix, or no positive 64-bit integer in it.
    """
    head, _, digits = value.partition("_")
    if head == prefix and digits.isascii() and digits.isdigit() and len(digits) < 20:
        number = int(digits)
        if 0 < number < 2**63:
            return number
    raise DecodeError(f"Expected an id like {prefix}_1, got {value[:80]!r}", field=field)


# --- frames --------------------------------------------------------------------------


class Frame:
    """One encoded frame, in each form that a transport may want, made once.

    Attributes:
        data: the frame's JSON text as UTF-8.
    """

    __slots__ = ("_text", "_wire", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._text: str | None = None
        self._wire: bytes | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Itself: what can send a `Burst` can send one frame."""
        return (self,)

    @property
    def text(self) -> str:
        """The frame as text, for ASGI's `websocket.send`."""
        if self._text is None:
            self._text = self.data.decode()
        return self._text

    @property
    def wire(self) -> bytes:
        """The frame as an unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
        if self._wire is None:
            size = len(self.data)
            if size < 126:
                header = bytes((0x81, size))
            elif size < 1 << 16:
                header = b"\x81\x7e" + size.to_bytes(2, "big")
            else:
                header = b"\x81\x7f" + size.to_bytes(8, "big")
            self._wire = header + self.data
        return self._wire


class Burst:
    """Frames that leave together, to any number of sockets; a `Frame` is one of one frame.

    Attributes:
        frames: at least one, in their order.
    """

    __slots__ = ("_wire", "frames")

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames
        self._wire: bytes | None = None

    @property
    def wire(self) -> bytes:
        """The frames one behind the other, as they go over the wire."""
        if self._wire is None:
            self._wire = b"".join([frame.wire for frame in self.frames])
        return self._wire
