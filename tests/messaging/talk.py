"""What tests of messaging say, and what they look at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.db import connections

from messaging import services
from messaging.events import MessagePayload
from realtime import log, relay
from realtime.errors import RealtimeError
from realtime.users import user_id
from tests.clients import in_thread, settled
from tests.servers import Address

EVENTS = 1000


def pair(one: Any, other: Any) -> int:
    """The key of the conversation of these two."""
    conversation, _ = services.create_conversation(user_id(one), [user_id(other)])
    return conversation.pk


def group(creator: Any, *others: Any, title: str = "") -> int:
    """The key of a new group, or of the conversation of two."""
    ids = [user_id(other) for other in others]
    conversation, _ = services.create_conversation(user_id(creator), ids, title)
    return conversation.pk


async def talk_of(server: Address, *people: Any) -> int:
    """The key of a conversation of these people, of whose beginning they have been told."""
    conversation = await in_thread(group, *people)
    await settled(server, people[0])
    return conversation


def say(user: Any, conversation: int, content: str, **client: Any) -> MessagePayload:
    """Have somebody say something."""
    return services.send_message(user_id(user), conversation, content, **client)


def pk_of(message: MessagePayload) -> int:
    """A message's key."""
    return int(message.id.removeprefix("msg_"))


def unread(user: Any, conversation: int) -> int:
    """How many messages of the conversation the user has not read."""
    return services.unread_counts(user_id(user))[conversation]


def events(user: Any, *types: str) -> list[tuple[str, dict[str, Any]]]:
    """The user's events in the log, of these types or all: type and payload."""
    relay.drain()
    upto = log.read_head().sequence
    found = log.read_for(user_id(user), after=0, upto=upto, topics=(), limit=EVENTS)
    return [
        (event.type, msgspec.json.decode(event.payload))
        for event in found
        if not types or event.type in types
    ]


def heard(user: Any) -> list[str]:
    """The contents of the messages that reached the user, in the order of the log."""
    return [payload["content"] for _, payload in events(user, "message")]


def refusal(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The code of the error that the call ends in."""
    with pytest.raises(RealtimeError) as refused:
        call(*args, **kwargs)
    return refused.value.code.value


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """The results of the jobs, each in a thread of its own, begun together."""
    ready = threading.Barrier(len(jobs))
    results: list[Any] = [None] * len(jobs)

    def run(number: int) -> None:
        try:
            ready.wait(15)
            results[number] = jobs[number]()
        except BaseException as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
