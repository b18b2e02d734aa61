"""Assertions about what a block of a test publishes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from realtime.testing.events import (
    Event,
    as_event,
    end_of_log,
    events_after,
    listed,
    not_among,
    relay_committed,
)
from realtime.users import user_id


class Published:
    """What `assert_published` has found, once its block has ended."""

    event: Event

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of the event."""
        return self.event.payload


@contextmanager
def assert_published(
    user: AbstractBaseUser | None, type: str, /, **payload: Any
) -> Iterator[Published]:
    """Assert that the block publishes an event of `type` to `user`.

    Args:
        user: one of its recipients; None: a public event, as those of the feed.
        payload: values that its payload has, among others.

    Raises:
        AssertionError: it does not; the message lists what it does publish to the user.
        RuntimeError: the block is inside of an `atomic()` block of the test.
    """
    before, published = end_of_log(), Published()
    yield published
    found = _published(before, user)
    for event in found:
        if event.matches(type, payload):
            published.event = event
            return
    raise AssertionError(not_among(type, payload, found, "was published"))


@contextmanager
def assert_nothing_published(user: AbstractBaseUser) -> Iterator[None]:
    """Assert that the block publishes nothing to `user`.

    Raises:
        AssertionError: it does.
        RuntimeError: the block is inside of an `atomic()` block of the test.
    """
    before = end_of_log()
    yield
    if found := _published(before, user):
        raise AssertionError(f"Published: {listed(found)}")


def _published(after: int, user: AbstractBaseUser | None) -> list[Event]:
    relay_committed()
    return [
        as_event(event)
        for event in events_after(after)
        if not event.control
        and (event.topic if user is None else user_id(user) in event.recipients)
    ]
