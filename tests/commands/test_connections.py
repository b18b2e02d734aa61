"""`manage.py connections`: who is connected, and ending it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from realtime.models import Node, Session
from realtime.users import user_id
from tests.clients import in_thread, open_http, open_socket
from tests.people import login_name
from tests.servers import Address, manage


async def connections(*arguments: str) -> Any:
    """What the command says, as JSON."""
    done = await asyncio.to_thread(manage, "connections", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_sockets_and_pollers_are_listed(server: Address, alice: Any, bob: Any) -> None:
    async with (
        open_socket(server, alice) as socket,
        open_socket(server, alice),
        open_http(server, bob) as http,
    ):
        await socket.silence()
        await http.get("/api/v1/realtime/poll", params={"user_id": user_id(bob), "timeout": 0})
        async with asyncio.timeout(15):
            while len(found := await connections()) < 3:
                pass
        assert [(one["user_id"], one["transport"]) for one in found] == [
            (user_id(alice), "websocket"),
            (user_id(alice), "websocket"),
            (user_id(bob), "long-poll"),
        ]
        node = (await in_thread(Node.objects.get)).name
        assert found[0]["node"] == node
        assert found[0]["address"] == "127.0.0.1"
        assert len(await connections("--user", login_name(alice))) == 2
        assert len(await connections("--node", node)) == 2
        assert await connections("--node", "elsewhere:1") == []
        plain = await asyncio.to_thread(manage, "connections", "--user", login_name(alice))
        fields = [line.split("\t") for line in plain.stdout.splitlines()]
        assert {line[0] for line in fields} == {one["id"] for one in found[:2]}
        assert {len(line) for line in fields} == {8}


async def test_one_connection_is_ended_and_no_other(server: Address, alice: Any) -> None:
    async with open_socket(server, alice) as one, open_socket(server, alice) as other:
        await one.silence()
        first, second = [found["id"] for found in await connections()]
        assert await connections("--disconnect", first) == {"ended": [first], "remaining": []}
        assert await in_thread(Session.objects.count) == 1
        await asyncio.to_thread(manage, "connections", "--disconnect", second)
        for socket in (one, other):
            goodbye = await socket.expect("disconnect")
            assert goodbye["payload"]["reason"] == "ended_by_operator"
            assert goodbye["payload"]["reconnect"] is True


async def test_all_of_a_user_are_ended(server: Address, alice: Any, bob: Any) -> None:
    async with (
        open_socket(server, alice) as one,
        open_socket(server, alice) as two,
        open_socket(server, bob) as other,
    ):
        await other.silence()
        done = await connections("--user", login_name(alice), "--disconnect")
        assert len(done["ended"]) == 2
        for socket in (one, two):
            assert (await socket.expect("disconnect"))["payload"]["code"] == 4000
        await other.silence()


@pytest.mark.parametrize(
    "arguments",
    [["--disconnect"], ["--disconnect", "nonsense"], ["--node", "web:1", "--disconnect"],
     ["--user", "nobody"]],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(alice: Any, arguments: list[str]) -> None:
    with pytest.raises(CommandError) as error:
        call_command("connections", *arguments)
    assert error.value.returncode == 2


def test_a_server_that_does_not_obey_is_told_of(alice: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("realtime.management.commands.connections.PATIENCE", 0.1)
    node = Node.objects.create(name="frozen:1")
    session = Session.objects.create(user=alice, node=node, slot=0)
    with pytest.raises(CommandError, match="still there: 1") as error:
        call_command("connections", "--disconnect", str(session.pk))
    assert error.value.returncode == 1
