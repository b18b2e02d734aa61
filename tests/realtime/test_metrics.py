"""Metrics and logs: what an operator sees, and nobody else."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from notifications.services import notify
from realtime import logs
from realtime.errors import CloseCode, ErrorCode
from realtime.users import user_id
from tests.clients import (
    PATIENCE,
    in_thread,
    open_http,
    open_poller,
    open_socket,
    sockets_on_two_workers,
)
from tests.people import token_for
from tests.realtime.test_failures import without_table
from tests.servers import ROOT, UVICORN, Address, server_process

TOKEN = "a token of Prometheus"
allowed = pytest.mark.options(METRICS_TOKEN=TOKEN)
DASHBOARD = ROOT / "deploy" / "grafana" / "realtime.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"


async def scrape(server: Address) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample, by its name and the values of its labels."""
    async with httpx.AsyncClient(base_url=server.http) as http:
        answer = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@allowed
async def test_what_happens_is_counted(server: Address, alice: Any) -> None:
    before = await scrape(server)
    open_before = before.get(("realtime_connections", ()), 0.0)

    def more(name: str, *labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0.0)

    async with open_socket(server, alice) as socket, open_poller(server, alice):
        await socket.ask("heartbeat")
        await socket.ask("subscribe", {"channel": "no such channel"})
        await socket.send_raw('{"type": "made up by a client"}')
        await socket.expect("error")
        await in_thread(notify, alice, "like", "text")
        await socket.expect("notification")
        after = await scrape(server)
        assert more("realtime_connections") == 1
    assert more("realtime_handshakes_total", "accepted") == 1
    assert more("realtime_frames_received_total", "heartbeat") == 1
    assert more("realtime_frames_received_total", "unknown") == 1
    assert ("realtime_frames_received_total", ("made up by a client",)) not in after
    assert more("realtime_errors_total", "CHANNEL_NOT_FOUND") == 1
    assert more("realtime_events_handed_out_total", "notification") == 1
    assert more("realtime_deliveries_total") >= 1
    assert more("realtime_delivery_latency_seconds_count") >= 1
    assert after["realtime_log_head", ()] > 0
    async with asyncio.timeout(PATIENCE):
        # Counted down when they have ended, and nothing is left to be handed out.
        while (
            after["realtime_connections", ()] != open_before
            or after["realtime_tail_position", ()] != after["realtime_log_head", ()]
        ):
            await asyncio.sleep(0.02)
            after = await scrape(server)


@allowed
async def test_what_has_not_happened_yet_is_zero(alice: Any) -> None:
    # Else a rate() would not see the first of a kind, nor a thousand of them at once.
    with server_process() as (server, _):
        samples = await scrape(server)
    assert {samples["realtime_errors_total", (code,)] for code in ErrorCode} == {0}
    closes = [samples["realtime_closed_connections_total", (str(int(c)),)] for c in CloseCode]
    assert set(closes) == {0}
    assert samples["realtime_resyncs_total", ("pruned",)] == 0
    assert samples["realtime_limit_hits_total", ("frames",)] == 0


@allowed
async def test_refusals_are_counted_by_their_code(server: Address) -> None:
    before = await scrape(server)
    async with open_http(server) as http:
        await http.get("/api/v1/realtime/poll")
    with pytest.raises(Exception, match="401"):
        async with open_socket(server):
            pass
    after = await scrape(server)
    for name in ("realtime_errors_total", "realtime_handshakes_total"):
        key = (name, ("MISSING_TOKEN",))
        assert after[key] == before.get(key, 0.0) + 1, name


@pytest.mark.parametrize("header", [None, "Bearer wrong", TOKEN[:-1]])
@allowed
async def test_metrics_are_for_who_has_the_token(server: Address, header: str | None) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        answer = await http.get("/metrics", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_without_a_token_they_are_for_nobody(server: Address) -> None:
    async with httpx.AsyncClient(base_url=server.http) as http:
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer None"}):
            assert (await http.get("/metrics", headers=headers)).status_code == 403


@allowed
async def test_all_that_the_dashboard_and_the_alerts_ask_for_exists(
    server: Address, alice: Any
) -> None:
    async with open_socket(server, alice) as socket:
        await in_thread(notify, alice, "like", "text")
        await socket.expect("notification")
        names = {name for name, _ in await scrape(server)}
    async with httpx.AsyncClient(base_url=server.http) as http:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        text = (await http.get("/metrics", headers=headers)).text
    families = {family.name for family in text_string_to_metric_families(text)}
    known = names | families | {f"{family}_total" for family in families}
    known |= {f"{family}_bucket" for family in families}
    asked = set()
    for file in (DASHBOARD, ALERTS):
        words = file.read_text().replace("{", " ").replace("[", " ").replace("(", " ")
        asked |= {
            word.strip('",)}') for word in words.replace(")", " ").split() if "realtime_" in word
        }
    assert asked
    assert not {name for name in asked if name.split('"')[0] not in known}


@allowed
async def test_several_workers_show_their_sums(alice: Any, tmp_path: Any) -> None:
    workers = (*UVICORN, "--workers", "2", "--timeout-worker-healthcheck", "60")
    with server_process(workers, PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) as (server, _):
        async with sockets_on_two_workers(server, [alice] * 8):
            async with asyncio.timeout(PATIENCE):  # a socket is open a moment before it counts
                while (await scrape(server))["realtime_connections", ()] != 8:
                    await asyncio.sleep(0.02)
            accepted = (await scrape(server))["realtime_handshakes_total", ("accepted",)]
            assert accepted >= 8
            assert accepted % 8 == 0


# --- logs --------------------------------------------------------------------------------


def formatted(record: logging.LogRecord) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(logs.JsonFormatter().format(record))
    return line


def test_a_log_line_is_json_and_says_whom_it_is_about() -> None:
    logs.bind(user_id="7", connection_id="c-1")
    record = logging.LogRecord("realtime", logging.INFO, "", 0, "two\nlines %s", ("here",), None)
    line = formatted(record)
    assert line["message"] == "two\nlines here"
    assert (line["user_id"], line["connection_id"], line["level"]) == ("7", "c-1", "INFO")
    assert line["time"].endswith("Z")


async def test_a_failing_command_is_logged_with_its_ids_and_without_its_text(
    server: Address, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(formatted(record))  # type: ignore[method-assign]
    logger = logging.getLogger("realtime.failures")
    logger.addHandler(handler)
    secret = "what somebody wrote"
    try:
        async with open_socket(server, alice) as socket, without_table("notifications_inbox"):
            answer = await socket.ask("notification_read_all", {"comment": secret})
    finally:
        logger.removeHandler(handler)
    [line] = lines
    assert line["request_id"] == answer["payload"]["details"]["request_id"]
    assert line["user_id"] == user_id(alice)
    assert UUID(line["connection_id"])
    assert "no such table" in line["exception"] or "does not exist" in line["exception"]
    assert secret not in json.dumps(lines)
    assert token_for(alice).split(".")[0] not in json.dumps(lines)


async def test_a_request_has_the_id_that_the_proxy_gave_it(
    server: Address, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_http(server, alice) as http, without_table("realtime_loghead"):
        parameters = {"user_id": user_id(alice), "channels": "presence", "epoch": "1"}
        for given, kept in (("req-7", True), ("x" * 101, False), ("a b", False)):
            headers = {"X-Request-ID": given}
            answer = await http.get(
                "/api/v1/realtime/poll/missed",
                params={**parameters, "last_sequence": 0},
                headers=headers,
            )
            request_id = answer.json()["details"]["request_id"]
            assert (request_id == given) is kept
