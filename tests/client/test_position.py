"""What is handed out of all that comes: once, in order, and nothing left out."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.client import Event, Position
from realtime.client.position import REMEMBERED, Tracker
from realtime.protocol import Connected, Resync

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int) -> Event:
    return Event(f"id-{number}", "notification", {}, NOW, "notifications", number)


def signal(name: str) -> Event:
    return Event(name, "typing_start", {}, NOW, "conversation:conv_1")


def reply(sequence: int, epoch: str = "e") -> Connected:
    return Connected("1", NOW, epoch, sequence, True, {})


def taken(tracker: Tracker, *numbers: int) -> list[int | None]:
    return [one.sequence for number in numbers for one in tracker.take(event(number))]


def tracker_at(sequence: int | None) -> Tracker:
    position = None if sequence is None else Position(sequence, "e")
    tracker = Tracker(position, max_held=100)
    tracker.opened()
    return tracker


def test_a_position_can_be_kept_as_json() -> None:
    position = Position(5, "634a")
    assert msgspec.json.decode(msgspec.json.encode(position), type=Position) == position


def test_a_new_client_has_no_position_before_the_reply() -> None:
    tracker = tracker_at(None)
    assert taken(tracker, 7) == [7]
    assert tracker.position is None
    tracker.reached(8)
    assert tracker.position is None
    assert tracker.replied(reply(9)) == []
    assert tracker.position == Position(9, "e")


def test_a_handshake_s_replay_moves_the_position_event_by_event() -> None:
    tracker = tracker_at(5)
    assert taken(tracker, 6, 9) == [6, 9]
    assert tracker.position == Position(9, "e")


def test_after_a_connect_frame_nothing_moves_it_until_the_replay_begins() -> None:
    tracker = tracker_at(5)
    tracker.rewind()
    assert taken(tracker, 8, 9) == []  # live ones, which the replay repeats
    tracker.reached(9)
    assert tracker.position == Position(5, "e")
    assert taken(tracker, 6, 8, 9) == [6, 8, 9]
    assert tracker.replied(reply(9)) == []
    assert taken(tracker, 10) == [10]


def test_a_replay_with_nothing_before_it_comes_with_the_reply() -> None:
    tracker = tracker_at(5)
    tracker.rewind()
    assert taken(tracker, 6, 7) == []
    assert [one.sequence for one in tracker.replied(reply(7))] == [6, 7]
    assert tracker.position == Position(7, "e")


def test_a_replay_that_is_too_long_to_be_held_is_asked_for_again() -> None:
    tracker = Tracker(Position(0, "e"), max_held=2)
    tracker.opened()
    tracker.rewind()
    assert taken(tracker, 1, 2, 3, 4) == []
    assert tracker.replied(reply(4)) == []
    assert tracker.behind
    tracker.rewind()
    assert taken(tracker, 1, 2, 3, 4) == [1, 2, 3, 4]


def test_what_was_let_pass_is_asked_for_again() -> None:
    tracker = tracker_at(5)
    assert taken(tracker, 6) == [6]
    tracker.let_pass(event(7))
    assert tracker.behind
    assert taken(tracker, 8) == []  # out of its order
    tracker.reached(9)
    assert tracker.position == Position(6, "e")
    tracker.rewind()
    assert taken(tracker, 9) == []
    assert taken(tracker, 7, 8, 9) == [7, 8, 9]
    assert not tracker.behind


def test_a_repeat_that_is_let_pass_was_no_loss() -> None:
    tracker = tracker_at(5)
    tracker.let_pass(event(5))
    tracker.let_pass(signal("typing"))
    assert not tracker.behind


def test_repeats_are_dropped_by_number_and_by_id() -> None:
    tracker = tracker_at(5)
    assert taken(tracker, 4, 5, 6, 6) == [6]
    assert tracker.take(signal("a")) == [signal("a")]
    assert tracker.take(signal("a")) == []


def test_ids_are_not_remembered_for_ever() -> None:
    tracker = tracker_at(0)
    for number in range(REMEMBERED + 1):
        tracker.take(signal(str(number)))
    assert tracker.take(signal("1")) == []
    assert tracker.take(signal("0")) != []


def test_a_heartbeat_moves_it_and_never_back() -> None:
    tracker = tracker_at(5)
    tracker.reached(8)
    tracker.reached(7)
    assert tracker.position == Position(8, "e")


@pytest.mark.parametrize("behind", [False, True])
def test_a_resync_begins_anew(behind: bool) -> None:
    tracker = tracker_at(500)
    if behind:
        tracker.let_pass(event(501))
    tracker.restart(Resync("epoch", 3, "f"))
    assert tracker.position == Position(3, "f")
    assert taken(tracker, 4) == [4]
    assert tracker.position == Position(4, "f")


@given(st.data())
def test_whatever_passes_and_breaks_off_all_is_handed_out_once_in_order(
    data: st.DataObject,
) -> None:
    """The server's log grows; it sends in order, cuts off, and replays what it is asked for."""
    tracker = Tracker(Position(0, "e"), max_held=data.draw(st.integers(1, 5)))
    tracker.opened()
    log, live, out = 0, 0, list[int | None]()

    def come(first: int, last: int) -> None:
        for number in range(first, last + 1):
            if data.draw(st.integers(0, 5)) == 0:
                tracker.let_pass(event(number))
            else:
                out.extend(one.sequence for one in tracker.take(event(number)))

    def rewind() -> None:
        nonlocal live
        assert tracker.position is not None
        begin = tracker.position.sequence
        tracker.rewind()
        # What was under way when the frame was sent comes before it is obeyed.
        under_way = data.draw(st.integers(live, log))
        come(live + 1, under_way)
        come(begin + 1, log)
        live = log
        out.extend(one.sequence for one in tracker.replied(reply(log)))

    for _ in range(data.draw(st.integers(1, 10))):
        log += data.draw(st.integers(0, 4))
        match data.draw(st.sampled_from(["live", "cut", "rewind"])):
            case "live":
                come(live + 1, log)
                live = log
            case "cut":
                tracker.opened()
                assert tracker.position is not None
                come(tracker.position.sequence + 1, log)
                live = log
                out.extend(one.sequence for one in tracker.replied(reply(log)))
            case "rewind":
                rewind()
    tracker.opened()
    assert tracker.position is not None
    out += taken(tracker, *range(tracker.position.sequence + 1, log + 1))
    assert out == list(range(1, log + 1))
