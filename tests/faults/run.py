"""One scenario's run: nodes, people, clients and writers; then the end, and the check."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from django.contrib.auth import get_user_model

from messaging.services import create_conversation
from realtime import log
from realtime.models import OutboxEvent
from tests.clients import in_thread
from tests.faults import checker
from tests.faults.checker import Result
from tests.faults.clients import Client, Transport
from tests.faults.processes import METRICS_TOKEN, LabError, Node, PostgreSQL, Redis
from tests.faults.proxy import Balancer, Line
from tests.faults.writers import Group, Job, Summary
from tests.people import token_for
from tests.servers import ROOT

NODES = 3
GROUP_SIZE = 8
# A user's devices; one client in four polls.
DEVICES = 2
SETTLE_SECONDS = 40.0
TALK_SECONDS = 1.0


@dataclass
class Lab:
    """What all scenarios share.

    Attributes:
        before: the commit of the version before; None: see `versions`.
        clients: how many clients a scenario has.
        scale: by how much the time that faults are spread over is stretched.
        nodes: those that run now.
    """

    folder: Path
    postgresql: PostgreSQL
    redis: Redis
    clients: int
    scale: float
    before: str | None = None
    nodes: list[Node] = field(default_factory=list)
    _kind: object = None

    async def standing_nodes(
        self,
        environments: dict[int, dict[str, str]],
        everywhere: dict[str, str],
        arguments: tuple[str, ...],
    ) -> list[Node]:
        """Nodes of this kind: those of the scenario before, or new ones in their place."""
        kind = (environments, everywhere, arguments)
        if kind != self._kind or not all(node.running for node in self.nodes):
            self.end_nodes()
            self._kind = kind
            self.nodes = [
                Node(
                    f"node-{number}",
                    self.folder,
                    {**self.environment(), **everywhere, **environments.get(number, {})},
                    arguments,
                )
                for number in range(NODES)
            ]
            await asyncio.gather(*(node.start() for node in self.nodes))
        return self.nodes

    def other_nodes(self, nodes: list[Node]) -> None:
        """A scenario's own nodes, which it starts itself, in place of the standing ones."""
        self.end_nodes()
        self._kind, self.nodes = None, nodes

    def end_nodes(self) -> None:
        """End them, whatever state they are in."""
        for node in self.nodes:
            node.end()

    def environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "DATABASE_URL": self.postgresql.url,
            "REDIS_URL": self.redis.url,
            "METRICS_TOKEN": METRICS_TOKEN,
        }


@dataclass
class Run:
    """A scenario under way.

    Attributes:
        start: the log's position when it began.
        faults: how often something was broken.
        upto: the log's position when all was written: clients must have all up to it.
        conditions: what has to hold besides the record, and does not.
        tasks: the clients at work.
        summary: what the writers have done, once they have ended.
    """

    lab: Lab
    nodes: list[Node]
    balancer: Balancer
    start: int = 0
    epoch: str = ""
    users: list[Any] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    faults: int = 0
    upto: int = 0
    conditions: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    notes: list[str] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Let things go on, for longer with a larger scale."""
        await asyncio.sleep(seconds * self.lab.scale)

    def times(self, number: int) -> range:
        """Repeat something so often, more often with a larger scale."""
        return range(max(1, round(number * self.lab.scale)))

    async def add_client(self, user: Any, transport: Transport) -> Client:
        """One more client that begins where the scenario did."""
        line = Line(self.balancer)
        await line.open()
        groups = [f"conversation:conv_{g.pk}" for g in self.groups if user.pk in g.members]
        client = Client(
            str(user.pk),
            token_for(user),
            line,
            start=self.start,
            epoch=self.epoch,
            channels=[*checker.PUBLIC_CHANNELS, *groups],
            transport=transport,
        )
        self.clients.append(client)
        self.tasks.append(asyncio.create_task(client.run()))
        return client

    async def caught_up(self, seconds: float) -> int:
        """Wait until all clients have what is in the log now.

        Returns:
            How many have not, after so many seconds.
        """
        deadline = time.monotonic() + seconds
        self.upto = (await in_thread(log.read_head)).sequence
        while late := sum(client.cursor < self.upto for client in self.clients):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        return late

    def require(self, holds: bool, otherwise: str) -> None:
        """Note a condition of the scenario's own."""
        if not holds:
            self.conditions.append(otherwise)


Prepare = Callable[[Run], Awaitable[None]]


@asynccontextmanager
async def running(
    lab: Lab,
    result: Result,
    *,
    transports: tuple[Transport, ...] = (
        Transport.SOCKET,
        Transport.SOCKET,
        Transport.POLL,
        Transport.SOCKET,
    ),
    environments: dict[int, dict[str, str]] | None = None,
    everywhere: dict[str, str] | None = None,
    arguments: tuple[str, ...] = (),
    troubled: bool = False,
    nodes: list[Node] | None = None,
    prepare: Prepare | None = None,
    writers: Path = ROOT,
) -> AsyncIterator[Run]:
    """Everything runs and writes inside the block; after it all is brought to an end and checked.

    Args:
        result: where the outcome goes.
        transports: how the clients listen, in turn.
        environments: what single nodes, by number, find in their environment.
        everywhere: what every node finds there.
        arguments: further arguments for uvicorn.
        troubled: writers with long transactions, rollbacks and deadlocks, too.
        nodes: the scenario's own, instead of the standing ones.
        prepare: finds the log's position and makes the people, where this version's code cannot.
        writers: where the writers' code is.
    """
    began = time.monotonic()
    if nodes is None:
        nodes = await lab.standing_nodes(environments or {}, everywhere or {}, arguments)
    run = Run(lab, nodes, Balancer([node.port for node in nodes]))
    await (prepare or _prepare)(run)
    job = Job([user.pk for user in run.users], run.groups, troubled=troubled)
    async with _fleet(run, transports), writing(run, job, everywhere or {}, root=writers):
        started = time.monotonic()
        yield run
        broken = time.monotonic()
    settled = time.monotonic()
    result.clients, result.faults = len(run.clients), run.faults
    result.notes += run.notes
    result.problems += run.conditions
    await in_thread(_check, result, run)
    checked = time.monotonic()
    result.seconds = checked - began
    result.notes.append(
        f"{started - began:.0f} s to start, {broken - started:.0f} s of faults, "
        f"{settled - broken:.0f} s to settle, {checked - settled:.0f} s to check"
    )


