"""What only a database with concurrent writers can show."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import AsyncExitStack, nullcontext
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import InternalError, connection, transaction

from messaging.models import Conversation, Message
from messaging.sending import Send, send_together
from notifications import broadcasts
from notifications.audiences import Audience
from notifications.models import Broadcast, Inbox, Notification
from notifications.services import notify, notify_many
from realtime import bulk, database, log, protocol, relay
from realtime.database import Work
from realtime.models import Event, LogHead, OutboxEvent
from realtime.together import ALONE
from realtime.users import user_id
from tests.clients import PATIENCE, in_thread, open_http, open_socket
from tests.messaging.talk import pair, say
from tests.people import make_user
from tests.realtime.test_log import in_other_thread, read, texts, write
from tests.realtime.test_nodes import all_connected
from tests.servers import ROOT, Address, environment, manage, server_process


@pytest.fixture(autouse=True)
def _on_postgresql(transactional_db: None) -> None:
    assert connection.vendor == "postgresql", "tests/services needs DATABASE_URL=postgres://..."


def test_a_transaction_that_began_first_and_commits_last_is_not_missed(alice: Any) -> None:
    """The slow writer has the lower outbox key; whoever reads by such keys misses it."""
    written, committed = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            log.append("note", {"text": "slow"}, channel="news", recipients=[alice.pk])
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
            list(LogHead.objects.select_for_update())
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


async def test_one_user_s_commands_that_wait_for_a_lock_hold_up_nobody_else(
    server: Address, alice: Any, bob: Any
) -> None:
    await in_thread(notify, alice, "like", "text")
    locked, release = threading.Event(), threading.Event()

    def slow_transaction_of_the_site() -> None:
        with transaction.atomic():
            list(Inbox.objects.select_for_update().filter(user=alice))
            locked.set()
            release.wait(30)

    thread = in_other_thread(slow_transaction_of_the_site)
    await asyncio.to_thread(locked.wait, 15)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(open_socket(server, alice)) for _ in range(10)]
        for socket in sockets:
            await socket.send("notification_read_all", ack_id="waiting")
        # Bob comes in, hears, and is heard, while all of Alice's commands wait.
        other = await stack.enter_async_context(open_socket(server, bob))
        await other.silence()
        await in_thread(notify, bob, "like", "text")
        assert (await other.expect("notification"))["payload"]["message"] == "text"
        assert (await other.ask("notification_read_all"))["type"] in ("ack", "notification")
        assert not release.is_set()
        release.set()
        await asyncio.to_thread(thread.join)
        # Whichever of Alice's commands came first, it tells all of her sockets.
        while (await sockets[0].receive())["type"] != "notification_read_all":
            pass


async def test_a_node_that_stands_still_in_a_transaction_keeps_its_locks_from_nobody_for_long(
    monkeypatch: pytest.MonkeyPatch, alice: Any
) -> None:
    await in_thread(notify, alice, "like", "first")
    monkeypatch.setattr(database, "IDLE_TRANSACTION_MILLISECONDS", 300)
    locked, release = threading.Event(), threading.Event()

    def stand_still() -> None:
        with transaction.atomic():
            list(Inbox.objects.select_for_update().filter(user=alice))
            locked.set()
            release.wait(2 * PATIENCE)

    database.close()  # connections that are open were told the old time
    standing = asyncio.create_task(database.run(Work.COMMANDS, stand_still))
    try:
        await asyncio.to_thread(locked.wait, PATIENCE)
        writing = asyncio.create_task(in_thread(notify, alice, "like", "second"))
        done, _ = await asyncio.wait([writing], timeout=PATIENCE)
        assert writing in done, "the other writer waits for the lock"
    finally:
        release.set()
        outcomes = await asyncio.gather(standing, writing, return_exceptions=True)
        await asyncio.to_thread(database.close)
    assert isinstance(outcomes[0], InternalError)


def test_a_frozen_command_keeps_its_locks_from_nobody_for_long(
    monkeypatch: pytest.MonkeyPatch, alice: Any
) -> None:
    """As by Ctrl-Z in the middle of a batch: whoever stops the broadcast does not wait for it."""
    monkeypatch.setattr(database, "IDLE_TRANSACTION_MILLISECONDS", 300)
    locked, release = threading.Event(), threading.Event()
    told: list[str] = []
    stopped: list[bool] = []

    def stand_still(keys: Any, **content: Any) -> int:
        if not list(keys):
            return 0  # it is only asked whether the text can be told
        locked.set()
        release.wait(2 * PATIENCE)
        return notify_many(keys, **content)

    def command() -> None:
        with pytest.raises(CommandError) as refused:
            call_command("broadcast", "--all", "--yes", "text")
        told.append(str(refused.value))

    monkeypatch.setattr(broadcasts, "notify_many", stand_still)
    frozen = in_other_thread(command)
    assert locked.wait(PATIENCE)
    pk = Broadcast.objects.get().pk
    stopping = in_other_thread(lambda: stopped.append(broadcasts.stop(pk)))
    stopping.join(PATIENCE)
    assert not stopping.is_alive(), "who stops it waits for the lock"
    release.set()
    frozen.join()
    assert f"0 notified. Go on with: manage.py broadcast --resume {pk}" in told[0]
    assert stopped == [True]
    assert Broadcast.objects.get().state == Broadcast.State.STOPPED
    assert not Notification.objects.exists()


@pytest.mark.parametrize("around", [False, True], ids=["alone", "in another transaction"])
def test_only_a_broadcast_s_last_batch_waits_for_the_disk(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch, around: bool
) -> None:
    """And what the site wrote in a transaction around it is waited for, as ever."""

    def waits() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return str(cursor.fetchone()[0])

    def note(keys: Any, **content: Any) -> int:
        noted.append(waits())
        return notify_many(keys, **content)

    noted: list[str] = []
    audience = Audience("all active users")
    row = broadcasts.draft(broadcasts.Content(message="text"), audience)
    row.save()
    monkeypatch.setattr(broadcasts, "notify_many", note)
    with transaction.atomic() if around else nullcontext():
        for last in (False, True):
            step = broadcasts.advance(row.pk, audience, 1)
            assert step is not None
            assert step.last is last
            noted.append(waits())
    assert noted == ["on" if around else "off", "on", "on", "on"]


@pytest.mark.parametrize("what", ["conversation", "inbox", "user"])
def test_messages_that_wait_for_a_lock_hold_up_none_that_are_sent_with_them(
    alice: Any, bob: Any, carol: Any, what: str
) -> None:
    stuck, free = pair(alice, bob), pair(carol, alice)
    for conversation, sender, other in ((stuck, alice, bob), (free, carol, alice)):
        say(sender, conversation, "first")
        say(other, conversation, "second")
    held = {
        "conversation": Conversation.objects.filter(pk=stuck),
        "inbox": Inbox.objects.filter(user=bob),
        "user": get_user_model()._default_manager.filter(pk=bob.pk),
    }[what]
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(held.select_for_update())
            locked.set()
            release.wait(PATIENCE)

    thread = in_other_thread(hold)
    assert locked.wait(PATIENCE)
    try:
        began = time.monotonic()
        outcomes = send_together(
            [Send(bob.pk, stuck, "stuck", uuid4()), Send(carol.pk, free, "free", uuid4())]
            if what == "user"
            else [Send(alice.pk, stuck, "stuck", None), Send(carol.pk, free, "free", None)]
        )
        assert time.monotonic() - began < 2
    finally:
        release.set()
        thread.join()
    assert outcomes[0] is ALONE
    # A lock that cannot be looked for beforehand is waited for a moment, then all go alone.
    sent = [] if what == "user" else ["free"]
    assert [text for text in contents() if text not in ("first", "second")] == sent


def contents() -> list[str]:
    """What has been said."""
    return list(Message.objects.order_by("pk").values_list("content", flat=True))


def test_what_is_copied_into_the_outbox_is_what_was_given(alice: Any) -> None:
    written = [f'{number} "quoted" \\ \t \n \u2028 ü' for number in range(3 * bulk.LEAST_COPIED)]
    with transaction.atomic():
        log.append_many(
            log.Draft(
                "note", {"text": text}, channel="news", recipients=[alice.pk], subject="s\t_1"
            )
            for text in written
        )
    relay.drain()
    found = read(alice)
    assert [msgspec.json.decode(event.payload)["text"] for event in found] == written
    assert {event.subject for event in found} == {"s\t_1"}


def test_notifications_that_are_copied_are_what_was_given(alice: Any) -> None:
    many = [make_user(f"user{number}") for number in range(2 * bulk.LEAST_COPIED)]
    extra = {"quoted": '"\\', "list": [1, None, "ü"]}
    notify_many(many, "like", "text\t\n\\.", actor=alice, post_id="post_1", extra=extra)
    for stored in Notification.objects.select_related("actor"):
        assert (stored.message, stored.extra, stored.actor) == ("text\t\n\\.", extra, alice)
        assert (stored.params, stored.read_at, stored.coalesce_key) == (None, None, "")
    assert set(Notification.objects.values_list("recipient", flat=True)) == {u.pk for u in many}
    relay.drain()
    told = {e.recipients: msgspec.json.decode(e.payload) for e in log.read_from(1, 100)}
    for stored in Notification.objects.all():
        payload = told[frozenset([str(stored.recipient_id)])]
        assert (payload["id"], payload["unread_count"]) == (f"notif_{stored.pk}", 1)
    # Keys that come later do not collide.
    assert notify(many[0], "like", "another") is not None


@pytest.mark.options(MAX_WAITING_POLLS=1000)
async def test_200_waiting_polls_hold_no_database_connection_each(alice: Any) -> None:
    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            return int(cursor.fetchone()[0])

    with server_process() as (server, _):
        async with open_http(server, alice) as http:
            parameters: dict[str, Any] = {"user_id": user_id(alice), "timeout": 30}
            waiting = [
                asyncio.create_task(http.get("/api/v1/realtime/poll", params=parameters))
                for _ in range(200)
            ]
            await all_connected(server.port, 200)
            # Ours, those of the server's four pools, and the request lanes.
            assert await in_thread(connections) <= 2 + 4 * 4 + 4
            await in_thread(notify, alice, "like", "now")
            answers = await asyncio.wait_for(asyncio.gather(*waiting), 30)
        assert {len(answer.json()["events"]) for answer in answers} == {1}


FREEZE_IN_TRANSACTION = """
import os, signal
from realtime import erasure, relay
relay.LOCK_MILLISECONDS = 3000
carry_out = erasure.carry_out
def copy_and_freeze(*args, **kwargs):
    carry_out(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGSTOP)
