"""What each act costs in queries, and that with much data it costs what it does with little.

On a socket and in a poll the queries run in the server's pools of threads. They
are counted there, by pool: relay and tail, which go by the clock, have another.
What manages transactions and settings does not count, databases differ in it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.test import Client

from messaging import services as messaging
from notifications.services import notify, notify_many
from realtime.database import Work
from realtime.models import Session
from realtime.users import user_id
from socialhub import services as social
from tests.clients import in_thread, open_http, open_socket, settled
from tests.messaging.talk import group, pair, say
from tests.people import make_user, token_for
from tests.presence.watching import until
from tests.servers import Address

NO_QUERY = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|PRAGMA)\b", re.IGNORECASE)
# The node's memory reaches back to no event but the last.
SHORT_MEMORY = pytest.mark.options(RING_EVENTS=1)
SIZES = (1, 50)

_numbers = count()


class Queries:
    """The queries of this process so far, each with the name of its thread."""

    def __init__(self) -> None:
        self._noted: list[tuple[str, str]] = []

    def watch(self, connection: BaseDatabaseWrapper, **kwargs: object) -> None:
        """Count on this connection, whichever thread it belongs to."""
        if self._note not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._note)

    def _note(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not NO_QUERY.match(sql):
            self._noted.append((threading.current_thread().name, sql))
        return execute(sql, *rest)

    def in_pool(self, work: Work) -> list[str]:
        """Those of one of the server's pools."""
        return [sql for thread, sql in self._noted if thread.startswith(_pool_name(work))]

    def here(self) -> list[str]:
        """Those of this thread."""
        return [sql for thread, sql in self._noted if thread == threading.current_thread().name]


def _pool_name(work: Work) -> str:
    return f"realtime-{work.name.lower()}_"


@pytest.fixture
def queries(transactional_db: None) -> Iterator[Queries]:
    """Counts on this thread's connection, and on every one that is opened from now on."""
    counting = Queries()
    connection_created.connect(counting.watch)
    with connection.execute_wrapper(counting._note):
        yield counting
    connection_created.disconnect(counting.watch)


@pytest.fixture
def counted_server(queries: Queries, server: Address) -> Address:
    """A server that was started, and connects to its database, while queries are counted."""
    return server


def people(number: int) -> list[Any]:
    """So many who were not there before."""
    return [make_user(f"friend{next(_numbers)}") for _ in range(number)]


def talks(user: Any, number: int) -> list[int]:
    """The user's new conversations with so many others, who have each said something."""
    found = []
    for friend in people(number):
        found.append(pair(friend, user))
        say(friend, found[-1], "Hello")
    return found


def circle(speaker: Any, size: int) -> int:
    """A new group of so many others, to whom the speaker has said as many things."""
    conversation = group(speaker, *people(size + 1))
    for number in range(size):
        say(speaker, conversation, str(number))
    return conversation


@transaction.atomic
def notified(user: Any, times: int) -> Any:
    """The last of so many new notifications."""
    return [notify(user, "like", "text") for _ in range(times)][-1]


def names(conversations: list[int]) -> list[str]:
    return [f"conversation:conv_{pk}" for pk in conversations]


async def quiet(server: Address, user: Any) -> int:
    """Return when all is handed out and no client is left; the position reached."""
    position = await settled(server, user)
    await until(lambda: not Session.objects.exists())
    return position


def same(costs: list[list[str]]) -> int:
    """How many queries it is each time."""
    numbers = [len(cost) for cost in costs]
    assert len(set(numbers)) == 1, "\n\n".join("\n".join(cost) for cost in costs)
    return numbers[0]


# --- connect -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "replay"),
    [("in memory", 0), pytest.param("in the log", 3, marks=SHORT_MEMORY)],
)
async def test_coming_back_with_the_handshake(
    queries: Queries, counted_server: Address, alice: Any, where: str, replay: int
) -> None:
    costs = []
    for size in SIZES:
        position = await quiet(counted_server, alice)
        conversations = await in_thread(talks, alice, size)
        await quiet(counted_server, alice)
        before = len(queries.in_pool(Work.ENTRY))
        async with open_socket(
            counted_server,
            alice,
            last_sequence=position,
            channels=",".join(["presence", "feed:updates", *names(conversations)]),
        ) as socket:
            while (frame := await socket.receive())["type"] != "connect":
                pass
            costs.append(queries.in_pool(Work.ENTRY)[before:])
        assert len(frame["payload"]["channels"]) == size + 3
    # The token's user; the user's slots, and one taken; which conversations; then the state:
    # notifications, presence, the feed, which conversations, those, their participants.
    assert same(costs) == 10 + replay


