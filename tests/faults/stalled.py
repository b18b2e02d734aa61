"""Clients that stop reading, and what they cost: the node's memory, and others' time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.load import opening_request
from notifications.services import notify
from realtime.models import Session
from tests.clients import in_thread
from tests.faults.checker import commit_times
from tests.faults.clients import Client, Transport
from tests.faults.processes import HOST, Node
from tests.faults.run import Run
from tests.people import make_user, token_for

STALLED = 10
# What each of them is sent: 1.7 MB, more than may wait for it.
EVENTS = 28
EVENT_BYTES = 60_000
FLOOD_SECONDS = 7.0
ATTEMPTS = 3
MIB = 1024 * 1024
GONE_SECONDS = 20.0
# So that the kernel takes little off the node's hands.
RECEIVE_BUFFER = 4096
SEGMENT = 536


@dataclass(frozen=True, slots=True)
class Cost:
    """What a flood has cost.

    Attributes:
        p99: seconds from commit to arrival at the fleet's sockets, 99th percentile.
        growth: by how many bytes the node's memory has grown at most.
    """

    p99: float
    growth: int


async def compare(run: Run) -> None:
    """The same flood, to clients that read and to clients that do not.

    A machine that does something else at the wrong moment spoils a comparison of
    latencies: it is made again, up to three times. Memory has to do every time.
    """
    users = [await in_thread(make_user, f"stalled{number}") for number in range(STALLED)]
    for _ in range(ATTEMPTS):
        reading = await _flood(run, users, reading=True)
        stalled = await _flood(run, users, reading=False)
        run.faults += STALLED
        run.notes.append(
            f"others' p99 {stalled.p99 * 1000:.0f} ms, {reading.p99 * 1000:.0f} ms without; memory "
            f"+{stalled.growth / MIB / STALLED:.2f} MiB for each of {STALLED} stalled clients"
        )
        run.require(
            stalled.growth <= STALLED * MIB,
            f"memory has grown by {stalled.growth / MIB:.0f} MiB for {STALLED} stalled clients",
        )
        if stalled.p99 < 2 * reading.p99:
            break
    else:
        run.require(False, f"others waited longer in {ATTEMPTS} comparisons: {run.notes}")
    # They come back, and have missed nothing.
    for user in users:
        client = await run.add_client(user, Transport.SOCKET)
        client.comes_late = True


async def _flood(run: Run, users: list[Any], *, reading: bool) -> Cost:
    node = run.nodes[0]
    await run.caught_up(GONE_SECONDS)  # each flood finds the same calm
    async with contextlib.AsyncExitStack() as stack:
        for user in users:
            await stack.enter_async_context(raw_socket(node, user, reading=reading))
        began = time.time()
        async with _measured(node) as peak:
            before = node.memory
            await in_thread(_write, users)
            if not reading:
                await _gone(run, users)
        window = (began, time.time())
    times = await in_thread(commit_times)
    return Cost(_p99(run.clients, times, window), max(peak) - before)


def _write(users: list[Any]) -> None:
    began = time.monotonic()
    for number in range(EVENTS):
        for user in users:
            notify(user, "like", f"{number} {user.pk} ".ljust(EVENT_BYTES, "x"))
        time.sleep(max(0.0, began + (number + 1) * FLOOD_SECONDS / EVENTS - time.monotonic()))


async def _gone(run: Run, users: list[Any]) -> None:
    """The node has seen that they do not read, and has dropped them."""
    left = Session.objects.filter(user_id__in=[user.pk for user in users])
    deadline = time.monotonic() + GONE_SECONDS
    while number := await in_thread(left.count):
        if time.monotonic() > deadline:
            run.require(False, f"{number} clients that do not read are still connected")
            return
        await asyncio.sleep(0.2)


@asynccontextmanager
async def _measured(node: Node) -> AsyncIterator[list[int]]:
    """The node's memory, again and again."""
    samples: list[int] = [node.memory]

    async def sample() -> None:
        while True:
            samples.append(node.memory)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(sample())
    try:
        yield samples
    finally:
        task.cancel()


@asynccontextmanager
async def raw_socket(node: Node, user: Any, *, reading: bool) -> AsyncIterator[None]:
    """A socket of this user, straight to the node."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        if not reading:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        await loop.sock_connect(sock, (HOST, node.port))
        await loop.sock_sendall(sock, opening_request(node.port, "/ws", token_for(user)))
        await loop.sock_recv(sock, RECEIVE_BUFFER)  # the handshake's answer
        task = asyncio.create_task(_read(sock)) if reading else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def _read(sock: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(sock, 256 * 1024):
        pass


def _p99(clients: list[Client], times: dict[str, float], window: tuple[float, float]) -> float:
    # What was committed after the times were read is after the window, too.
    taken = sorted(
        arrival.at - times[arrival.id]
        for client in clients
        if client.transport is Transport.SOCKET
        for arrival in client.first_arrivals()
        if window[0] <= times.get(arrival.id, math.inf) <= window[1]
    )
    return taken[int(len(taken) * 0.99)]
