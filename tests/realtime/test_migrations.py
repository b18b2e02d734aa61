"""Migrations of tables that are in use: what docs/upgrading.md promises of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import NotSupportedError, connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from realtime.migrating import AddIndexConcurrently
from realtime.models import Event

OURS = {"realtime", "notifications", "presence", "messaging"}
# With the first release their tables are new to everybody.
FIRST_RELEASE = {
    ("realtime", "0002_erasure"),
    ("notifications", "0002_coalesced"),
    ("notifications", "0003_texts_mutes_reminders"),
    ("messaging", "0002_deletion"),
}
# What the version before does not notice while it still runs.
HARMLESS = (
    migrations.CreateModel,
    migrations.AddField,
    AddIndexConcurrently,
    migrations.RunPython,
    migrations.RunSQL,
    migrations.AlterModelOptions,
)


def ours() -> Iterator[migrations.Migration]:
    loader = MigrationLoader(None)
    for (app, _), migration in sorted(loader.disk_migrations.items()):
        if app in OURS:
            yield migration


def changes(migration: migrations.Migration) -> Iterator[Operation]:
    """The operations that change tables which were there before."""
    new = {
        operation.name_lower
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    for operation in migration.operations:
        if getattr(operation, "model_name", "").lower() not in new:
            yield operation


def test_all_migrations_can_be_taken_back() -> None:
    assert [
        (str(migration), operation.describe())
        for migration in ours()
        for operation in migration.operations
        if not operation.reversible
    ] == []


def test_the_version_before_can_write_while_the_new_one_comes() -> None:
    for migration in ours():
        for operation in changes(migration):
            if isinstance(operation, migrations.AddField):
                field = operation.field
                assert field.null or field.has_db_default(), (str(migration), operation.name)


def test_new_migrations_hold_up_nobody() -> None:
    for migration in ours():
        if not migration.initial and (migration.app_label, migration.name) not in FIRST_RELEASE:
            for operation in changes(migration):
                assert isinstance(operation, HARMLESS), (str(migration), operation.describe())


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, Event._meta.db_table))


@pytest.mark.django_db(transaction=True)
def test_an_index_is_added_beside_the_site_s_work_and_taken_out_again() -> None:
    index = models.Index(fields=["type"], name="realtime_event_trial")
    operation = AddIndexConcurrently("event", index)
    before = MigrationLoader(connection).project_state()
    after: ProjectState = before.clone()
    operation.state_forwards("realtime", after)
    for _ in range(2 if connection.vendor == "postgresql" else 1):  # again, after a failure
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("realtime", editor, before, after)
    assert index.name in indexes()
    with connection.schema_editor(atomic=False) as editor:
        operation.database_backwards("realtime", editor, after, before)
    assert index.name not in indexes()
    if connection.vendor == "postgresql":
        with pytest.raises(NotSupportedError), connection.schema_editor(atomic=True) as editor:
            operation.database_forwards("realtime", editor, before, after)