async def test_connect_and_subscribe_on_an_open_socket(
    queries: Queries, counted_server: Address, alice: Any
) -> None:
    hello, joining = [], []
    for size in SIZES:
        conversations = await in_thread(talks, alice, size + 1)
        await quiet(counted_server, alice)
        async with open_socket(counted_server, alice) as socket:
            await socket.silence()
            before = len(queries.in_pool(Work.ENTRY))
            await socket.ask("subscribe", {"channel": names(conversations)[0]})
            joining.append(queries.in_pool(Work.ENTRY)[before:])
            before += len(joining[-1])
            answer = await socket.ask("connect", {"channels": names(conversations)})
            hello.append(queries.in_pool(Work.ENTRY)[before:])
        assert len(answer["payload"]["channels"]) == size + 2
    # Which conversations, twice: to join, and for the state; those, their participants;
    # in the hello's answer the unread count, too.
    assert same(joining) == 4
    assert same(hello) == 5


async def test_several_people_s_presence_in_one_hello(
    queries: Queries, counted_server: Address, alice: Any
) -> None:
    costs = []
    for size in SIZES:
        channels = [f"presence:{user_id(one)}" for one in await in_thread(people, size)]
        await quiet(counted_server, alice)
        async with open_socket(counted_server, alice) as socket:
            await socket.silence()
            before = len(queries.in_pool(Work.ENTRY))
            answer = await socket.ask("connect", {"channels": channels})
            costs.append(queries.in_pool(Work.ENTRY)[before:])
        assert len(answer["payload"]["channels"]) == size + 1
    assert same(costs) == 7  # who exists and their presence, for each look; the unread count


# --- commands ------------------------------------------------------------------------------


async def test_a_message(queries: Queries, counted_server: Address, alice: Any) -> None:
    costs = []
    async with open_socket(counted_server, alice) as socket:
        for size in SIZES:
            conversation = await in_thread(circle, alice, size)
            before = len(queries.in_pool(Work.COMMANDS))
            answer = await socket.ask(
                "message", {"content": "Hello", "conversation_id": f"conv_{conversation}"}
            )
            costs.append(queries.in_pool(Work.COMMANDS)[before:])
            assert answer["payload"]["data"]["position"] == size + 1
    # The conversation's lock, who is in it, the sender; inboxes; message, conversation, event;
    # for the notification: mutes, its rows.
    assert same(costs) == 9


async def test_a_read_receipt(
    queries: Queries, counted_server: Address, alice: Any, bob: Any
) -> None:
    costs = []
    async with open_socket(counted_server, bob) as socket:
        for size in SIZES:
            conversation = await in_thread(group, alice, bob, *await in_thread(people, size))
            said = [await in_thread(say, alice, conversation, "Hello") for _ in range(size)]
            await in_thread(notify_many, [bob] * size, "news", "text")
            before = len(queries.in_pool(Work.COMMANDS))
            answer = await socket.ask(
                "read_receipt",
                {
                    "conversation_id": f"conv_{conversation}",
                    "message_ids": [message.id for message in said],
                },
            )
            costs.append(queries.in_pool(Work.COMMANDS)[before:])
            assert len(answer["payload"]["data"]["message_ids"]) == size
    # The lock, one's stay, what may be seen, the messages, receipts there are, receipts, one's
    # stay, who is concerned, the event; for the notification: whether there is one, inboxes
    # twice, its row, it and the inbox brought up to date, the event.
    assert same(costs) == 16


# The inbox's lock, made first where it is missing; what is read, the inbox, the event.
@pytest.mark.parametrize(
    ("command", "cost"), [("notification_read", 6), ("notification_read_all", 5)]
)
async def test_reading_notifications(
    queries: Queries, counted_server: Address, alice: Any, command: str, cost: int
) -> None:
    costs = []
    async with open_socket(counted_server, alice) as socket:
        for size in (1, 500):
            newest = await in_thread(notified, alice, size)
            before = len(queries.in_pool(Work.COMMANDS))
            await socket.ask(command, {"notification_id": f"notif_{newest.pk}"})
            costs.append(queries.in_pool(Work.COMMANDS)[before:])
    assert same(costs) == cost


