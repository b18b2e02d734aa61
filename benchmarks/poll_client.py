"""The client of benchmarks.polls: `python -m benchmarks.poll_client` beside the server.

Reads jobs from standard input, one JSON object a line, and answers each with
lines on standard output: `sent` when all polls are on their way, then what came.
Raw HTTP/1.1 on uvloop, so that it takes little time from the server.
"""

from __future__ import annotations

import asyncio
import sys
import time
from http import HTTPStatus
from itertools import cycle
from typing import cast

import httptools
import msgspec
import uvloop

from benchmarks.processes import HOST

# A poll is sent every so often; all at once would be another benchmark.
BATCH = 10


class PollJob(msgspec.Struct):
    """Polls to be made at the same time.

    Attributes:
        requests: one for each poll, as it goes on the wire.
        per_second: how many are sent in a second.
        timeout: seconds until all have to be answered.
    """

    port: int
    requests: list[bytes]
    per_second: float
    timeout: float


class Answers(msgspec.Struct):
    """What came.

    Attributes:
        bodies: of each poll, in the order of the requests.
        at: when the last byte of each came, by the system's monotonic clock.
        cpu: processor seconds of the client.
    """

    bodies: list[str]
    at: list[float]
    cpu: float


class Poll(asyncio.Protocol):
    """One request and its answer, on a connection of its own."""

    def __init__(self, request: bytes, answer: asyncio.Future[tuple[float, bytes]]) -> None:
        self._request = request
        self._answer = answer
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._parser.get_status_code() == HTTPStatus.OK:
            self._answer.set_result((time.monotonic(), self._body))
        else:
            self._answer.set_exception(ConnectionError(f"not an answer: {self._body!r}"))
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(ConnectionError(f"no answer: {exc}"))


async def carry_out(job: PollJob) -> Answers:
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[tuple[float, bytes]]] = []
    began = time.monotonic()
    for request, turn in zip(job.requests, cycle(range(BATCH)), strict=False):
        answers.append(answer := loop.create_future())
        await loop.create_connection(lambda r=request, a=answer: Poll(r, a), HOST, job.port)  # type: ignore[misc]
        if turn == 0:
            ahead = began + len(answers) / job.per_second - time.monotonic()
            await asyncio.sleep(max(0.0, ahead))
    print("sent", flush=True)
    async with asyncio.timeout(job.timeout):
        found = await asyncio.gather(*answers)
    return Answers(
        [body.decode() for _, body in found], [at for at, _ in found], time.process_time()
    )


def main() -> None:
    # Buffered, whatever PYTHONUNBUFFERED says: of a long line `print` would write a part.
    with open(sys.stdout.fileno(), "wb", closefd=False) as output:
        for line in sys.stdin.buffer:
            job = msgspec.json.decode(line, type=PollJob)
            answers = uvloop.run(carry_out(job))
            output.write(msgspec.json.encode(answers) + b"\n")
            output.flush()


if __name__ == "__main__":
    main()
