"""Nodes' figures, for those of the staff who look."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission

from notifications.services import notify
from realtime import database, ephemeral, lifecycle, stats
from realtime.hub import Hub
from realtime.users import user_id
from realtime.waiting import WaitingPolls
from tests.clients import (
    PATIENCE,
    Frame,
    Socket,
    in_thread,
    open_poller,
    open_socket,
    sockets_on_two_workers,
)
from tests.people import make_user
from tests.realtime.test_hub import Recorder as HubRecorder
from tests.servers import UVICORN, Address, server_process


def make_operator(name: str, *, is_staff: bool = True, may_view: bool = True) -> Any:
    """Of the staff, with the permission, or without one of the two."""
    user = make_user(name, is_staff=is_staff)
    if may_view:
        user.user_permissions.add(Permission.objects.get(codename="view_node"))
    return user


@pytest.fixture
def olga(transactional_db: None) -> Any:
    """An operator."""
    return make_operator("olga")


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "INTERVAL", 0.05)
    monkeypatch.setattr(stats, "CHECK_SECONDS", 0.2)


often = pytest.mark.usefixtures("_often")


async def reports(socket: Socket, matching: Any = lambda payload: True) -> Frame:
    """The payload of the next report for which `matching` holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            frame = await socket.receive()
            if frame["type"] == stats.EVENT and matching(frame["payload"]):
                assert frame["channel"] == stats.CHANNEL
                assert "sequence" not in frame, "it is not logged"
                payload: Frame = frame["payload"]
                return payload


async def join(socket: Socket) -> Frame:
    """Subscribe: the snapshot."""
    answer = await socket.ask("subscribe", {"channel": stats.CHANNEL})
    assert answer["type"] == "ack", answer
    snapshot: Frame = answer["payload"]["data"]["snapshot"]
    return snapshot


@often
async def test_who_looks_sees_figures_that_move(server: Address, olga: Any, alice: Any) -> None:
    async with open_socket(server, olga) as socket:
        (node,) = (await join(socket))["nodes"]
        first = await reports(socket)
        assert (first["node_id"], first["node"]) == (node["node_id"], node["node"])
        assert first["connections"] == 1
        async with open_socket(server, alice) as other:
            await reports(socket, lambda payload: payload["connections"] == 2)
            await in_thread(notify, alice, "like", "text")
            moved = await reports(socket, lambda payload: payload["deliveries_per_second"] > 0)
            assert moved["events_per_second"] > 0
            assert 0 < moved["latency_p50"] <= moved["latency_p99"]
            await other.ask("subscribe", {"channel": "no such channel"})
            await reports(socket, lambda payload: payload["errors_per_second"] > 0)
            async with open_poller(server, alice) as poller:
                poll = asyncio.create_task(poller.poll())
                await reports(socket, lambda payload: payload["waiting_polls"] == 1)
                await in_thread(notify, alice, "like", "an end to the wait")
                await poll
        quiet = await reports(socket, lambda payload: payload["events_per_second"] == 0)
        assert quiet["latency_p50"] is quiet["latency_p99"] is None


@often
async def test_a_client_that_polls_gets_the_latest_report_of_each_node(
    server: Address, olga: Any
) -> None:
    async with open_poller(server, olga) as poller:
        first = await poller.poll(channels=stats.CHANNEL)
        assert [node["node_id"] for node in first["channels"][stats.CHANNEL]["nodes"]]
        answer = await poller.poll(channels=stats.CHANNEL)
        while not (found := [e for e in answer["events"] if e["type"] == stats.EVENT]):
            answer = await poller.poll(channels=stats.CHANNEL)
        (report,) = found
        assert (report["channel"], report["sequence"]) == (stats.CHANNEL, None)


@pytest.mark.parametrize("outsider", ["not of the staff", "without the permission", "nobody"])
async def test_nobody_else_may_look(server: Address, transactional_db: None, outsider: str) -> None:
    user = await in_thread(
        make_operator,
        "eve",
        is_staff=outsider == "without the permission",
        may_view=outsider == "not of the staff",
    )
    async with open_socket(server, user) as socket:
        answer = await socket.ask("subscribe", {"channel": stats.CHANNEL})
        assert answer["payload"]["code"] == "CHANNEL_NOT_FOUND"
    async with open_poller(server, user) as poller:
        refused = await poller.ask_for_events(channels=stats.CHANNEL)
        assert refused.json()["code"] == "CHANNEL_NOT_FOUND"


@often
async def test_who_leaves_the_staff_loses_the_channel(server: Address, olga: Any) -> None:
    def somebody_looks() -> bool:
        nodes = lifecycle.local_nodes()
        return any(node.hub.subscribers.topic_users(stats.CHANNEL) for node in nodes)

    async with open_socket(server, olga) as socket:
        await join(socket)
        await reports(socket)
        assert somebody_looks()
        olga.is_staff = False
        await in_thread(olga.save)
        async with asyncio.timeout(PATIENCE):
            while somebody_looks():
                await asyncio.sleep(0.02)
        answer = await socket.ask("subscribe", {"channel": stats.CHANNEL})
        assert answer["payload"]["code"] == "CHANNEL_NOT_FOUND"