# --- polls -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "cursor"), [("poll", "last_poll_id"), ("poll/missed", "last_sequence")]
)
@pytest.mark.parametrize(
    ("where", "reading"),
    [("in memory", 0), pytest.param("in the log", 2, marks=SHORT_MEMORY)],
)
async def test_a_poll(
    queries: Queries,
    counted_server: Address,
    alice: Any,
    path: str,
    cursor: str,
    where: str,
    reading: int,
) -> None:
    costs = []
    async with open_http(counted_server, alice) as http:
        for size in SIZES:
            position = await quiet(counted_server, alice)
            await in_thread(notified, alice, size + 1)
            await quiet(counted_server, alice)
            parameters: dict[str, Any] = {"user_id": user_id(alice), cursor: position}
            before = len(queries.in_pool(Work.ENTRY))
            answer = (await http.get(f"/api/v1/realtime/{path}", params=parameters)).json()
            costs.append(queries.in_pool(Work.ENTRY)[before:])
            assert len(answer["events" if path == "poll" else "messages"]) == size + 1
    assert same(costs) == 1 + reading  # the token's user


async def test_a_poll_that_names_many_channels(
    queries: Queries, counted_server: Address, alice: Any
) -> None:
    costs = []
    async with open_http(counted_server, alice) as http:
        for size in SIZES:
            conversations = await in_thread(talks, alice, size)
            parameters: dict[str, Any] = {
                "user_id": user_id(alice),
                "last_poll_id": await quiet(counted_server, alice),
                "channels": ",".join(names(conversations)),
            }
            before = len(queries.in_pool(Work.ENTRY))
            answer = (await http.get("/api/v1/realtime/poll", params=parameters)).json()
            costs.append(queries.in_pool(Work.ENTRY)[before:])
            assert len(answer["channels"]) == size
    assert same(costs) == 5


# --- lists -------------------------------------------------------------------------------------


def some_notifications(alice: Any, bob: Any, number: int) -> str:
    for _ in range(number):
        notify(alice, "like", "text", actor=bob)
    return "notifications"


def some_unread(alice: Any, bob: Any, number: int) -> str:
    return some_notifications(alice, bob, number) + "?unread=true"


def some_conversations(alice: Any, bob: Any, number: int) -> str:
    talks(alice, number)
    return "conversations"


def some_messages(alice: Any, bob: Any, number: int) -> str:
    conversation = pair(alice, bob)
    for speaker in (alice, bob) * number:
        say(speaker, conversation, "text")
    messaging.mark_read(user_id(alice), conversation)
    return f"conversations/conv_{conversation}/messages"


def some_participants(alice: Any, bob: Any, number: int) -> str:
    return f"conversations/conv_{group(alice, bob, *people(number))}/participants"


def some_presence(alice: Any, bob: Any, number: int) -> str:
    return "presence?user_ids=" + ",".join(map(user_id, people(number)))


def some_posts(alice: Any, bob: Any, number: int) -> str:
    for author in (alice, bob) * number:
        post = social.create_post(author, "text").pk
        social.like(alice, post)
        social.comment(bob, post, "text")
    return "posts"


def some_comments(alice: Any, bob: Any, number: int) -> str:
    post = social.create_post(alice, "text").pk
    for author in (alice, bob) * number:
        social.comment(author, post, "text")
    return f"posts/post_{post}/comments"


@pytest.mark.parametrize(
    ("fill", "cost"),
    [
        (some_notifications, 2),  # the token's user, the page
        (some_unread, 2),
        (some_conversations, 5),  # the page with its counts, mutes, last messages, participants
        (some_messages, 3),  # the stays, the page
        (some_participants, 3),  # one's own stay, all
        (some_presence, 3),  # who exists, their presence
        (some_posts, 2),
        (some_comments, 3),  # the post, the page
    ],
)
def test_a_list(
    queries: Queries, alice: Any, bob: Any, fill: Callable[[Any, Any, int], str], cost: int
) -> None:
    costs = []
    client = Client(headers={"Authorization": f"Bearer {token_for(alice)}"})
    for number in SIZES:
        path = fill(alice, bob, number)
        before = len(queries.here())
        response = client.get(f"/api/v1/{path}")
        costs.append(queries.here()[before:])
        assert response.status_code == 200
    assert same(costs) == cost
