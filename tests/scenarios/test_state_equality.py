"""Whatever four people do, in whatever order, each client's state is what REST returns afresh.

Hypothesis makes up what happens. Acts go through the services, as the site's own
code and other devices do them, or through the people's clients; what the clients
make of it comes over real sockets and polls. Every run tries the same sequences of
steps, and a failure prints the one that failed. `HYPOTHESIS_PROFILE=shortest` looks
for the shortest that still does, `thorough` tries many others; both take minutes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar, TypeVar

import pytest
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from messaging import services as messaging
from messaging.models import Conversation, Message, Participant
from notifications import services as notifications
from notifications.models import Notification
from presence import services as presence
from realtime import feed_commands, log
from realtime.errors import RealtimeError
from realtime.models import OutboxEvent
from realtime.users import user_id
from socialhub import services as social
from socialhub.models import Post
from tests.clients import PATIENCE, Frame
from tests.people import make_user, token_for
from tests.scenarios.model_client import ModelClient
from tests.servers import Address

T = TypeVar("T")

NAMES = ("alice", "bob", "carol", "dave")
WAYS = ("handshake", "hello", "polls")
BASE = settings(max_examples=15, stateful_step_count=30, derandomize=True, database=None)
PROFILES = {
    "default": settings(BASE, phases=[Phase.generate]),
    "shortest": BASE,
    "thorough": settings(max_examples=300, stateful_step_count=60, database=None),
}
PROFILE = settings(
    PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "default")],
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

who = st.integers(0, len(NAMES) - 1)
people = st.sets(who, min_size=1)
# One of those there are, the newest first.
which = st.integers(0, 5)
through_client = st.booleans()

_numbers = count()


class Life(RuleBasedStateMachine):
    """Four people with a client each."""

    address: ClassVar[Address]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        number = next(_numbers)
        self.people = [make_user(f"{name}{number}") for name in NAMES]
        self.ids = [user_id(person) for person in self.people]
        self.clients = [ModelClient(self.address, person, self.ids) for person in self.people]
        self.rest = [
            Client(headers={"Authorization": f"Bearer {token_for(person)}"})
            for person in self.people
        ]
        self.talks: list[int] = []
        self.posts: list[int] = []

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    # --- who is there ---------------------------------------------------------------------

    @initialize(ways=st.tuples(*[st.sampled_from(WAYS)] * len(NAMES)))
    def all_come(self, ways: tuple[str, ...]) -> None:
        for person, way in enumerate(ways):
            self.come(person, way)

    @rule(person=who, way=st.sampled_from(WAYS))
    def come(self, person: int, way: str) -> None:
        """Come, come back, or change the transport."""
        client = self.clients[person]
        if way == "polls":
            self.run(client.come_by_polls())
        else:
            self.run(client.come_by_socket(saying_hello=way == "hello"))

    @rule(person=who)
    def go(self, person: int) -> None:
        self.run(self.clients[person].go())

    @rule()
    def prune(self) -> None:
        """Who is behind has to fetch state anew."""
        log.prune(timedelta(0))

    # --- conversations --------------------------------------------------------------------

    @rule(creator=who, others=people)
    def begin(self, creator: int, others: set[int]) -> None:
        ids = [self.ids[other] for other in others]
        found = self.site(messaging.create_conversation, self.ids[creator], ids)
        if found and found[0].pk not in self.talks:
            self.talks.append(found[0].pk)

    @rule(talk=which, speaker=who, by_client=through_client)
    def say(self, talk: int, speaker: int, by_client: bool) -> None:
        pk, person = self.participant(talk, speaker)
        if pk:
            text = f"said {next(_numbers)}"
            self.act(
                person,
                ("message", {"conversation_id": f"conv_{pk}", "content": text}),
                lambda: messaging.send_message(self.ids[person], pk, text),
                by_client=by_client,
            )

    @rule(talk=which, reader=who, messages=st.sets(which, min_size=1), by_client=through_client)
    def read_some(self, talk: int, reader: int, messages: set[int], by_client: bool) -> None:
        pk, person = self.participant(talk, reader)
        if pk:
            said = Message.objects.filter(conversation=pk).order_by("pk")
            keys = list(said.values_list("pk", flat=True))
            named = {key for message in messages if (key := newest(keys, message))}
            ids = [f"msg_{key}" for key in named]
            self.act(
                person,
                ("read_receipt", {"conversation_id": f"conv_{pk}", "message_ids": ids}),
                lambda: messaging.mark_read(self.ids[person], pk, message_ids=named),
                by_client=by_client,
            )

    @rule(talk=which, reader=who, position=st.none() | st.integers(0, 8))
    def read_upto(self, talk: int, reader: int, position: int | None) -> None:
        pk, person = self.participant(talk, reader)
        if pk:
            self.site(messaging.mark_read, self.ids[person], pk, position=position)

    @rule(talk=which, adder=who, others=people)
    def add(self, talk: int, adder: int, others: set[int]) -> None:
        pk, person = self.participant(talk, adder)
        if pk:
            ids = [self.ids[other] for other in others]
            self.site(messaging.add_participants, self.ids[person], pk, ids)

    @rule(talk=which, other=who)
    def remove(self, talk: int, other: int) -> None:
        """By whoever created the group."""
        pk, person = self.participant(talk, other)
        if pk:
            self.site(messaging.remove_participant, self.creator(pk), pk, self.ids[person])

    @rule(talk=which, leaver=who)
    def leave(self, talk: int, leaver: int) -> None:
        pk, person = self.participant(talk, leaver)
        if pk:
            self.site(messaging.leave, self.ids[person], pk)

    @rule(
        talk=which,
        absent=who,
        acts=st.lists(
            st.sampled_from(("say", "read_upto", "add", "remove", "leave")), min_size=2, max_size=6
        ),
        way=st.sampled_from(WAYS),
    )
    def miss(self, talk: int, absent: int, acts: list[str], way: str) -> None:
        """Somebody is away while something happens in a conversation, perhaps to them."""
        pk, person = self.participant(talk, absent)
        if not pk:
            return
        if self.clients[person].connected:
            self.compare(person)
        self.run(self.clients[person].go())
        for number, act in enumerate(acts):
            match act:
                case "say":
                    self.say(talk, number, by_client=False)
                case "read_upto":
                    self.read_upto(talk, number, None)
                case "add":
                    self.add(talk, number, {person, number % len(NAMES)})
                case "remove":
                    self.site(messaging.remove_participant, self.creator(pk), pk, self.ids[person])
                case "leave":
                    self.site(messaging.leave, self.ids[person], pk)
        self.come(person, way)
        self.compare(person)

    def participant(self, talk: int, number: int) -> tuple[int, int]:
        """A conversation, the newest first, and the number of somebody who takes part in it."""
        pk = newest(self.talks, talk) or 0
        present = Participant.objects.filter(conversation=pk, left_at=None).order_by("pk")
        ids = [str(key) for key in present.values_list("user_id", flat=True)]
        return (pk, self.ids.index(ids[number % len(ids)])) if ids else (0, 0)

    def creator(self, conversation: int) -> str:
        return str(Conversation.objects.get(pk=conversation).creator_id)

    # --- notifications --------------------------------------------------------------------

    @rule(person=who)
    def notify(self, person: int) -> None:
        notifications.notify(self.people[person], "news", f"news {next(_numbers)}")

    @rule(person=who, number=which, by_client=through_client)
    def read_notification(self, person: int, number: int, by_client: bool) -> None:
        if pk := newest(self.inbox(person), number):
            self.act(
                person,
                ("notification_read", {"notification_id": f"notif_{pk}"}),
                lambda: notifications.mark_read(self.ids[person], pk),
                by_client=by_client,
            )

    @rule(person=who, by_client=through_client)
    def read_all_notifications(self, person: int, by_client: bool) -> None:
        self.act(
            person,
            ("notification_read_all", {}),
            lambda: notifications.mark_all_read(self.ids[person]),
            by_client=by_client,
        )

    @rule(person=who, number=which)
    def delete_notification(self, person: int, number: int) -> None:
        if pk := newest(self.inbox(person), number):
            Notification.objects.get(pk=pk).delete()

    def inbox(self, person: int) -> list[int]:
        rows = Notification.objects.filter(recipient=self.people[person]).order_by("pk")
        return list(rows.values_list("pk", flat=True))

    # --- presence -------------------------------------------------------------------------

    @rule(person=who, status=st.sampled_from(("online", "away", "busy")), by_client=through_client)
    def set_status(self, person: int, status: str, by_client: bool) -> None:
        self.act(
            person,
            ("presence", {"status": status}),
            lambda: presence.set_status(self.ids[person], status),
            by_client=by_client,
        )

    # --- the feed -------------------------------------------------------------------------

    @rule(author=who, mentioned=who)
    def write_post(self, author: int, mentioned: int) -> None:
        text = f"post {next(_numbers)} for @{self.people[mentioned].get_username()}"
        self.posts.append(social.create_post(self.people[author], text).pk)

    @rule(post=which)
    def edit_post(self, post: int) -> None:
        if pk := newest(self.posts, post):
            author = Post.objects.get(pk=pk).author
            self.site(social.edit_post, author, pk, f"edited {next(_numbers)}")

    @rule(post=which)
    def delete_post(self, post: int) -> None:
        if pk := newest(self.posts, post):
            self.posts.remove(pk)
            social.delete_post(Post.objects.get(pk=pk).author, pk)

    @rule(person=who, post=which, act=st.sampled_from((social.like, social.unlike, social.comment)))
    def react(self, person: int, post: int, act: Callable[..., object]) -> None:
        if pk := newest(self.posts, post):
            text = (f"comment {next(_numbers)}",) if act is social.comment else ()
            self.site(act, self.people[person], pk, *text)

    @rule(follower=who, followed=who)
    def follow(self, follower: int, followed: int) -> None:
        self.site(social.follow, self.people[follower], self.people[followed].pk)

    @rule(person=who)
    def see_the_feed(self, person: int) -> None:
        client = self.clients[person]
        if client.connected:
            client.new_posts = self.run(client.ask("feed_seen", {}))["new_posts_count"]

    # --- how acts are done ----------------------------------------------------------------

    def site(self, act: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
        """By the site's code; what the rules forbid is not done."""
        try:
            return act(*args, **kwargs)
        except RealtimeError:
            return None

    def act(
        self,
        person: int,
        command: tuple[str, Frame],
        otherwise: Callable[[], object],
        *,
        by_client: bool,
    ) -> None:
        """By the person's client, or else by the site's code."""
        client = self.clients[person]
        if by_client and client.connected:
            self.run(client.ask(*command))
        else:
            self.site(otherwise)

    # --- comparing ------------------------------------------------------------------------

    @rule()
    def look(self) -> None:
        for person, client in enumerate(self.clients):
            if client.connected:
                self.compare(person)

    def compare(self, person: int) -> None:
        """The client shows what REST returns, as of one moment."""
        client = self.clients[person]
        before = -1
        while before != (now := self.log_end()):
            self.run(client.catch_up(now))
            expected, before = self.afresh(person), now
        shown = {
            "unread": client.unread,
            "notifications": without_content(client.notifications),
            "conversations": {
                id: client.conversation(talk) for id, talk in client.talks.items() if talk.present
            },
            "left": {
                id: sorted(talk.messages) for id, talk in client.talks.items() if not talk.present
            },
            "presence": by_status(client.presence),
            "posts": client.posts,
        }
        differing = list(differences(shown, expected, f"{NAMES[person]}'s"))
        assert not differing, "\n".join(differing)
        self.compare_count(person)

    def compare_count(self, person: int) -> None:
        """The one figure that is no event of the log: told at most once a second."""
        client, deadline = self.clients[person], time.monotonic() + PATIENCE
        count = feed_commands.feed_counts([self.ids[person]])[self.ids[person]]
        while client.new_posts != count.new_posts_count and time.monotonic() < deadline:
            self.run(client.catch_up(0))
        assert client.new_posts == count.new_posts_count, f"{NAMES[person]}'s new posts"

    def log_end(self) -> int:
        """The log's end, when all that is committed is in it."""
        while OutboxEvent.objects.exists():
            time.sleep(0.001)
        return log.read_head().sequence

    def afresh(self, person: int) -> dict[str, Any]:
        def get(path: str) -> Frame:
            answer: Frame = self.rest[person].get(f"/api/v1/{path}").json()
            return answer

        def messages(id: str) -> list[Frame]:
            newest_first = get(f"conversations/{id}/messages?page_size=200")["results"]
            return list(reversed(newest_first))

        listed = {item["id"]: item for item in get("conversations?page_size=200")["results"]}
        fields = ("title", "participants", "last_message", "unread_count", "last_read_position")
        inbox = get("notifications?page_size=200")["results"]
        return {
            "unread": get("notifications/unread-count")["unread_count"],
            "notifications": without_content({item["id"]: item for item in inbox}),
            "conversations": {
                id: {**{name: item[name] for name in fields}, "messages": messages(id)}
                for id, item in listed.items()
            },
            "left": {
                id: sorted(message["id"] for message in messages(id))
                for id in self.clients[person].talks.keys() - listed.keys()
            },
            "presence": by_status(
                {
                    item["user_id"]: item
                    for item in get("presence?user_ids=" + ",".join(self.ids))["users"]
                }
            ),
            "posts": {item["id"]: item for item in get("posts?page_size=200")["results"]},
        }

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.all_come(("handshake", "polls", "hello", "polls"))
                self.look()
        finally:
            for client in self.clients:
                self.run(client.go())
            self._runner.close()
            Post.objects.all().delete()
            log.prune(timedelta(0))


