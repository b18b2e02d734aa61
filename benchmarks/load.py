"""The load client: many sockets in one process, one of which publishes.

`python -m benchmarks.load` takes a `Job` as JSON on standard input and writes
a `Result` on standard output. It reads no frame while the clock runs: it skips
from header to header, counts, and keeps a checksum of the bytes, so that the
server is what is measured. That every socket got every event, once and in
order, is proved afterwards: the publisher's own frames are read in full, and
all the others must have the same checksum.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import sys
import time

import msgspec
import uvloop

from benchmarks.frames import TEXT, LoadError, client_frame, opening_request
from benchmarks.processes import busy_seconds, cpu_seconds, queued_seconds
from benchmarks.sockets import Audience, Socket

OPENING_AT_ONCE = 20
SETTLE_SECONDS = 0.3
MESSAGE_NUMBER = re.compile(rb"event (\d{6})")


class Job(msgspec.Struct):
    """What to do.

    Attributes:
        tokens: for each socket, its bearer token or an empty text.
        greetings: frames that a socket gets before it is subscribed.
        envelope: the frame that publishes, with `%s` where the message stands.
        message_bytes: the size of the published text.
        timeout: seconds that the warm-up and the measurement may take, each.
    """

    host: str
    port: int
    path: str
    server_pid: int
    tokens: list[str]
    greetings: int
    envelope: str
    message_bytes: int
    warm_up: int
    events: int
    in_flight: int
    timeout: float


class Usage(msgspec.Struct):
    """Processor seconds; None where the system does not tell.

    Attributes:
        others: used by processes that are no part of the measurement.
        server_queued: the server could have gone on, but other processes had the cores.
    """

    server: float | None
    client: float | None
    others: float | None
    server_queued: float | None
    client_queued: float | None

    @classmethod
    def now(cls, server_pid: int) -> Usage:
        server, client, machine = cpu_seconds(server_pid), cpu_seconds(os.getpid()), busy_seconds()
        others = None
        if server is not None and client is not None and machine is not None:
            others = machine - server - client
        return cls(
            server=server,
            client=client,
            others=others,
            server_queued=queued_seconds(server_pid),
            client_queued=queued_seconds(os.getpid()),
        )

    def since(self, before: Usage) -> Usage:
        return Usage(*map(_minus, msgspec.structs.astuple(self), msgspec.structs.astuple(before)))


def _minus(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else max(0.0, after - before)


class Result(msgspec.Struct):
    """What was measured, all in seconds.

    Attributes:
        seconds: from the first publish to the last delivery at the last socket.
        usage: processor time in that interval.
        latencies: for each event, from its publish to its last delivery.
        frame_bytes: the size of one delivered frame, without its header.
    """

    sockets: int
    events: int
    seconds: float
    usage: Usage
    latencies: list[float]
    frame_bytes: int

    @property
    def deliveries_per_second(self) -> float:
        return self.sockets * self.events / self.seconds

    @property
    def deliveries_per_cpu_second(self) -> float | None:
        """By the server's processor time: hardly moved by what else the machine does."""
        used = self.usage.server
        return self.sockets * self.events / used if used else None


class Load:
    """Carries out one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._audience = Audience(len(job.tokens), self._complete, self._fail)
        self._sockets: list[Socket] = []
        self._target = 0
        self._sent: list[float] = []
        self._done: list[float] = []
        self._problem: str | None = None
        self._finished: asyncio.Future[None] | None = None

    async def run(self) -> Result:
        """Open, warm up, measure, verify.

        Raises:
            LoadError: not every socket got just what was published.
        """
        await self._open()
        await self._publish(self._job.warm_up)
        gc.collect()
        gc.disable()
        before = Usage.now(self._job.server_pid)
        await self._publish(self._job.events)
        usage = Usage.now(self._job.server_pid).since(before)
        await asyncio.sleep(SETTLE_SECONDS)  # for what should not come
        frame_bytes = self._verify()
        for socket in self._sockets:
            socket.closing = True
            socket.transport.abort()
        sent, done = self._sent[self._job.warm_up :], self._done[self._job.warm_up :]
        return Result(
            sockets=len(self._sockets),
            events=self._job.events,
            seconds=done[-1] - sent[0],
            usage=usage,
            latencies=[end - start for start, end in zip(sent, done, strict=True)],
            frame_bytes=frame_bytes,
        )

    async def _open(self) -> None:
        job, loop = self._job, asyncio.get_running_loop()
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def open_one(token: str) -> Socket:
            async with gate, asyncio.timeout(job.timeout):
                request = opening_request(job.host, job.port, job.path, token)
                _, socket = await loop.create_connection(
                    lambda: Socket(request, job.greetings, self._audience), job.host, job.port
                )
                await socket.ready
                return socket

        try:
            self._sockets = await asyncio.gather(*map(open_one, job.tokens))
        except TimeoutError:
            raise LoadError(f"a socket was not subscribed after {job.timeout:.0f} s") from None
        self._sockets[0].kept = []

    async def _publish(self, events: int) -> None:
        """Publish, never more than so many at once, until all have everything."""
        self._target += events
        self._finished = asyncio.get_running_loop().create_future()
        for _ in range(min(events, self._job.in_flight)):
            self._publish_one()
        try:
            async with asyncio.timeout(self._job.timeout):
                await self._finished
        except TimeoutError:
            counts = [socket.count for socket in self._sockets]
            raise LoadError(
                f"after {self._job.timeout:.0f} s sockets have {min(counts)} to {max(counts)} of "
                f"{self._target} events, {len(self._done)} have reached all"
            ) from None

    def _publish_one(self) -> None:
        number = self._audience.expect()
        message = f"event {number:06} ".ljust(self._job.message_bytes, "x")
        frame = client_frame(TEXT, (self._job.envelope % f'"{message}"').encode())
        self._sent.append(time.perf_counter())
        self._sockets[0].transport.write(frame)

    def _complete(self, number: int) -> None:
        self._done.append(time.perf_counter())
        if len(self._sent) < self._target:
            self._publish_one()
        elif number + 1 == self._target:
            self._end(None)

    def _fail(self, problem: str) -> None:
        self._problem = self._problem or problem
        self._end(LoadError(problem))

    def _end(self, error: LoadError | None) -> None:
        if self._finished is None or self._finished.done():
            return
        if error is None:
            self._finished.set_result(None)
        else:
            self._finished.set_exception(error)

    def _verify(self) -> int:
        """Every socket got every event, once and in order; returns a frame's size."""
        if self._problem:
            raise LoadError(self._problem)
        first = self._sockets[0]
        kept = first.kept or []
        numbers = [int(n) for frame in kept for n in MESSAGE_NUMBER.findall(frame)]
        if numbers != list(range(self._target)):
            raise LoadError(f"the publisher's events are not 0 to {self._target - 1}")
        for socket in self._sockets:
            if (socket.count, socket.checksum) != (self._target, first.checksum):
                raise LoadError(
                    f"a socket got {socket.count} of {self._target} events, or others than the rest"
                )
        return len(kept[-1])


async def _run(job: Job) -> Result:
    return await Load(job).run()


def main() -> int:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_run(job))
    except (LoadError, OSError, TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
