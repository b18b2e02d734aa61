"""The laboratory's judge: whatever is wrong with a client's record, it says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.checker import Result, Truth, check_clients
from tests.faults.clients import Arrival, Client, Stretch, Transport
from tests.faults.proxy import Balancer, Line

ALICE, BOB = "1", "2"
COMMITTED = 1000.0


def written(sequence: int, *readers: str) -> Truth:
    """An event as the log has it; without readers it is public."""
    topic = "" if readers else "presence"
    payload = {"number": sequence}
    return Truth(
        sequence, f"id-{sequence}", "note", "a", topic, frozenset(readers), payload, COMMITTED
    )


def arrived(sequence: int) -> Arrival:
    """The event as it should come, two seconds after its commit."""
    payload = {"number": sequence}
    return Arrival(sequence, f"id-{sequence}", "note", "a", payload, "", COMMITTED + 2)


LOG = [written(1, ALICE), written(2), written(3, BOB), written(4, ALICE, BOB)]


def judge(*stretches: Stretch, upto: int = 4) -> Result:
    """What the checker says of Alice's record."""
    client = Client(
        ALICE, "", Line(Balancer([])), start=0, epoch="", channels=[], transport=Transport.SOCKET
    )
    client.stretches = list(stretches)
    result = Result("made up")
    check_clients(result, [client], LOG, start=0, upto=upto)
    return result


def counts(result: Result) -> tuple[int, int, int, int]:
    return result.lost, result.repeated, result.disordered, result.foreign


@pytest.mark.django_db
class TestJudging:
    def test_a_complete_record_holds(self) -> None:
        result = judge(Stretch(0, [arrived(1), arrived(2), arrived(4)]))
        assert counts(result) == (0, 0, 0, 0)
        assert result.holds
        assert (result.deliveries, result.slowest) == (3, 2.0)

    def test_what_comes_again_after_a_reconnect_is_dropped_by_its_id(self) -> None:
        result = judge(
            Stretch(0, [arrived(1), arrived(2)]), Stretch(0, [arrived(1), arrived(2), arrived(4)])
        )
        assert result.holds
        assert result.deliveries == 3

    def test_events_after_the_end_need_not_have_come(self) -> None:
        assert judge(Stretch(0, [arrived(1), arrived(2)]), upto=2).holds

    def test_a_missing_event_is_lost_private_or_public(self) -> None:
        assert counts(judge(Stretch(0, [arrived(4)]))) == (2, 0, 0, 0)

    def test_twice_on_one_connection_is_a_repeat(self) -> None:
        result = judge(Stretch(0, [arrived(1), arrived(2), arrived(2), arrived(4)]))
        assert counts(result) == (0, 1, 0, 0)
        assert not result.holds

    def test_under_another_id_it_is_a_repeat_and_not_the_client_s(self) -> None:
        again = replace(arrived(1), id="id-other")
        result = judge(Stretch(0, [arrived(1), arrived(2), arrived(4)]), Stretch(0, [again]))
        assert counts(result) == (0, 1, 0, 1)

    def test_a_falling_sequence_is_disorder(self) -> None:
        assert counts(judge(Stretch(0, [arrived(2), arrived(1), arrived(4)]))) == (0, 0, 1, 0)

    def test_what_comes_from_before_the_cursor_is_disorder(self) -> None:
        result = judge(Stretch(0, [arrived(1), arrived(2)]), Stretch(2, [arrived(1), arrived(4)]))
        assert counts(result) == (0, 0, 1, 0)

    def test_another_s_event_is_foreign(self) -> None:
        result = judge(Stretch(0, [arrived(1), arrived(2), arrived(3), arrived(4)]))
        assert counts(result) == (0, 0, 0, 1)

    def test_a_changed_event_is_foreign(self) -> None:
        changed = replace(arrived(4), payload={"number": 5})
        assert counts(judge(Stretch(0, [arrived(1), arrived(2), changed]))) == (0, 0, 0, 1)
