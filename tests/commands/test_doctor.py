"""`manage.py doctor`: what it finds on a site that is well, and on one that is not."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now

from notifications.services import notify
from realtime import protocol, relay
from realtime.management.doctor.findings import Level
from realtime.models import Event, Node, OutboxEvent
from tests.servers import Address, manage


def examined(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, str]]]:
    """The findings by what was looked at."""
    with suppress(CommandError):  # something is wrong
        call_command("doctor", "--json")
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(capsys.readouterr().out)["findings"]:
        found.setdefault(one["check"], []).append(one)
    return found


async def test_a_site_that_is_well(server: Address) -> None:
    done = await asyncio.to_thread(manage, "doctor", "--json")
    report = json.loads(done.stdout)
    levels = {one["check"]: one["level"] for one in report["findings"]}
    # A PostgreSQL for tests may do without: then that is the one thing that is wrong.
    vacuum = levels.get("autovacuum", Level.OK)
    assert done.returncode == (vacuum == Level.ERROR), report
    for check in ("database", "migrations", "clock", "outbox", "log", "nodes", "layer", "cache"):
        assert levels[check] == Level.OK, report
    checks = {"autovacuum", "connections"} if connection.vendor == "postgresql" else {"sqlite"}
    assert checks <= set(levels)


def test_every_fault_says_what_to_do(alice: Any, capsys: Any) -> None:
    for findings in examined(capsys).values():
        for one in findings:
            assert bool(one["advice"]) == (one["level"] != Level.OK)


def test_no_server(alice: Any, capsys: Any) -> None:
    assert examined(capsys)["nodes"][0]["level"] == Level.WARNING
    assert manage("doctor", "--fail-level", "warning").returncode == 1


def test_events_that_nobody_moves(alice: Any, capsys: Any) -> None:
    notify(alice, "like", "text")
    assert examined(capsys)["outbox"][0]["level"] == Level.OK
    OutboxEvent.objects.update(created_at=protocol.now() - timedelta(seconds=90))
    found = examined(capsys)["outbox"][0]
    assert (found["level"], "start one" in found["advice"]) == (Level.ERROR, True)
    Node.objects.create(name="web:1")
    found = examined(capsys)["outbox"][0]
    assert (found["level"], "stuck" in found["advice"]) == (Level.ERROR, True)


def test_a_server_that_ended_without_a_word(alice: Any, capsys: Any) -> None:
    node = Node.objects.create(name="web:1")
    Node.objects.filter(pk=node.pk).update(renewed_at=Now() - timedelta(minutes=5))
    messages = [one["message"] for one in examined(capsys)["nodes"]]
    assert any("web:1 ended without a word 5 min ago" in message for message in messages)


def test_a_log_that_is_not_pruned(alice: Any, capsys: Any) -> None:
    notify(alice, "like", "text")
    relay.drain()
    assert examined(capsys)["log"][0]["level"] == Level.OK
    Event.objects.update(created_at=protocol.now() - timedelta(days=3))
    found = examined(capsys)["log"][0]
    assert found["level"] == Level.WARNING
    assert "the oldest 3 d" in found["message"]


def test_a_postgresql_that_does_not_clear_up(alice: Any, capsys: Any) -> None:
    if connection.vendor != "postgresql":
        assert "autovacuum" not in examined(capsys)
        return
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE realtime_outboxevent SET (autovacuum_enabled = false)")
        try:
            found = examined(capsys)["autovacuum"][0]
        finally:
            cursor.execute("ALTER TABLE realtime_outboxevent RESET (autovacuum_enabled)")
    assert (found["level"], found["advice"][:6]) == (Level.ERROR, "ALTER ")


def test_settings_that_are_wrong(alice: Any, capsys: Any, settings: Any) -> None:
    settings.REALTIME = {**settings.REALTIME, "NONSENSE": 1}
    found = examined(capsys)["settings"]
    assert any("realtime.E002" in one["message"] for one in found)


def test_a_redis_that_is_not_there(alice: Any) -> None:
    done = manage("doctor", "--json", REDIS_URL="redis://127.0.0.1:1/0")
    levels = {one["check"]: one["level"] for one in json.loads(done.stdout)["findings"]}
    assert (done.returncode, levels["layer"], levels["cache"]) == (1, Level.ERROR, Level.ERROR)


def test_a_database_that_is_not_there(alice: Any) -> None:
    done = manage("doctor", "--json", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    found = json.loads(done.stdout)["findings"]
    assert (done.returncode, found[-1]["check"], found[-1]["level"]) == (1, "database", "error")
    # The others say it in one line, too.
    done = manage("connections", DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 1
    assert "The database failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_migrations_that_are_missing(alice: Any, tmp_path: Any) -> None:
    done = manage("doctor", "--json", DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    found = json.loads(done.stdout)["findings"]
    assert (done.returncode, found[-1]["check"]) == (1, "migrations")
    assert "manage.py migrate" in found[-1]["advice"]
