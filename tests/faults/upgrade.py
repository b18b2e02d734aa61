"""The upgrade: the version before and this one, side by side on one database, and back again.

The version before makes the database, serves, and writes from first to last, as a
worker would that nobody has restarted yet. This version's migrations run while
clients listen. Then servers are exchanged as a rolling deploy does it, forward and
back, and in the end the migrations are taken back and made again.

Until the migrations have run, this version's models may name columns that are not
there: people are made through the version before's own API.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
from django.db import transaction

from realtime import log
from tests.clients import in_thread
from tests.faults.checker import WITNESS, Result
from tests.faults.processes import LabError, Node
from tests.faults.proxy import HOST
from tests.faults.run import DEVICES, Lab, Run, make_users, rosters, running, writing
from tests.faults.versions import NOW, Version, check_out
from tests.faults.writers import Group, Job
from tests.people import token_for

BEFORE_NODE, NOW_NODE = 0, 1
STAGE_SECONDS = 3
# What a later version may write: neither of the two knows such an event, or such an order.
LATER = "of_a_later_version"
PATIENCE = 30.0


async def roll(lab: Lab, result: Result) -> None:
    """Upgrade, go back, and have every client's record judged."""
    version = await asyncio.to_thread(check_out, lab.before, lab.folder)
    environment = lab.environment()
    before = Node("node-before", lab.folder, environment, root=version.root)
    now = Node("node-now", lab.folder, environment)
    lab.other_nodes([before, now])
    lab.postgresql.create_database()
    await version.manage("migrate", env=environment)
    lab.postgresql.execute(WITNESS)
    await before.start()
    async with running(
        lab, result, nodes=[before, now], prepare=_prepare, writers=version.root
    ) as run:
        run.notes.append(f"the version before: {version.name}")
        await run.sleep(STAGE_SECONDS)
        await NOW.manage("migrate", env=environment)
        await run.sleep(STAGE_SECONDS)
        async with writing(run, _job_beside(run), {}):
            await _exchange(run, before, now)
            await _exchange(run, now, before)
        run.require(not run.summary.failed, f"writers of this version: {run.summary.errors}")
        await _migrate_back_and_forth(run, version)
    if run.summary.failed:
        result.problems.append(f"writers of the version before: {run.summary.errors}")


async def _prepare(run: Run) -> None:
    """Users, conversations and the log's position, from the version before."""
    run.users = await in_thread(make_users, run.lab.clients // DEVICES)
    url = f"http://{HOST}:{run.nodes[BEFORE_NODE].port}/api/v1"
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as http:

        async def ask(method: str, path: str, user: object, **arguments: object) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token_for(user)}"}
            response = await http.request(method, path, headers=headers, **arguments)  # type: ignore[arg-type]
            return response.raise_for_status()

        by_key = {user.pk: user for user in run.users}
        for members, newcomers in rosters(run.users):
            creator, *others = members
            body = {"participant_ids": [str(key) for key in others], "title": "group"}
            made = await ask("POST", "/conversations", by_key[creator], json=body)
            key = int(made.json()["id"].removeprefix("conv_"))
            run.groups.append(Group(key, members, newcomers))
        user = run.users[0]
        position = {"user_id": str(user.pk), "timeout": 0}
        answer = (await ask("GET", "/realtime/poll", user, params=position)).json()
        run.start, run.epoch = answer["last_poll_id"], answer["epoch"]


def _job_beside(run: Run) -> Job:
    """This version's writers write to the same people; who takes part is the others' business."""
    groups = [Group(group.pk, group.members[:2], []) for group in run.groups]
    return Job([user.pk for user in run.users], groups)


async def _exchange(run: Run, leaving: Node, coming: Node) -> None:
    """Start one server beside the other, serve from both, and drain the other."""
    await coming.start()
    await _until(lambda: run.balancer.is_ready(coming.port), f"{coming.name} is not ready")
    both = (leaving, coming)
    numbered = [await node.counted("realtime_relayed_events") for node in both]
    delivered = [await node.counted("realtime_deliveries") for node in both]
    for client in run.clients[::2]:
        client.line.cut()
        run.faults += 1
    await run.sleep(STAGE_SECONDS / 2)
    await in_thread(_write_what_nobody_knows, run)
    await run.sleep(STAGE_SECONDS / 2)
    for node, numbers, deliveries in zip(both, numbered, delivered, strict=True):
        run.require(run.balancer.carries(node.port) > 0, f"{node.name} has no clients")
        for counter, was in (
            ("realtime_relayed_events", numbers),
            ("realtime_deliveries", deliveries),
        ):
            more = await node.counted(counter) - was
            run.require(more > 0, f"{node.name} beside the other: no {counter}")
            run.notes.append(f"{node.name} beside the other: {more:.0f} {counter}")
    # That the version before could not always leave the registry would not be this one's fault.
    await leaving.stop(in_good_order=leaving is run.nodes[NOW_NODE])
    run.faults += 1
    await run.sleep(STAGE_SECONDS)


def _write_what_nobody_knows(run: Run) -> None:
    """An event is handed out like any other, an order passed over; neither stops anybody."""
    everybody = [user.pk for user in run.users]
    with transaction.atomic():
        log.append(LATER, {"of": "order"}, recipients=everybody, control=True)
        log.append(LATER, {"of": "event"}, channel="notifications", recipients=everybody)


async def _migrate_back_and_forth(run: Run, version: Version) -> None:
    """The version before serves again: take this version's migrations back, and make them again."""
    last = version.last_migrations()
    for app in NOW.last_migrations():
        if NOW.last_migrations()[app] != last[app]:
            await NOW.manage("migrate", app, last[app], env=run.lab.environment())
    await run.sleep(STAGE_SECONDS)
    # The judge reads by this version's models.
    await NOW.manage("migrate", env=run.lab.environment())


async def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise LabError(otherwise)
        await asyncio.sleep(0.05)
