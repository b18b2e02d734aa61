"""Operations for migrations of databases that are in use; see docs/upgrading.md."""

from __future__ import annotations

from typing import Any

from django.db import NotSupportedError, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState


class AddIndexConcurrently(migrations.AddIndex):
    """`AddIndex` during which others go on writing, on PostgreSQL; elsewhere the same as that.

    In a migration of its own with `atomic = False`. One that has failed half-way may be
    run again. (Django's operation of this name needs psycopg to be imported, and refuses
    other databases.)
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        elif editor := self._editor(app_label, schema_editor, to_state):
            # What a build has left that was broken off is there, and not valid.
            name = editor.quote_name(self.index.name)
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            model = to_state.apps.get_model(app_label, self.model_name)
            editor.add_index(model, self.index, concurrently=True)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        elif editor := self._editor(app_label, schema_editor, from_state):
            model = from_state.apps.get_model(app_label, self.model_name)
            editor.remove_index(model, self.index, concurrently=True)

    def _editor(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState
    ) -> Any:
        """PostgreSQL's schema editor; None: the model's table is not in this database.

        Raises:
            NotSupportedError: in a transaction there is no building of indexes beside others.
        """
        model = state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return None
        if schema_editor.connection.in_atomic_block:
            raise NotSupportedError(f"Set atomic = False in the migration that adds {self.index}")
        return schema_editor