async def _prepare(run: Run) -> None:
    head = await in_thread(log.read_head)
    run.start, run.epoch = head.sequence, head.epoch
    run.users = await in_thread(make_users, run.lab.clients // DEVICES)
    run.groups = await in_thread(_make_groups, run.users)


def make_users(number: int) -> list[Any]:
    """So many new ones."""
    model = get_user_model()
    before = model.objects.count()
    return model.objects.bulk_create(
        model(username=f"user{before + n}", first_name=f"User {n}", password="!")
        for n in range(number)
    )


def _make_groups(users: list[Any]) -> list[Group]:
    groups = []
    for members, newcomers in rosters(users):
        creator, *others = members
        conversation, _ = create_conversation(str(creator), others, title="group")
        groups.append(Group(conversation.pk, members, newcomers))
    return groups


def rosters(users: list[Any]) -> Iterator[tuple[list[int], list[int]]]:
    """Each few of the users, and some of the others, who are to come to them later."""
    keys = [user.pk for user in users]
    for first in range(0, len(keys), GROUP_SIZE):
        members = keys[first : first + GROUP_SIZE]
        if len(members) >= 3:
            others = [key for key in keys if key not in members]
            yield members, random.sample(others, min(4, len(others)))


@asynccontextmanager
async def _fleet(run: Run, transports: tuple[Transport, ...]) -> AsyncIterator[None]:
    """The clients listen, and some of them talk."""
    checking = asyncio.create_task(run.balancer.check())
    talking: list[asyncio.Task[None]] = []
    try:
        for number in range(run.lab.clients // DEVICES * DEVICES):
            transport = transports[number % len(transports)]
            await run.add_client(run.users[number // DEVICES], transport)
        await _all_there(run)
        talking += [asyncio.create_task(_talk(run, group)) for group in run.groups]
        yield
        for task in talking:
            task.cancel()
        await _settle(run)
        _raise_failures(run)
    finally:
        tasks = [*run.tasks, *talking, checking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in run.clients:
            client.line.close()


async def _all_there(run: Run) -> None:
    """Every client has been heard of by a node."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while late := sum(client.cursor == run.start for client in run.clients):
        _raise_failures(run)
        if time.monotonic() > deadline:
            raise LabError(f"{late} clients do not get through")
        await asyncio.sleep(0.05)


def _raise_failures(run: Run) -> None:
    """A client ends by being cancelled, or by a mistake of the laboratory's.

    Raises:
        LabError: one has ended.
    """
    for task in run.tasks:
        if task.done() and (error := task.exception()):
            raise LabError(f"a client failed: {error!r}") from error


async def _talk(run: Run, group: Group) -> None:
    """Clients of a group's members say something from time to time."""
    devices = [client for client in run.clients if int(client.user_id) in group.members]
    said = []
    while True:
        await asyncio.sleep(TALK_SECONDS * random.uniform(0.5, 1.5))
        client = random.choice(devices)
        saying = client.say(f"conv_{group.pk}", f"from a client {random.random()}")
        said.append(asyncio.create_task(saying))


async def _settle(run: Run) -> None:
    """Wait until all that was committed has been numbered and has reached everybody.

    Whoever has not got it by then has lost it; the check will say so.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while any(client.unanswered for client in run.clients) or await in_thread(_pending):
        if time.monotonic() > deadline:
            waiting = sum(client.unanswered for client in run.clients)
            run.conditions.append(f"{waiting} commands unanswered, or the outbox not empty")
            break
        await asyncio.sleep(0.1)
    if late := await run.caught_up(max(1.0, deadline - time.monotonic())):
        run.conditions.append(f"{late} clients have not got to {run.upto}")


def _pending() -> bool:
    return OutboxEvent.objects.exists()


def _check(result: Result, run: Run) -> None:
    truth = checker.read_truth(run.start)
    result.events = sum(event.sequence <= run.upto for event in truth)
    checker.check_log(result, run.start)
    checker.check_clients(result, run.clients, truth, start=run.start, upto=run.upto)


@asynccontextmanager
async def writing(
    run: Run, job: Job, everywhere: dict[str, str], *, root: Path = ROOT
) -> AsyncIterator[None]:
    """A writers' process, whose code is in `root`, writes inside the block."""
    log_path = run.lab.folder / "writers.log"
    with log_path.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.writers", cwd=root,
            env={**os.environ, **run.lab.environment(), **everywhere, "PYTHONPATH": str(root)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=output,
            process_group=0,
        )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        if (said := await process.stdout.readline()) != b"ready\n":
            raise LabError(f"writers: {said!r}\n{log_path.read_text()[-2000:]}")
        yield
        process.stdin.close()
        async with asyncio.timeout(SETTLE_SECONDS):
            summary = msgspec.json.decode(await process.stdout.readline(), type=Summary)
            await process.wait()
        run.summary = summary
        run.notes.append(
            f"{summary.written} writes, {summary.rolled_back} rolled back, "
            f"{summary.failed} failed {summary.errors or ''}"
        )
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
