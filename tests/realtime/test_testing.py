"""The helpers for the tests of sites, in both kinds of Django's tests."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase

from messaging import services as messaging
from notifications.services import notify
from realtime import log, rights
from realtime.errors import CloseCode, ErrorCode, RealtimeError
from realtime.testing import FakeClient, assert_nothing_published, assert_published
from realtime.users import user_id
from socialhub.models import Post
from tests.messaging.talk import pair, say
from tests.people import make_user
from tests.servers import ROOT


class InATestCaseTests(TestCase):
    """Where nothing is ever committed."""

    alice: Any
    bob: Any

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice, cls.bob = make_user("alice"), make_user("bob")

    def test_what_is_published_is_seen(self) -> None:
        with assert_published(self.alice, "notification", type="like") as published:
            notify(self.alice, "like", "Bob liked it", post_id="post_7")
        assert published.payload["post_id"] == "post_7"

    def test_what_is_rolled_back_is_not(self) -> None:
        with assert_nothing_published(self.alice), transaction.atomic():
            notify(self.alice, "like", "Bob liked it")
            transaction.set_rollback(True)

    def test_looking_inside_of_a_transaction_is_refused(self) -> None:
        with FakeClient(self.alice) as client, transaction.atomic():
            notify(self.alice, "like", "Bob liked it")
            with self.assertRaisesMessage(RuntimeError, "after the block has ended"):
                client.receive()

    def test_a_client_gets_what_is_sent_on_commit_too(self) -> None:
        with FakeClient(self.alice) as client:
            with self.captureOnCommitCallbacks(execute=True):
                transaction.on_commit(lambda: notify(self.alice, "like", "Bob liked it") and None)
                assert client.receive() == []
            client.expect("notification", type="like")

    def test_events_of_one_test_do_not_reach_the_next(self) -> None:
        with FakeClient(self.alice) as client:
            assert client.receive() == []
        assert log.read_from(1, 10) == []


def test_a_failed_assertion_says_what_there_was(alice: Any, bob: Any) -> None:
    with (
        pytest.raises(AssertionError, match=r"No notification type='like' was published(?s:.)*Hi"),
        assert_published(alice, "notification", type="like"),
    ):
        notify(alice, "greeting", "Hi")
    with pytest.raises(AssertionError, match="Published"), assert_nothing_published(alice):
        notify(alice, "greeting", "Hi")
    with assert_nothing_published(bob):
        notify(alice, "greeting", "Hi")


def test_public_events_are_published_to_nobody_in_particular(alice: Any) -> None:
    with assert_published(None, "feed_update", action="created"), assert_nothing_published(alice):
        Post.objects.create(author=alice, text="Hello")


def test_a_client_gets_its_user_s_events_and_public_ones_of_its_channels(
    alice: Any, bob: Any
) -> None:
    with FakeClient(alice, "feed:updates") as client, FakeClient(bob) as other:
        notify(alice, "like", "first")
        post = Post.objects.create(author=bob, text="Hello")
        notify(alice, "like", "second")
        received = client.receive()
        assert [event.type for event in received if event.sequence is not None] == [
            "notification",
            "feed_update",
            "notification",
        ]
        assert received[1].payload["post_id"] == f"post_{post.pk}"
        assert other.receive() == []
        assert client.receive() == []


def test_an_outsider_s_client_cannot_subscribe(alice: Any, bob: Any, carol: Any) -> None:
    channel = f"conversation:conv_{pair(alice, bob)}"
    with FakeClient(carol) as client, pytest.raises(RealtimeError) as refused:
        client.subscribe(channel)
    assert refused.value.code == ErrorCode.CHANNEL_NOT_FOUND


def test_a_client_sends_commands_and_is_told_why_not(alice: Any, bob: Any) -> None:
    conversation = f"conv_{pair(alice, bob)}"
    with FakeClient(bob, f"conversation:{conversation}") as hears, FakeClient(alice) as says:
        sent = says.send("message", {"conversation_id": conversation, "content": "Hello"})
        assert hears.expect("message", content="Hello").payload["id"] == sent["id"]
        for type, payload in (("message", {"content": 5}), ("no_such_thing", {})):
            with pytest.raises(RealtimeError) as refused:
                says.send(type, payload)
            assert refused.value.code == ErrorCode.INVALID_MESSAGE


def test_after_a_cut_what_is_logged_comes_and_what_is_not_is_lost(alice: Any, bob: Any) -> None:
    key = pair(alice, bob)
    typing = {"conversation_id": f"conv_{key}"}
    with FakeClient(bob, f"conversation:conv_{key}") as client, FakeClient(alice) as says:
        with client.dropped():
            says.send("typing_start", typing)
            say(alice, key, "Hello")
            assert client.receive() == []
        assert [event.type for event in client.receive() if event.channel != "notifications"] == [
            "message"
        ]
        with client.delayed():
            says.send("typing_start", typing)
            assert client.receive() == []
        client.expect("typing_start")


def test_a_client_that_was_away_for_too_long_is_told_to_resync(alice: Any) -> None:
    with FakeClient(alice) as client:
        with client.dropped():
            for _ in range(2):
                notify(alice, "like", "text")
            with FakeClient(alice) as other:
                other.receive()
            log.prune(timedelta(0))
        assert client.expect("resync").payload["reason"] == "pruned"
        notify(alice, "like", "afterwards")
        assert client.expect("notification").payload["message"] == "afterwards"


def test_the_end_of_rights_is_obeyed(alice: Any, bob: Any, carol: Any) -> None:
    group, _ = messaging.create_conversation(
        user_id(alice), [user_id(bob), user_id(carol)], "Three"
    )
    channel = f"conversation:conv_{group.pk}"
    with FakeClient(bob, channel) as client:
        say(alice, group.pk, "before")
        messaging.remove_participant(user_id(alice), group.pk, user_id(bob))
        say(alice, group.pk, "afterwards")
        client.expect("message", content="before")
        assert channel not in client.channels
        assert not any(event.type == "message" for event in client.receive())
        rights.close_user(bob.pk, CloseCode.ACCOUNT_DISABLED, "account_disabled")
        notify(bob, "like", "too late")
        assert client.receive() == []
        assert client.close_code == CloseCode.ACCOUNT_DISABLED


def test_they_need_no_pytest() -> None:
    program = (
        "import os, sys, django; sys.modules['pytest'] = None; django.setup(); "
        "import realtime.testing"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