erasure.carry_out = copy_and_freeze
relay.relay_batch(100)
"""


def test_a_relay_frozen_in_its_transaction_loses_its_lock_and_changes_nothing(alice: Any) -> None:
    write(alice, "1")
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", FREEZE_IN_TRANSACTION]
    frozen = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        # Stopped, as waitpid() tells, when it holds the lock.
        _, status = os.waitpid(frozen.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        deadline = time.monotonic() + 15
        while relay.relay_batch(100) is relay.Outcome.BUSY:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert texts(read(alice)) == [b'{"text":"1"}']
    finally:
        frozen.send_signal(signal.SIGCONT)
        _, error = frozen.communicate(timeout=30)
    assert "idle-in-transaction timeout" in error
    relay.drain()
    assert texts(read(alice)) == [b'{"text":"1"}']


DRAIN_ALL = """
import resource
from realtime import relay
relay.relay_batch(500)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
batches = 1
while relay.relay_batch(500) is relay.Outcome.MORE:
    batches += 1
print(batches, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_100_000_pending_events_are_drained_in_batches_with_flat_memory(alice: Any) -> None:
    draft = log.Draft("note", {"text": "x" * 200}, channel="news", recipients=[alice.pk])
    now = protocol.now()
    OutboxEvent.objects.bulk_create((draft.as_row(now) for _ in range(100_000)), batch_size=5000)
    done = manage("shell", "-v0", "-c", DRAIN_ALL)
    assert done.returncode == 0, done.stderr
    batches, kilobytes = map(int, done.stdout.split())
    assert batches == 200
    assert kilobytes < 20_000
    assert log.read_head().sequence == Event.objects.count() == 100_000
