"""The load of conversations: pairs of users who talk over sockets, in a process of its own.

In each pair one sends and the other listens. Whatever arrives is checked: the right
conversation, each message exactly once, in the order in which it was sent.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import msgspec
import uvloop

from benchmarks.processes import ROOT, BenchmarkError
from benchmarks.sockets import Socket, open_socket

OPENING_AT_ONCE = 20
# What was sent has to have arrived after this long, and what comes twice comes within it.
PATIENCE = 30.0
GRACE = 0.5


class Pair(msgspec.Struct):
    """Two users in a conversation.

    Attributes:
        conversation: its id on the wire.
        sender: opening request of the socket that sends.
        listener: opening request of the other's.
    """

    conversation: str
    sender: bytes
    listener: bytes


class Job(msgspec.Struct):
    """What to do.

    Attributes:
        kind: `message`, or `typing` (start and stop in turn).
        rate: how many are sent a second by all pairs together, by the clock; None: each
            sender sends the next one when the ack of the one before came.
        warm_up: seconds that do not count.
        seconds: how long it is measured; None: until the parent says so.
        watchers: opening requests of sockets that only listen.
        awaited: a type of notification that every socket is to get exactly once.
    """

    port: int
    pairs: list[Pair]
    rate: float | None = None
    kind: str = "message"
    warm_up: float = 1.0
    seconds: float | None = None
    watchers: list[bytes] = []
    awaited: str = ""


class Result(msgspec.Struct):
    """What was measured.

    Attributes:
        seconds: of the measured interval.
        sent: in all, with the warm-up; each was delivered.
        delivered: within the interval.
        latencies: of those, in seconds, from the send to the frame at the other's socket.
        acks: likewise, to the ack at the sender's.
        late: seconds behind the clock at which each was sent.
        client: processor seconds of this process in the interval.
        watched: sockets that got the awaited notification.
    """

    seconds: float
    sent: int
    delivered: int
    latencies: list[float]
    acks: list[float]
    late: list[float]
    client: float
    watched: int = 0


class _Inner(msgspec.Struct):
    conversation_id: str = ""
    content: str = ""
    type: str = ""
    is_typing: bool | None = None


class _Incoming(msgspec.Struct):
    type: str
    payload: msgspec.Raw
    ack_id: str = ""


_decode = msgspec.json.Decoder(_Incoming).decode
_decode_inner = msgspec.json.Decoder(_Inner).decode
_REFUSED = {"error", "resync", "disconnect"}


class _Watcher:
    """A socket that counts the notification that it is to get."""

    def __init__(self, talk: _Talk) -> None:
        self.talk = talk
        self.greeted = asyncio.get_running_loop().create_future()
        self.awaited = 0
        self.socket: Socket | None = None

    async def open(self, request: bytes) -> None:
        self.socket = await open_socket(self.talk.job.port, request, self.on_text)
        self.socket.ended.add_done_callback(self.talk.on_end)
        async with asyncio.timeout(PATIENCE):
            await self.greeted

    def on_text(self, text: bytes) -> None:
        frame = _decode(text)
        if frame.type in _REFUSED:
            raise BenchmarkError(f"a socket got {text[:300]!r}")
        if frame.type == "connect":
            self.greeted.set_result(None)
        elif frame.type == "notification" and self.talk.job.awaited:
            self.awaited += _decode_inner(frame.payload).type == self.talk.job.awaited
        else:
            self.take(frame)

    def take(self, frame: _Incoming) -> None:
        """Something else arrived."""


class _Sender(_Watcher):
    def __init__(self, talk: _Talk, conversation: str) -> None:
        super().__init__(talk)
        self.conversation = conversation
        self.sent_at: list[float] = []
        self.acked = 0
        self.delivered = 0

    def send(self, due: float | None = None) -> None:
        number, kind = len(self.sent_at), self.talk.job.kind
        inner = f'"conversation_id":"{self.conversation}"'
        if kind == "message":
            inner += f',"content":"{number} of the messages that one person writes to another"'
        else:
            kind = "typing_stop" if number % 2 else "typing_start"
        now = time.perf_counter()
        self.sent_at.append(now)
        assert self.socket is not None
        self.socket.send(
            f'{{"type":"{kind}","id":"{uuid4()}","ack_id":"{number}","payload":{{{inner}}}}}'.encode()
        )
        if due is not None:
            self.talk.late.append(now - due)

    def take(self, frame: _Incoming) -> None:
        if frame.type != "ack":
            return
        if frame.ack_id != str(self.acked):
            raise BenchmarkError(f"ack {frame.ack_id} came in place of {self.acked}")
        self.talk.note(self.talk.acks, self.sent_at[self.acked])
        self.acked += 1
        if self.talk.job.rate is None and self.talk.sending:
            self.send()


class _Listener(_Watcher):
    def __init__(self, talk: _Talk, sender: _Sender) -> None:
        super().__init__(talk)
        self.sender = sender

    def take(self, frame: _Incoming) -> None:
        if frame.type not in ("message", "typing_start", "typing_stop"):
            return
        sender, found = self.sender, _decode_inner(frame.payload)
        if self.talk.job.kind == "message":
            right = found.content.startswith(f"{sender.delivered} of ")
        else:
            right = found.is_typing == (sender.delivered % 2 == 0)
        if not right or found.conversation_id != sender.conversation:
            raise BenchmarkError(f"in place of number {sender.delivered} came {frame.payload!r}")
        if sender.delivered >= len(sender.sent_at):
            raise BenchmarkError(f"what nobody sent was delivered: {frame.payload!r}")
        self.talk.note(self.talk.latencies, sender.sent_at[sender.delivered])
        sender.delivered += 1


class _Talk:
    """One run of a job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.sending = False
        self.measuring_since: float | None = None
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.acks: list[float] = []
        self.late: list[float] = []
        self.senders = [_Sender(self, pair.conversation) for pair in job.pairs]
        self.listeners = [_Listener(self, sender) for sender in self.senders]
        self.watchers = [_Watcher(self) for _ in job.watchers]

    @property
    def sockets(self) -> list[_Watcher]:
        return [*self.senders, *self.listeners, *self.watchers]

    def on_end(self, ended: asyncio.Future[None]) -> None:
        if (error := ended.exception()) and not self.failure.done():
            self.failure.set_exception(error)

    def note(self, values: list[float], sent_at: float) -> None:
        if self.measuring_since is not None:
            values.append(time.perf_counter() - sent_at)

    async def open(self) -> None:
        requests = [
            *(pair.sender for pair in self.job.pairs),
            *(pair.listener for pair in self.job.pairs),
            *self.job.watchers,
        ]
        limit = asyncio.Semaphore(OPENING_AT_ONCE)

        async def one(socket: _Watcher, request: bytes) -> None:
            async with limit:
                await socket.open(request)

        await asyncio.gather(*map(one, self.sockets, requests))

    async def run(self, stop: asyncio.Event) -> Result:
        """Talk for as long as the job says, or until `stop`; then wait for what is under way."""
        self.sending = True
        pacing = asyncio.create_task(self._pace())
        try:
            await self._sleep(self.job.warm_up)
            began, used = time.perf_counter(), _cpu_seconds()
            self.measuring_since = began
            await self._sleep(self.job.seconds, stop)
            seconds, used = time.perf_counter() - began, _cpu_seconds() - used
            delivered = len(self.latencies)
        finally:
            self.sending = False
            pacing.cancel()
        await self._settle()
        return Result(
            seconds=seconds,
            sent=sum(len(sender.sent_at) for sender in self.senders),
            delivered=delivered,
            latencies=self.latencies,
            acks=self.acks,
            late=self.late,
            client=used,
            watched=sum(socket.awaited == 1 for socket in self.sockets),
        )

    async def _pace(self) -> None:
        if self.job.rate is None:
            for sender in self.senders:
                sender.send()
            return
        began, number = time.perf_counter(), 0
        while True:
            due = began + number / self.job.rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            self.senders[number % len(self.senders)].send(due)
            number += 1

    async def _sleep(self, seconds: float | None, stop: asyncio.Event | None = None) -> None:
        """Wait, unless a socket fails meanwhile."""
        waiting: asyncio.Future[Any] = asyncio.ensure_future((stop or asyncio.Event()).wait())
        await asyncio.wait(
            {waiting, self.failure}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        if self.failure.done():
            self.failure.result()

    async def _settle(self) -> None:
        deadline = time.perf_counter() + PATIENCE
        while not self._complete() and time.perf_counter() < deadline:
            await self._sleep(0.05)
        await self._sleep(GRACE)
        if not self._complete():
            counts = [(len(one.sent_at), one.acked, one.delivered) for one in self.senders]
            awaited = [socket.awaited for socket in self.sockets]
            raise BenchmarkError(f"sent, acked, delivered: {counts}; notifications: {awaited}")

    def _complete(self) -> bool:
        return all(one.acked == one.delivered == len(one.sent_at) for one in self.senders) and all(
            not self.job.awaited or socket.awaited == 1 for socket in self.sockets
        )


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# --- the two ends of the pipe ------------------------------------------------------


class Talking:
    """A load process at work."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def result(self) -> Result:
        """End it, if the job has no end of its own, and wait for what it found.

        Raises:
            BenchmarkError: something was not delivered as it should be.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        return msgspec.json.decode(self._line(), type=Result)

    def wait_open(self) -> None:
        """Return when all sockets are open."""
        self._line()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if line := self._process.stdout.readline():
            return line
        lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        raise BenchmarkError(f"the load client: {lines[-1] if lines else 'died'}")


@contextmanager
def talking(job: Job) -> Iterator[Talking]:
    """Begin a job in a process of its own; the sockets are open when the block begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.talk"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
        running = Talking(process)
        running.wait_open()
        yield running
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def talk(job: Job) -> Result:
    """Do a job that has an end, and wait for what it found.

    Raises:
        BenchmarkError: something was not delivered as it should be.
    """
    assert job.seconds is not None
    with talking(job) as running:
        return running.result()


async def _child() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    stop = asyncio.Event()
    if job.seconds is None:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    run = _Talk(job)
    await run.open()
    print("open", flush=True)
    result = await run.run(stop)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.flush()


def _main() -> int:
    try:
        uvloop.run(_child())
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
