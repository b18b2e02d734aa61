"""Who looks at the nodes' figures sees those of all nodes, by Redis."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from notifications.services import notify
from tests.clients import in_thread, open_socket
from tests.realtime.test_stats import join, make_operator, reports
from tests.servers import server_process


@pytest.fixture(autouse=True)
def _with_redis() -> None:
    assert settings.REDIS_URL, "tests/services needs REDIS_URL=redis://..."


async def test_two_nodes_report_to_who_looks_at_one_of_them(alice: Any) -> None:
    olga = await in_thread(make_operator, "olga")
    with server_process() as (one, _), server_process() as (two, _):
        async with (
            open_socket(one, olga) as socket,
            open_socket(one, alice),
            open_socket(two, alice),
        ):
            snapshot = await join(socket)
            assert snapshot["shared_layer"] is True
            names = {node["node_id"]: node["node"] for node in snapshot["nodes"]}
            connections: dict[str, int] = {}
            busy: set[str] = set()
            while len(busy) < 2:  # a report is a signal: one may be lost
                await in_thread(notify, alice, "news", "text")
                report = await reports(socket)
                assert names[report["node_id"]] == report["node"]
                connections[report["node_id"]] = report["connections"]
                if report["events_per_second"] and report["deliveries_per_second"]:
                    busy.add(report["node_id"])
            assert sorted(connections.values()) == [1, 2]
