"""Presence on sockets: who may follow whom, and what following begins with."""

from __future__ import annotations

from typing import Any

import pytest

from presence import services
from realtime.users import user_id
from tests.clients import in_thread, open_http, open_socket, settled
from tests.people import make_user
from tests.presence.watching import channel, until_shown, watch_by_polls, watch_by_socket
from tests.servers import Address

HIDDEN = pytest.mark.options(MAY_WATCH="tests.presence.hooks.not_carol")


async def test_the_snapshot_of_everybody_has_those_who_are_not_offline(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    async with open_socket(server, bob) as busy:
        await busy.ask("presence", {"status": "busy"})
        async with open_socket(server, alice) as socket:
            await until_shown(alice, "online")
            ack = await socket.ask("subscribe", {"channel": "presence"})
            snapshot = ack["payload"]["data"]["snapshot"]
            assert set(snapshot) == {"users"}
            for payload in snapshot["users"]:
                assert payload.pop("last_seen").endswith("Z")
            assert {payload["user_id"]: payload["status"] for payload in snapshot["users"]} == {
                user_id(alice): "online",
                user_id(bob): "busy",
            }


async def test_the_snapshot_of_one_user_is_that_user_s_payload(
    server: Address, alice: Any, carol: Any
) -> None:
    for watch in (watch_by_socket, watch_by_polls):
        async with watch(server, alice, channel(carol)) as watcher:
            assert watcher.snapshots[channel(carol)] == {
                "user_id": user_id(carol),
                "status": "offline",
                "last_seen": None,
            }


async def test_who_follows_both_channels_gets_each_event_once(
    server: Address, alice: Any, bob: Any
) -> None:
    for watch in (watch_by_socket, watch_by_polls):
        async with (
            open_socket(server, alice) as socket,
            watch(server, bob, "presence", channel(alice)) as watcher,
        ):
            await until_shown(alice, "online")
            await until_shown(bob, "online")
            for status in ("busy", "away", "online"):
                assert (await socket.ask("presence", {"status": status}))["type"] == "ack"
            told: list[str] = []
            while len(told) < 3:
                payload = (await watcher.next())["payload"]
                # What came with connecting may still be on its way.
                if payload["user_id"] == user_id(alice) and (told or payload["status"] == "busy"):
                    told.append(payload["status"])
            assert told == ["busy", "away", "online"]


async def test_an_unsubscribed_client_is_told_nothing(
    server: Address, alice: Any, bob: Any
) -> None:
    async with open_socket(server, alice) as socket, open_socket(server, bob) as watcher:
        await watcher.ask("subscribe", {"channel": channel(alice)})
        await socket.ask("presence", {"status": "busy"})
        while (await watcher.expect("presence"))["payload"]["status"] != "busy":
            pass
        await watcher.ask("unsubscribe", {"channel": channel(alice)})
        await socket.ask("presence", {"status": "online"})
        await in_thread(services.decide, [user_id(bob)])
        await watcher.silence()


@pytest.mark.parametrize("argument", ["", "no such id", "0x1", "01", " 1", "1:2", "\x00", "\uff11"])
async def test_a_channel_of_nobody_does_not_exist(
    server: Address, alice: Any, argument: str
) -> None:
    async with open_socket(server, alice) as socket:
        error = await socket.ask("subscribe", {"channel": f"presence:{argument}"})
        assert (error["type"], error["payload"]["code"]) == ("error", "CHANNEL_NOT_FOUND")


async def test_a_channel_of_a_user_who_is_gone_does_not_exist(server: Address, alice: Any) -> None:
    gone = await in_thread(make_user, "gone")
    name = channel(gone)
    await in_thread(gone.delete)
    async with open_socket(server, alice) as socket:
        error = await socket.ask("subscribe", {"channel": name})
        assert error["payload"]["code"] == "CHANNEL_NOT_FOUND"


@HIDDEN
async def test_who_may_not_be_watched_has_no_channel(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    async with open_socket(server, alice) as socket, open_socket(server, carol) as hidden:
        refusals = [
            (await socket.ask("subscribe", {"channel": name}))["payload"]
            for name in (channel(carol), "presence", "presence:999999")
        ]
        assert [error["code"] for error in refusals] == ["CHANNEL_NOT_FOUND"] * 3
        assert len({error["message"] for error in refusals}) == 1, "existence is not revealed"
        assert (await socket.ask("subscribe", {"channel": channel(bob)}))["type"] == "ack"
        assert (await hidden.ask("subscribe", {"channel": channel(carol)}))["type"] == "ack"


@HIDDEN
async def test_who_may_not_be_watched_is_not_told_of_by_another_channel(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    async with (
        open_socket(server, bob) as socket,
        open_socket(server, carol) as hidden,
        watch_by_socket(server, alice, channel(bob)) as by_socket,
        watch_by_polls(server, alice, channel(bob)) as by_polls,
    ):
        await hidden.ask("presence", {"status": "busy"})
        await socket.ask("presence", {"status": "busy"})
        for watcher in (by_socket, by_polls):
            while (event := await watcher.next())["payload"]["status"] != "busy":
                assert event["payload"]["user_id"] == user_id(bob)
            assert event["payload"]["user_id"] == user_id(bob)


@HIDDEN
async def test_nor_by_a_replay_that_names_the_channel(
    server: Address, alice: Any, bob: Any, carol: Any
) -> None:
    for user in (bob, carol):
        async with open_socket(server, user) as socket:
            await socket.ask("presence", {"status": "busy"})
    await settled(server, alice)
    named = ",".join(map(channel, (bob, carol)))
    async with open_socket(server, alice, last_sequence=0, channels=named) as socket:
        told = set()
        while (frame := await socket.receive())["type"] != "connect":
            told.add(frame["payload"]["user_id"])
        assert told == {user_id(bob)}
        assert set(frame["payload"]["refused"]) == {channel(carol)}


@pytest.mark.parametrize(
    "payload", [{"status": "offline"}, {"status": "asleep"}, {"status": 1}, {"status": None}, {}]
)
async def test_malformed_statuses_are_refused_and_the_socket_stays(
    server: Address, alice: Any, payload: Any
) -> None:
    async with open_socket(server, alice) as socket:
        error = await socket.ask("presence", payload)
        assert error["type"] == "error"
        assert error["payload"]["code"] == "INVALID_MESSAGE"
        assert error["payload"]["details"]["field"] == "payload.status"
        assert (await socket.ask("presence", {"status": "away"}))["type"] == "ack"


async def test_whose_status_is_set_comes_from_the_token(
    server: Address, alice: Any, bob: Any
) -> None:
    claimed = {"status": "busy", "user_id": user_id(bob), "last_seen": "1970-01-01T00:00:00Z"}
    async with open_socket(server, alice) as socket, open_http(server, alice) as http:
        data = (await socket.ask("presence", claimed))["payload"]["data"]
        assert (data["user_id"], data["status"]) == (user_id(alice), "busy")
        assert data["last_seen"] > "2000"
        envelope = {"type": "presence", "payload": {"status": "away"}, "ack_id": "1"}
        answer = (await http.post("/api/v1/realtime/send", json=envelope)).json()
        assert answer["payload"]["data"]["status"] == "away"
