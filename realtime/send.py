"""One command without a socket: for clients that poll, the same handlers as a frame's."""

from __future__ import annotations

from uuid import uuid4

import msgspec

from realtime.authentication import Identity
from realtime.connection import Connection
from realtime.errors import CloseCode, ErrorCode
from realtime.hub import Hub
from realtime.protocol import Burst, ClientEnvelope, Frame


class _Answers:
    """An outbound that keeps what is written."""

    behind = False
    buffered = 0

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, burst: Burst | Frame) -> bool:
        self.frames.extend(frame.data for frame in burst.frames)
        return True

    async def drained(self) -> None:
        """Nothing has to be taken."""

    async def caught_up(self) -> None:
        """Nothing has to be taken."""

    def pause_reading(self) -> None:
        """There is nothing more to read."""

    def resume_reading(self) -> None:
        """There is nothing more to read."""

    def close(self, code: CloseCode, last: Frame | None) -> None:
        """There is nothing to close."""


class _Error(msgspec.Struct):
    code: str


class _Answer(msgspec.Struct):
    type: str
    payload: msgspec.Raw
    ack_id: str = ""


async def answer(hub: Hub, identity: Identity, envelope: ClientEnvelope) -> tuple[bytes, int]:
    """Carry out one envelope.

    Returns:
        The envelope that answers it, and its HTTP status.
    """
    if envelope.ack_id is None:
        envelope.ack_id = uuid4().hex  # over HTTP every command is answered
    answers = _Answers()
    connection = Connection(identity, hub, answers)
    try:
        await connection.answer_once(envelope)
    finally:
        connection.stop()
    for data in reversed(answers.frames):
        found = msgspec.json.decode(data, type=_Answer)
        if found.ack_id == envelope.ack_id:
            return data, _status(found)
    raise RuntimeError(f"{envelope.type} was not answered")


def _status(found: _Answer) -> int:
    if found.type != "error":
        return 200
    return ErrorCode(msgspec.json.decode(found.payload, type=_Error).code).http_status
