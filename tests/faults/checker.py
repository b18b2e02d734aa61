"""Compares what clients have recorded with what the database says they should have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

from messaging.models import Message
from realtime.models import Event, EventRecipient, OutboxEvent
from tests.faults.clients import Arrival, Client

MOST_PROBLEMS = 20
PUBLIC_CHANNELS = ("presence", "feed:updates")

# When each event was committed, by a trigger that runs at the very end of the
# transaction that wrote it: a record of its own, which the product knows nothing of.
WITNESS = """
CREATE TABLE lab_commit (event_id uuid PRIMARY KEY, at timestamptz NOT NULL);
CREATE FUNCTION lab_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lab_commit VALUES (NEW.event_id, clock_timestamp());
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lab_commit AFTER INSERT ON realtime_outboxevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lab_commit();
"""


@dataclass(frozen=True, slots=True)
class Truth:
    """One event as the log has it.

    Attributes:
        committed_at: in Unix seconds; None where no transaction committed it.
    """

    sequence: int
    id: str
    type: str
    channel: str
    topic: str
    readers: frozenset[str]
    payload: Any
    committed_at: float | None


@dataclass(slots=True)
class Result:
    """One line of the table, and what was wrong.

    Attributes:
        lost: events that a client should have and has not, or that the log has not.
        repeated: events that came twice on one connection, or under two ids.
        disordered: events that came after one with a higher sequence.
        foreign: events that were not this client's, never written, or came changed.
        slowest: the longest that any event took from its commit to a client, in seconds.
        slowest_is: which event that was, for whom.
        deliveries: events that clients got, each once.
        reconnects: how often clients came back.
        seconds: how long it all took.
    """

    scenario: str
    events: int = 0
    clients: int = 0
    faults: int = 0
    lost: int = 0
    repeated: int = 0
    disordered: int = 0
    foreign: int = 0
    slowest: float = 0.0
    slowest_is: str = ""
    deliveries: int = 0
    reconnects: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        wrong = self.lost + self.repeated + self.disordered + self.foreign
        return not wrong and not self.problems


def commit_times() -> dict[str, float]:
    """When each event was committed, by its id, in Unix seconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id::text, extract(epoch FROM at)::float8 FROM lab_commit")
        return dict(cursor.fetchall())


def read_truth(start: int) -> list[Truth]:
    """The events after `start`, in order."""
    committed = commit_times()
    readers: defaultdict[int, set[str]] = defaultdict(set)
    rows = EventRecipient.objects.filter(event_id__gt=start)
    for user, sequence in rows.values_list("user_id", "event_id"):
        readers[sequence].add(str(user))
    return [
        Truth(
            event.sequence,
            str(event.event_id),
            event.type,
            event.channel,
            event.topic,
            frozenset(readers[event.sequence]),
            msgspec.json.decode(event.payload),
            committed.get(str(event.event_id)),
        )
        for event in Event.objects.filter(sequence__gt=start, control=False).order_by("sequence")
    ]


def check_log(result: Result, start: int) -> None:
    """The log itself: all that was committed is in it, nothing else, without gaps."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM lab_commit WHERE event_id NOT IN"
            " (SELECT event_id FROM realtime_event UNION"
            " SELECT event_id FROM realtime_outboxevent)"
        )
        if lost := cursor.fetchone()[0]:
            result.lost += lost
            result.problems.append(f"{lost} committed events are not in the log")
        cursor.execute(
            "SELECT count(*) FROM realtime_event WHERE sequence > %s AND event_id NOT IN"
            " (SELECT event_id FROM lab_commit)",
            [start],
        )
        if invented := cursor.fetchone()[0]:
            result.foreign += invented
            result.problems.append(f"{invented} events in the log were never committed")
    logged = list(Event.objects.filter(sequence__gt=start).order_by("sequence"))
    if [event.sequence for event in logged] != list(range(start + 1, start + 1 + len(logged))):
        result.problems.append("the log has gaps")
    if len({event.event_id for event in logged}) != len(logged):
        result.problems.append("an event is in the log twice")
    pending = {str(id) for id in OutboxEvent.objects.values_list("event_id", flat=True)}
    if pending & {str(event.event_id) for event in logged}:
        result.problems.append("an event is in outbox and log")


def check_clients(
    result: Result, clients: Iterable[Client], truth: list[Truth], *, start: int, upto: int
) -> None:
    """Every client's record: complete up to `upto`, in order, its own, unchanged, once."""
    for number, client in enumerate(clients):
        _Check(result, client, f"client {number} ({client.transport.value})", truth).run(
            start, upto
        )
    sent = set(map(str, Message.objects.values_list("client_id", flat=True)))
    for client in clients:
        if missing := set(client.acknowledged) - sent:
            result.lost += len(missing)
            result.problems.append(f"{len(missing)} messages were acknowledged and are not there")


class _Check:
    """One client's record."""

    def __init__(self, result: Result, client: Client, name: str, truth: list[Truth]) -> None:
        self._result = result
        self._client = client
        self._name = name
        self._truth = truth
        self._own = {
            event.id: event
            for event in truth
            if event.topic in PUBLIC_CHANNELS or client.user_id in event.readers
        }

    def run(self, start: int, upto: int) -> None:
        for problem in self._client.problems:
            self._complain(problem)
        self._result.reconnects += self._client.reconnects
        got: dict[str, Arrival] = {}
        sequences: dict[int, str] = {}
        for stretch in self._client.stretches:
            last, seen = stretch.after, set[int]()
            for arrival in stretch.arrivals:
                if arrival.sequence in seen:
                    self._result.repeated += 1
                    self._complain(f"{_name(arrival)} came twice on one connection")
                elif arrival.sequence <= last:
                    self._result.disordered += 1
                    self._complain(f"{_name(arrival)} came after {last}")
                seen.add(arrival.sequence)
                last = max(last, arrival.sequence)
                if arrival.id in got:
                    continue  # dropped by its id, as clients are told to
                if sequences.setdefault(arrival.sequence, arrival.id) != arrival.id:
                    self._result.repeated += 1
                    self._complain(f"{_name(arrival)} came under two ids")
                got[arrival.id] = arrival
                self._compare(arrival)
        for event in self._own.values():
            if start < event.sequence <= upto and event.id not in got:
                self._result.lost += 1
                self._complain(f"never got {event.sequence} {event.type} on {event.channel}")
        self._result.deliveries += len(got)

    def _compare(self, arrival: Arrival) -> None:
        event = self._own.get(arrival.id)
        if event is None:
            self._result.foreign += 1
            self._complain(f"{_name(arrival)} is not the client's")
            return
        as_it_came = (arrival.sequence, arrival.type, arrival.channel, arrival.payload)
        if as_it_came != (event.sequence, event.type, event.channel, event.payload):
            self._result.foreign += 1
            self._complain(f"{_name(arrival)} came changed: {as_it_came}, written as {event}")
        if event.committed_at is None or self._client.comes_late:
            return
        if (took := arrival.at - event.committed_at) > self._result.slowest:
            self._result.slowest = took
            at = datetime.fromtimestamp(arrival.at, UTC)
            self._result.slowest_is = f"{_name(arrival)} for {self._name}, at {at:%H:%M:%S}"

    def _complain(self, problem: str) -> None:
        if len(self._result.problems) < MOST_PROBLEMS:
            self._result.problems.append(f"{self._name} of user {self._client.user_id}: {problem}")


def _name(arrival: Arrival) -> str:
    return f"{arrival.sequence} {arrival.type} {arrival.id[:8]}"
