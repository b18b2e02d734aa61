"""The queue of commands: bounded, in order, and sent again only where that is safe."""

from __future__ import annotations

import asyncio
from uuid import UUID

import msgspec
import pytest

from realtime.client.errors import (
    AckTimeoutError,
    ClientEndedError,
    CommandError,
    ConnectionLostError,
    QueueFullError,
)
from realtime.client.outbox import Command, Outbox
from realtime.protocol import ErrorObject


def all_that_can_be_sent(outbox: Outbox) -> list[str]:
    """Send it; the types, in order."""
    types = []
    while (command := outbox.next()) is not None:
        outbox.sent(command)
        types.append(command.type)
    return types


def added(outbox: Outbox, type: str, *, wants_answer: bool = True) -> Command:
    command = Command(type, None, wants_answer=wants_answer)
    outbox.add(command)
    return command


async def test_a_frame_is_an_envelope_with_an_id_that_is_a_uuid() -> None:
    frame = msgspec.json.decode(Command("message", {"content": "x"}, channel="c").frame)
    assert str(UUID(frame["id"])) == frame["id"]
    assert frame["ack_id"]
    assert (frame["type"], frame["payload"], frame["channel"]) == ("message", {"content": "x"}, "c")
    assert "ack_id" not in msgspec.json.decode(Command("x", None, wants_answer=False).frame)


async def test_commands_go_in_their_order_until_it_is_full() -> None:
    outbox = Outbox(3)
    for type in ("a", "b", "c"):
        added(outbox, type)
    with pytest.raises(QueueFullError) as full:
        added(outbox, "d")
    assert full.value.code == "QUEUE_FULL"
    assert all_that_can_be_sent(outbox) == ["a", "b", "c"]
    assert outbox.full  # what waits for an answer counts, too


async def test_an_ack_is_the_command_s_result() -> None:
    outbox = Outbox(1)
    command = added(outbox, "a")
    all_that_can_be_sent(outbox)
    assert outbox.acknowledged(command.ack_id or "", {"b": 1})
    assert not outbox.acknowledged(command.ack_id or "", {"b": 2})
    assert await outbox.answer_to(command, 1) == {"b": 1}
    assert not outbox.full


async def test_an_error_is_the_command_s_exception() -> None:
    outbox = Outbox(1)
    command = added(outbox, "a")
    all_that_can_be_sent(outbox)
    assert outbox.refused(command.ack_id or "", ErrorObject("FORBIDDEN", "no", {"x": 1}), 0)
    with pytest.raises(CommandError) as refused:
        await outbox.answer_to(command, 1)
    assert (refused.value.code, refused.value.message) == ("FORBIDDEN", "no")
    assert refused.value.details == {"x": 1}


async def test_what_was_rate_limited_is_sent_again_when_the_server_says() -> None:
    outbox = Outbox(2)
    command = added(outbox, "a")
    all_that_can_be_sent(outbox)
    error = ErrorObject("RATE_LIMITED", "slowly", {"retry_after": 0.5})
    assert outbox.refused(command.ack_id or "", error, 100.0)
    assert outbox.held_for(100.1) == pytest.approx(0.4)
    assert outbox.held_for(101) == 0
    assert not command.answer.done()
    assert all_that_can_be_sent(outbox) == ["a"]


async def test_a_lost_connection_has_only_what_may_be_repeated_sent_again() -> None:
    outbox = Outbox(10)
    commands = [added(outbox, type) for type in ("subscribe", "note_pin", "message", "message")]
    all_that_can_be_sent(outbox)
    waiting = added(outbox, "later")
    outbox.lost()
    with pytest.raises(ConnectionLostError) as lost:
        await outbox.answer_to(commands[1], 1)
    assert isinstance(lost.value, ConnectionError)
    assert lost.value.details == {"id": commands[1].id}
    assert all_that_can_be_sent(outbox) == ["subscribe", "message", "message", "later"]
    assert not waiting.answer.done()


async def test_a_message_nobody_waits_for_is_kept_until_it_is_acknowledged() -> None:
    outbox = Outbox(10)
    message = added(outbox, "message", wants_answer=False)
    added(outbox, "typing_start", wants_answer=False)
    all_that_can_be_sent(outbox)
    outbox.lost()
    assert all_that_can_be_sent(outbox) == ["message"]
    assert outbox.acknowledged(message.ack_id or "", {})
    outbox.lost()
    assert all_that_can_be_sent(outbox) == []


async def test_its_refusal_is_somebody_else_s_to_tell() -> None:
    outbox = Outbox(10)
    message = added(outbox, "message", wants_answer=False)
    all_that_can_be_sent(outbox)
    assert not outbox.refused(message.ack_id or "", ErrorObject("NOT_FOUND", "no", {}), 0)


async def test_who_gives_up_waiting_frees_the_place_and_nothing_is_sent() -> None:
    outbox = Outbox(1)
    command = added(outbox, "a")
    with pytest.raises(AckTimeoutError) as late:
        await outbox.answer_to(command, 0)
    assert (late.value.code, late.value.details) == ("TIMEOUT", {"id": command.id})
    assert outbox.next() is None
    command = added(outbox, "b")
    all_that_can_be_sent(outbox)
    waiting = asyncio.ensure_future(outbox.answer_to(command, 60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not outbox.full


async def test_at_the_end_everybody_is_told() -> None:
    outbox = Outbox(10)
    sent, waiting = added(outbox, "a"), None
    all_that_can_be_sent(outbox)
    waiting = added(outbox, "b")
    outbox.end(ClientEndedError("CLOSED", "gone"))
    for command in (sent, waiting):
        with pytest.raises(ClientEndedError):
            await outbox.answer_to(command, 1)
    await asyncio.wait_for(outbox.settled(), 1)