def differences(shown: Any, expected: Any, where: str) -> Iterator[str]:
    """Where a client shows anything else than REST, in words."""
    if isinstance(shown, dict) and isinstance(expected, dict):
        for name in sorted(shown.keys() | expected.keys()):
            one, other = shown.get(name, "nothing"), expected.get(name, "nothing")
            yield from differences(one, other, f"{where} {name}")
    elif isinstance(shown, list) and isinstance(expected, list) and len(shown) == len(expected):
        for number, (one, other) in enumerate(zip(shown, expected, strict=True)):
            yield from differences(one, other, f"{where} [{number}]")
    elif shown != expected:
        yield f"{where}: the client shows {shown}, REST returns {expected}"


def newest(keys: list[int], number: int) -> int | None:
    """One of the keys, counted from the end."""
    return keys[-1 - number % len(keys)] if keys else None


def without_content(inbox: dict[str, Frame]) -> dict[str, Frame]:
    """A conversation's one notification follows what is said there, told at most once in 5 s."""
    content = {"message", "extra", "actor_id", "actor_name"}
    return {
        id: {
            name: value
            for name, value in item.items()
            if item["type"] != "message" or name not in content
        }
        for id, item in inbox.items()
    }


def by_status(shown: dict[str, Frame]) -> dict[str, Frame]:
    """When somebody was last seen is told when they have gone."""
    return {
        id: item if item["status"] == "offline" else {"status": item["status"]}
        for id, item in shown.items()
    }


@pytest.mark.options(
    PRESENCE_GRACE=0.2, POLL_LEASE=2, FRAMES_PER_SECOND=100_000, SENDS_PER_SECOND=100_000
)
def test_what_clients_build_is_what_rest_returns(server: Address) -> None:
    class Here(Life):
        address = server

    run_state_machine_as_test(Here, settings=PROFILE)