async def test_workers_behind_one_port_tell_each_their_own(
    olga: Any, alice: Any, tmp_path: Any
) -> None:
    workers = (*UVICORN, "--workers", "2", "--timeout-worker-healthcheck", "60")
    with server_process(workers, PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) as (server, _):
        async with sockets_on_two_workers(server, [olga] * 4) as sockets:
            for socket in sockets:
                assert len((await join(socket))["nodes"]) == 2
            own: dict[str, int] = {}
            while len(own) < 2:  # with Redis a socket hears the other worker, too
                for socket in sockets:
                    report = await reports(socket)
                    own[report["node_id"]] = report["connections"]
            assert sum(own.values()) == len(sockets)


# --- a reporter by itself ----------------------------------------------------------------


class Recorder(HubRecorder):
    """A subscriber of one public channel."""

    def __init__(self, user: Any, channel: str) -> None:
        super().__init__(user)
        self.channels = {channel}
        self.topics = (channel,)


@dataclass
class Quiet:
    """A node without a server, whose reports are made when they are asked for.

    Attributes:
        published: its reports.
        asked: its hints to other nodes.
    """

    id: UUID = field(default_factory=uuid4)
    name: str = "quiet:1"
    hub: Hub = field(default_factory=Hub)
    polls: WaitingPolls = field(default_factory=WaitingPolls)
    draining: bool = False
    connection_count: int = 0
    published: list[ephemeral.Signal] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reporter = stats.Reporter(self, self.published.append, self._ask)

    async def _ask(self, hint: dict[str, Any]) -> None:
        self.asked.append(hint)

    def looked_at_by(self, user: Any) -> Recorder:
        looker = Recorder(user, stats.CHANNEL)
        self.hub.subscribers.join(looker)
        return looker


@pytest.fixture
async def node(transactional_db: None) -> AsyncIterator[Quiet]:
    yield Quiet()
    await asyncio.to_thread(database.close)


async def test_while_nobody_looks_nothing_is_published_or_asked(node: Quiet, alice: Any) -> None:
    node.hub.subscribers.join(Recorder(alice, "news"))
    await node.reporter.report()
    assert (node.published, node.asked) == ([], [])


async def test_who_looks_here_is_told_and_the_others_are_asked_to(node: Quiet, olga: Any) -> None:
    looker = node.looked_at_by(olga)
    await node.reporter.report()
    (report,) = node.published
    assert (report.type, report.channel) == (stats.EVENT, stats.CHANNEL)
    assert report.recipients == {user_id(olga)}
    assert node.asked == [{"type": stats.WATCHED, "user_ids": [user_id(olga)]}]
    node.hub.subscribers.leave(looker)
    await node.reporter.report()
    assert len(node.asked) == 1


async def test_who_looks_elsewhere_is_told_until_the_hint_ends(
    node: Quiet, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.reporter.watched_by([user_id(olga)])
    await node.reporter.report()
    assert [report.recipients for report in node.published] == [{user_id(olga)}]
    assert node.asked == []
    monkeypatch.setattr(stats, "HINT_SECONDS", 0)
    node.reporter.watched_by([user_id(olga)])
    await node.reporter.report()
    assert len(node.published) == 1


async def test_whose_permission_has_ended_is_told_nothing_more(node: Quiet, olga: Any) -> None:
    looker = node.looked_at_by(olga)
    await node.reporter.report()
    await node.reporter.check()
    assert stats.CHANNEL in looker.channels
    await in_thread(olga.user_permissions.clear)
    await node.reporter.check()
    assert stats.CHANNEL not in looker.channels
    node.hub.subscribers.leave(looker)  # as a connection does, with its last channel of a topic
    await node.reporter.report()
    assert len(node.published) == len(node.asked) == 1


@pytest.mark.parametrize(
    ("share", "counts", "expected"),
    [
        (0.5, [0, 0, 0], None),
        (0.5, [10, 10, 10], 0.05),
        (0.5, [0, 10, 10], 0.55),
        (0.99, [50, 100, 100], 0.982),
        (0.99, [0, 0, 7], 1.0),
    ],
    ids=["no events", "in the first", "between", "towards the upper bound", "beyond all bounds"],
)
def test_quantiles_are_estimated_as_prometheus_does(
    share: float, counts: list[float], expected: float | None
) -> None:
    buckets = dict(zip((0.1, 1.0, math.inf), counts, strict=True))
    assert stats.quantile(share, buckets) == pytest.approx(expected)
