"""Commands on their way: those that wait to be sent, and those that wait for an answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec

from realtime.client.errors import (
    AckTimeoutError,
    ClientError,
    CommandError,
    ConnectionLostError,
    QueueFullError,
)
from realtime.protocol import ErrorObject

# What may be carried out twice without harm: joining and leaving; and a message, by its id.
REPEATABLE = frozenset({"message", "subscribe", "unsubscribe"})


class Command:
    """One frame to the server.

    Args:
        id: the frame's id; a new UUID if there is none.
        wants_answer: somebody waits for `answer`. A message is acknowledged in any
            case, so that it can be sent again until it has arrived.

    Attributes:
        answer: the data of the ack, in the end.
        frame: what is sent, JSON.
    """

    def __init__(
        self,
        type: str,
        payload: dict[str, Any] | None,
        *,
        channel: str | None = None,
        id: str | None = None,
        wants_answer: bool = True,
    ) -> None:
        self.type = type
        self.id = id or str(uuid4())
        self.repeatable = type in REPEATABLE
        self.wants_answer = wants_answer
        self.ack_id = str(uuid4()) if wants_answer or type == "message" else None
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        envelope = {"id": self.id, "type": type, "payload": payload or {}}
        envelope |= {"channel": channel} if channel else {}
        envelope |= {"ack_id": self.ack_id} if self.ack_id else {}
        self.frame = msgspec.json.encode(envelope)


class Outbox:
    """The commands of a client, sent in their order.

    Args:
        limit: how many may wait, to be sent or answered.
        changed: called when what waits has changed.

    Attributes:
        work: set when there may be something to send.
    """

    def __init__(self, limit: int, changed: Callable[[], None] = lambda: None) -> None:
        self.limit = limit
        self.work = asyncio.Event()
        self._changed = changed
        self._change = asyncio.Event()
        self._waiting: deque[Command] = deque()
        self._unanswered: dict[str, Command] = {}
        self._held_until = float("-inf")

    @property
    def full(self) -> bool:
        """Whether no more commands can be added."""
        return len(self._waiting) + len(self._unanswered) >= self.limit

    @property
    def unanswered(self) -> bool:
        """Whether an answer is expected."""
        return bool(self._unanswered)

    async def change(self) -> None:
        """Return when there may be room, or none to be expected."""
        self._change.clear()
        await self._change.wait()

    async def settled(self) -> None:
        """Return when all has been sent and answered."""
        while self._waiting or self._unanswered:
            await self.change()

    def add(self, command: Command) -> None:
        """Send `command` as soon as that is possible.

        Raises:
            QueueFullError: too many wait already.
        """
        if self.full:
            raise QueueFullError(self.limit)
        self._waiting.append(command)
        self.notify()

    def next(self) -> Command | None:
        """The command to send next."""
        return self._waiting[0] if self._waiting else None

    def held_for(self, now: float) -> float:
        """The seconds for which the server wants to get nothing."""
        return max(0.0, self._held_until - now)

    def sent(self, command: Command) -> None:
        """It is being sent."""
        self._waiting.remove(command)
        if command.ack_id is not None:
            self._unanswered[command.ack_id] = command
        self.notify()

    def unsent(self, command: Command, *, until: float = float("-inf")) -> None:
        """It has not been carried out: it is sent once more, not before `until`."""
        if command.ack_id is not None and self._unanswered.pop(command.ack_id, None) is None:
            return  # nobody waits for it any more
        self._waiting.appendleft(command)
        self._held_until = max(self._held_until, until)
        self.notify()

    def acknowledged(self, ack_id: str, data: Any) -> bool:
        """It has taken effect; whether there is such a command."""
        command = self._unanswered.pop(ack_id, None)
        if command is None:
            return False
        if not command.answer.done():
            command.answer.set_result(data)
        self.notify()
        return True

    def refused(self, ack_id: str, error: ErrorObject, now: float) -> bool:
        """It was answered with an error; whether that is settled, and nobody else's concern."""
        command = self._unanswered.get(ack_id)
        if command is None:
            return False
        if error.code == "RATE_LIMITED":
            self.unsent(command, until=now + float(error.details.get("retry_after", 1)))
            return True
        del self._unanswered[ack_id]
        self._fail(command, CommandError.of(error))
        self.notify()
        return command.wants_answer

    def lost(self) -> None:
        """The connection has ended: what it was sent is sent again, or its answer is lost."""
        again = [command for command in self._unanswered.values() if command.repeatable]
        for command in self._unanswered.values():
            if not command.repeatable:
                self._fail(command, ConnectionLostError(command.type, command.id))
        self._unanswered.clear()
        self._waiting.extendleft(reversed(again))
        self._held_until = float("-inf")
        self.notify()

    async def answer_to(self, command: Command, seconds: float) -> Any:
        """The data of the ack of `command`, which was added before.

        Raises:
            ClientError: it was refused, or there is no answer.
        """
        try:
            async with asyncio.timeout(seconds):
                return await command.answer
        except TimeoutError:
            raise AckTimeoutError(command.type, command.id, seconds) from None
        finally:
            self._drop(command)

    def _drop(self, command: Command) -> None:
        """Nobody waits for it any more."""
        if command in self._waiting:
            self._waiting.remove(command)
        elif command.ack_id is not None:
            self._unanswered.pop(command.ack_id, None)
        self.notify()

    def end(self, error: ClientError) -> None:
        """Nothing more is sent or answered."""
        for command in (*self._unanswered.values(), *self._waiting):
            self._fail(command, error)
        self._unanswered.clear()
        self._waiting.clear()
        self.notify()

    def _fail(self, command: Command, error: ClientError) -> None:
        if command.wants_answer and not command.answer.done():
            command.answer.set_exception(error)

    def notify(self) -> None:
        """Have everybody who waits look again."""
        self.work.set()
        self._change.set()
        self._changed()
