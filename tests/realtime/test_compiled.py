"""Queries that are built once give what the queryset would, whatever they are asked with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet

from realtime import protocol
from realtime.bulk import LEAST_COPIED, insert_many, insert_missing
from realtime.compiled import Compiled, CompiledUpdate
from realtime.log import database_alias
from realtime.models import Event, Node, OutboxEvent, Session, TokenRevocation
from realtime.users import users_by_key

pytestmark = pytest.mark.django_db


def outbox_event(number: int) -> OutboxEvent:
    return OutboxEvent(
        event_id=uuid4(),
        type="noted",
        channel=f"channel-{number}",
        recipients="[]",
        payload="{}",
        created_at=protocol.now() + timedelta(seconds=number),
    )


def write(count: int) -> list[OutboxEvent]:
    rows = [outbox_event(number) for number in range(count)]
    insert_many(rows, using=database_alias())
    return rows


@pytest.mark.parametrize("count", [1, 2, LEAST_COPIED - 1, LEAST_COPIED, 3 * LEAST_COPIED])
def test_rows_are_stored_in_order_with_their_keys_and_all_their_values(count: int) -> None:
    rows = write(count)
    names = [field.attname for field in OutboxEvent._meta.concrete_fields]
    stored = list(OutboxEvent.objects.order_by("pk"))
    assert [row.pk for row in rows] == [row.pk for row in stored]
    for row, found in zip(rows, stored, strict=True):
        assert {n: getattr(row, n) for n in names} == {n: getattr(found, n) for n in names}


@pytest.mark.parametrize("count", [1, LEAST_COPIED])
def test_rows_keep_the_keys_they_have_and_get_what_only_the_database_knows(
    alice: Any, count: int
) -> None:
    node = Node.objects.create(name="here")
    rows = [Session(id=uuid4(), user=alice, slot=slot, node=node) for slot in range(count)]
    insert_many(rows, using=database_alias())
    stored = Session.objects.order_by("slot")
    assert [row.pk for row in stored] == [row.pk for row in rows]
    assert all(row.connected_at >= node.started_at for row in stored)


@pytest.mark.parametrize("count", [1, LEAST_COPIED])
def test_of_rows_that_conflict_none_is_inserted(alice: Any, count: int) -> None:
    node = Node.objects.create(name="here")
    Session.objects.create(user=alice, slot=count - 1, node=node)
    rows = [Session(id=uuid4(), user=alice, slot=slot, node=node) for slot in range(count)]
    with pytest.raises(IntegrityError), transaction.atomic(using=database_alias()):
        insert_many(rows, using=database_alias())
    assert Session.objects.count() == 1


def test_only_rows_that_are_missing_are_inserted(alice: Any, bob: Any, carol: Any) -> None:
    earlier, now = protocol.now() - timedelta(days=1), protocol.now()
    TokenRevocation.objects.create(user=bob, revoked_at=earlier)
    rows = [TokenRevocation(user=user, revoked_at=now) for user in (alice, bob, carol)]
    insert_missing(rows, using=database_alias())
    insert_missing([], using=database_alias())
    found = dict(TokenRevocation.objects.values_list("user_id", "revoked_at"))
    assert found == {alice.pk: now, bob.pk: earlier, carol.pk: now}


def test_a_query_is_built_once_for_each_form_of_its_arguments() -> None:
    built = []

    def build(channels: Any, limit: int) -> QuerySet[Any, Any]:
        built.append(limit)
        found = OutboxEvent.objects.filter(channel__in=channels).order_by("-pk")
        return found.values_list("event_id", "created_at")[:limit]

    query = Compiled(build, literal={"limit"})
    rows = write(8)
    for wanted in ([0], [3], [1, 2], [0, 1, 2], [5, 6, 7], [0, 1, 2, 3], list(range(8))):
        for limit in (2, 10):
            expected = [(rows[n].event_id, rows[n].created_at) for n in sorted(wanted)[::-1]]
            channels = [f"channel-{number}" for number in wanted]
            assert query.rows(database_alias(), channels=channels, limit=limit) == expected[:limit]
    # Lists of 1, 2, 3 or 4, and 8, each with two limits; PostgreSQL gets arrays of any length.
    forms = 1 if connection.vendor == "postgresql" else 4
    assert len(built) == forms * 2


def test_an_update_takes_new_values_and_expressions() -> None:
    first, second, third = write(3)
    query = CompiledUpdate(
        lambda pks: OutboxEvent.objects.filter(pk__in=pks),
        values={"type": "new", "created_at": "then", "payload": F("channel")},
        fields={"then": OutboxEvent._meta.get_field("created_at")},
    )
    then = protocol.now() - timedelta(days=1)
    assert query.run(database_alias(), pks=[first.pk, third.pk], new="changed", then=then) == 2
    found = OutboxEvent.objects.order_by("pk").values_list("type", "created_at", "payload")
    assert list(found) == [
        ("changed", then, "channel-0"),
        ("noted", second.created_at, "{}"),
        ("changed", then, "channel-2"),
    ]


def test_a_user_key_is_prepared_as_the_database_stores_it(alice: Any, bob: Any) -> None:
    TokenRevocation.objects.create(user=bob, revoked_at=protocol.now())
    query = Compiled(
        lambda users: TokenRevocation.objects.filter(user__pk__in=users).values_list("user_id"),
        fields={"users": TokenRevocation._meta.get_field("user")},
    )
    assert query.rows(database_alias(), users=[alice.pk, bob.pk]) == [(bob.pk,)]


def test_users_are_whole(alice: Any, bob: Any) -> None:
    found = users_by_key({alice.pk, bob.pk})
    assert found == get_user_model()._default_manager.in_bulk([alice.pk, bob.pk])
    assert not found[alice.pk].get_deferred_fields()
    assert found[alice.pk].get_username() == alice.get_username()


def test_whoever_changes_what_came_back_changes_no_later_answer() -> None:
    query = Compiled(lambda: Event.objects.values_list("sequence"))
    query.rows(database_alias()).append((1,))
    assert query.rows(database_alias()) == []


def test_percent_signs_are_no_placeholders() -> None:
    write(1)
    query = Compiled(lambda part: OutboxEvent.objects.filter(channel=part).values_list("type"))
    assert query.rows(database_alias(), part="100 %s") == []
    assert query.rows(connection.alias, part="channel-0") == [("noted",)]
