"""What only a database with concurrent writers can show."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from realtime import log, relay
from tests.realtime.test_log import in_other_thread, read, texts, write


@pytest.fixture(autouse=True)
def _on_postgresql(transactional_db: None) -> None:
    assert connection.vendor == "postgresql", "tests/services needs DATABASE_URL=postgres://..."


def test_a_transaction_that_began_first_and_commits_last_is_not_missed(alice: Any) -> None:
    """The slow writer has the lower outbox key; whoever reads by such keys misses it."""
    written, committed = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            log.append("note", {"text": "slow"}, recipients=[alice.pk])
            written.set()
            committed.wait(15)

    thread = in_other_thread(slow)
    assert written.wait(15)
    write(alice, "quick")
    relay.drain()
    first = read(alice)
    assert texts(first) == [b'{"text":"quick"}']
    committed.set()
    thread.join()
    relay.drain()
    assert texts(read(alice, after=first[-1].sequence)) == [b'{"text":"slow"}']


def test_a_relay_whose_lock_is_taken_leaves_at_once(alice: Any) -> None:
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(log.LogHead.objects.select_for_update())
            locked.set()
            release.wait(15)

    write(alice, "1")
    thread = in_other_thread(hold)
    assert locked.wait(15)
    assert relay.relay_batch(10) is relay.Outcome.BUSY
    release.set()
    thread.join()
    assert relay.relay_batch(10) is relay.Outcome.MOVED
    assert texts(read(alice)) == [b'{"text":"1"}']
