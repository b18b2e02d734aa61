"""Coming back: nothing missed, nothing twice, or a clear resync (protocol.md, *Recovery*)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from notifications.services import notify
from realtime import log
from realtime.models import Event, EventRecipient, LogHead
from tests.clients import Frame, Socket, in_thread, open_socket, settled
from tests.servers import Address


async def replay(socket: Socket) -> tuple[list[Frame], Frame]:
    """The frames up to the `connect` reply, and the reply."""
    missed = []
    while (frame := await socket.receive())["type"] != "connect":
        missed.append(frame)
    return missed, frame


def messages(frames: list[Frame]) -> list[str]:
    return [frame["payload"]["message"] for frame in frames]


def notify_each(user: Any, texts: list[str]) -> None:
    for text in texts:
        notify(user, "like", text)


async def cursor(server: Address, user: Any) -> dict[str, Any]:
    """Where a client stands that has seen everything so far."""
    await settled(server, user)
    async with open_socket(server, user) as socket:
        payload = (await socket.ask("connect"))["payload"]
    return {"last_sequence": payload["last_sequence"], "epoch": payload["epoch"]}


async def test_what_was_missed_comes_with_the_handshake_in_order_and_once(
    server: Address, alice: Any, bob: Any
) -> None:
    before = await cursor(server, alice)
    texts = [str(number) for number in range(5)]
    await in_thread(notify_each, alice, texts[:3])
    await in_thread(notify_each, bob, ["not for alice"])
    await in_thread(notify_each, alice, texts[3:])
    await settled(server, alice)
    async with open_socket(server, alice, **before) as socket:
        missed, reply = await replay(socket)
        assert messages(missed) == texts
        sequences = [frame["sequence"] for frame in missed]
        assert sequences == sorted(set(sequences))
        assert reply["payload"]["recovered"] is True
        assert reply["payload"]["last_sequence"] >= sequences[-1]
        assert reply["payload"]["channels"] == {"notifications": {"unread_count": 5}}
        await socket.silence()


async def test_a_connect_frame_replays_what_this_socket_was_already_sent_under_the_same_ids(
    server: Address, alice: Any
) -> None:
    before = await cursor(server, alice)
    await in_thread(notify_each, alice, ["missed"])
    await settled(server, alice)
    async with open_socket(server, alice) as socket:
        await socket.silence()
        await in_thread(notify_each, alice, ["live"])
        live = await socket.expect("notification")
        await socket.send("connect", before)
        missed, reply = await replay(socket)
        assert messages(missed) == ["missed", "live"]
        assert missed[1]["id"] == live["id"]
        assert missed[1]["sequence"] == live["sequence"]
        assert reply["payload"]["recovered"] is True


async def test_from_position_zero_comes_everything_that_ever_was(
    server: Address, alice: Any
) -> None:
    await in_thread(notify_each, alice, ["1", "2"])
    await settled(server, alice)
    async with open_socket(server, alice, last_sequence=0) as socket:
        missed, reply = await replay(socket)
        assert messages(missed) == ["1", "2"]
        assert reply["payload"]["recovered"] is True


async def test_who_stood_at_zero_has_missed_what_was_pruned_since(
    server: Address, alice: Any
) -> None:
    await in_thread(notify_each, alice, ["1", "2"])
    await settled(server, alice)
    await in_thread(log.prune, timedelta(0))
    await settled(server, alice)
    async with open_socket(server, alice, last_sequence=0) as socket:
        missed, reply = await replay(socket)
        assert [frame["payload"]["reason"] for frame in missed] == ["pruned"]
        assert reply["payload"]["recovered"] is False


async def test_events_of_a_channel_that_was_left_are_not_replayed(
    server: Address, alice: Any
) -> None:
    async with open_socket(server, alice) as socket:
        await socket.ask("unsubscribe", {"channel": "notifications"})
        await in_thread(notify_each, alice, ["missed"])
        await socket.send("connect", {"last_sequence": 0})
        missed, reply = await replay(socket)
        assert missed == []
        assert reply["payload"]["channels"] == {}


async def test_what_was_pruned_cannot_be_recovered(server: Address, alice: Any) -> None:
    await in_thread(notify_each, alice, ["0"])
    before = await cursor(server, alice)
    await in_thread(notify_each, alice, ["1", "2"])
    await settled(server, alice)
    await in_thread(log.prune, timedelta(0))
    await in_thread(notify_each, alice, ["3"])
    await settled(server, alice)
    async with open_socket(server, alice, **before) as socket:
        missed, reply = await replay(socket)
        assert [frame["type"] for frame in missed] == ["resync"]
        resync = missed[0]["payload"]
        assert resync["reason"] == "pruned"
        assert resync["epoch"] == before["epoch"]
        assert reply["payload"]["recovered"] is False
        assert reply["payload"]["last_sequence"] >= resync["last_sequence"]
        # From there it goes on.
        await in_thread(notify_each, alice, ["4"])
        assert messages([await socket.expect("notification")]) == ["4"]


async def test_a_prune_takes_effect_on_a_node_that_still_has_the_events_in_memory(
    server: Address, alice: Any
) -> None:
    await in_thread(notify_each, alice, ["0"])
    await settled(server, alice)
    async with open_socket(server, alice) as socket:
        before = (await socket.ask("connect"))["payload"]
        await in_thread(notify_each, alice, ["1"])
        await socket.expect("notification")
        await in_thread(log.prune, timedelta(0))
        await in_thread(notify_each, alice, ["2"])
        await socket.expect("notification")  # the node has read past the prune
        await socket.send("connect", {"last_sequence": before["last_sequence"]})
        missed, _ = await replay(socket)
        assert [frame["type"] for frame in missed] == ["resync"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"epoch": "another"}, "epoch"), ({"last_sequence": 10**12}, "future")],
)
async def test_a_position_that_was_never_reached_cannot_be_recovered(
    server: Address, alice: Any, change: dict[str, Any], reason: str
) -> None:
    await in_thread(notify_each, alice, ["1"])
    before = await cursor(server, alice)
    async with open_socket(server, alice, **{**before, **change}) as socket:
        missed, reply = await replay(socket)
        assert [frame["payload"]["reason"] for frame in missed] == [reason]
        assert missed[0]["payload"]["last_sequence"] >= before["last_sequence"]
        assert missed[0]["payload"]["epoch"] == before["epoch"]
        assert reply["payload"]["recovered"] is False


async def test_events_written_during_a_long_replay_come_after_it_and_once(
    server: Address, alice: Any
) -> None:
    old = [f"old {number}" for number in range(1500)]
    await in_thread(notify_each, alice, old)
    await settled(server, alice)
    new = [f"new {number}" for number in range(50)]
    async with open_socket(server, alice, last_sequence=0) as socket:
        writing = asyncio.create_task(in_thread(notify_each, alice, new))
        seen: list[Frame] = []
        greeted = False  # before, between or after those that are new
        while len(seen) < len(old) + len(new) or not greeted:
            frame = await socket.receive()
            if frame["type"] == "notification":
                seen.append(frame)
            greeted |= frame["type"] == "connect"
        await writing
        assert messages(seen) == old + new
        sequences = [frame["sequence"] for frame in seen]
        assert sequences == sorted(set(sequences))
        await socket.silence()


async def test_a_quiet_client_s_cursor_moves_with_heartbeats(
    server: Address, alice: Any, bob: Any
) -> None:
    async with open_socket(server, alice) as quiet, open_socket(server, bob) as busy:
        await in_thread(notify_each, bob, ["1", "2", "3"])
        for _ in range(3):
            event = await busy.expect("notification")
        await quiet.send("heartbeat")
        heartbeat = await quiet.expect("heartbeat")
        assert heartbeat["payload"]["last_sequence"] >= event["sequence"]


@pytest.mark.options(RING_EVENTS=2)
async def test_what_the_node_no_longer_has_in_memory_is_read_from_the_log(
    server: Address, alice: Any
) -> None:
    before = await cursor(server, alice)
    texts = [str(number) for number in range(10)]
    await in_thread(notify_each, alice, texts)
    await settled(server, alice)
    async with open_socket(server, alice, **before) as socket:
        missed, reply = await replay(socket)
        assert messages(missed) == texts
        assert reply["payload"]["recovered"] is True


async def test_when_the_log_is_restored_from_a_backup_clients_are_told_to_resync(
    server: Address, alice: Any
) -> None:
    def restore_backup() -> None:
        with transaction.atomic():
            Event.objects.filter(sequence__gt=2).delete()
            EventRecipient.objects.filter(event_id__gt=2).delete()
            LogHead.objects.update(sequence=2)

    async with open_socket(server, alice) as socket:
        before = (await socket.ask("connect"))["payload"]
        await in_thread(notify_each, alice, ["1", "2", "3", "4"])
        for _ in range(4):
            last = await socket.expect("notification")
        await in_thread(restore_backup)
        resync = (await socket.expect("resync"))["payload"]
        assert resync["epoch"] != before["epoch"]
        # No cursor of the epoch that ended looks like one of the new.
        assert resync["last_sequence"] > last["sequence"]
        await in_thread(notify_each, alice, ["after"])
        assert (await socket.expect("notification"))["sequence"] > resync["last_sequence"]
    async with open_socket(
        server, alice, last_sequence=last["sequence"], epoch=before["epoch"]
    ) as socket:
        missed, _ = await replay(socket)
        assert [frame["type"] for frame in missed] == ["resync"]
