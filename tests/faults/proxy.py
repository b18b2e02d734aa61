"""A load balancer that can be made to fail: round robin, no sticky sessions.

Every client has a line of its own to it (a listening port), so that one client
can be cut off. A connection goes to the next node in turn that takes it, and
that has said of late that it is ready, as load balancers do.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

HOST = "127.0.0.1"
CHUNK = 64 * 1024
CHECK_SECONDS = 1.0

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """The nodes, in turn.

    Args:
        ports: where the nodes listen.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._turn = itertools.cycle(range(len(ports)))
        self._ports = ports
        self._ready = dict.fromkeys(ports, True)
        self._carried = dict.fromkeys(ports, 0)

    async def check(self) -> None:
        """Ask each node again and again whether it is ready, until cancelled."""
        await asyncio.gather(*(self._check(port) for port in self._ports))

    async def _check(self, port: int) -> None:
        async with httpx.AsyncClient(timeout=CHECK_SECONDS, trust_env=False) as http:
            while True:
                try:
                    response = await http.get(f"http://{HOST}:{port}/readyz")
                    self._ready[port] = response.status_code == 200
                except httpx.TransportError:
                    self._ready[port] = False
                await asyncio.sleep(CHECK_SECONDS)

    def carries(self, port: int) -> int:
        """How many connections to this node there are."""
        return self._carried[port]

    def is_ready(self, port: int) -> bool:
        """Whether the node has said so of late."""
        return self._ready[port]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Stream]:
        """A connection to the next node that takes it.

        Raises:
            ConnectionRefusedError: none does.
        """
        first = next(self._turn)
        in_turn = [*self._ports[first:], *self._ports[:first]]
        # Those that are not ready come last: perhaps nobody is.
        for port in sorted(in_turn, key=lambda port: not self._ready[port]):
            try:
                stream = await asyncio.open_connection(HOST, port, limit=CHUNK)
            except OSError:
                continue
            self._carried[port] += 1
            try:
                yield stream
            finally:
                self._carried[port] -= 1
            return
        raise ConnectionRefusedError("no node takes connections")


class Line:
    """One client's way to the nodes; `port` is where the client connects."""

    def __init__(self, balancer: Balancer) -> None:
        self.port = 0
        self._balancer = balancer
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._closed_until = 0.0
        self._silent = False

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._take, HOST, 0, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Cut all connections and take no more."""
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self, seconds: float = 0.0) -> None:
        """Reset all connections at once, and refuse new ones for so many seconds."""
        self._silent = False
        self._closed_until = asyncio.get_running_loop().time() + seconds
        for pair in list(self._pairs):
            pair.abort()

    def go_silent(self, *, for_good: bool = False) -> int:
        """Leave all connections half open: neither side hears of the other again.

        Args:
            for_good: new ones, too; else they work.

        Returns:
            How many connections there were.
        """
        self._silent = for_good
        speaking = [pair for pair in self._pairs if not pair.silent]
        for pair in speaking:
            pair.silent = True
        return len(speaking)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asyncio.get_running_loop().time() < self._closed_until:
            writer.transport.abort()
            return
        try:
            async with self._balancer.connect() as node:
                pair = _Pair((reader, writer), node)
                pair.silent = self._silent
                self._pairs.add(pair)
                try:
                    await pair.run()
                finally:
                    self._pairs.discard(pair)
        except ConnectionRefusedError:
            writer.transport.abort()
        except asyncio.CancelledError:
            pass  # asyncio would report its own cancellation at the end as a fault of ours


class _Pair:
    """A client's connection and the node's that belongs to it."""

    def __init__(self, client: Stream, node: Stream) -> None:
        self.silent = False
        self._client = client
        self._node = node
        self._aborted = asyncio.Event()

    async def run(self) -> None:
        """Carry bytes both ways until one side ends; half open, until it is aborted."""
        pumps = [
            asyncio.ensure_future(self._carry(self._client[0], self._node[1])),
            asyncio.ensure_future(self._carry(self._node[0], self._client[1])),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if self.silent:
                await self._aborted.wait()
        finally:
            for pump in pumps:
                pump.cancel()
            for _, writer in (self._client, self._node):
                writer.transport.abort() if self.silent else writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass

    def abort(self) -> None:
        for _, writer in (self._client, self._node):
            writer.transport.abort()
        self._aborted.set()
