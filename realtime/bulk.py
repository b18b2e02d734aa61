"""Writing many rows, by the database's own way in where there are many.

What Django's `bulk_create` and `bulk_update` do, in a fraction of their processor time: the
statement is put together once for each model, and on PostgreSQL many new rows go by COPY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connections, models

# From so many rows on COPY is worth its start.
LEAST_COPIED = 20


def insert_many(rows: list[Any], *, using: str, with_keys: bool = True) -> None:
    """Insert new rows of one model, in this order; no signals are sent.

    Columns with a value of the database's own, as `db_default=Now()`, get that.

    Args:
        with_keys: whether the rows are to get the keys that the database gives them.
            Those that have their keys keep them.

    Raises:
        django.db.Error: the transaction around the call has to be rolled back: some of
            them may be in it.
    """
    if not rows:
        return
    with_keys = with_keys and type(rows[0])._meta.auto_field is not None
    if len(rows) < LEAST_COPIED:
        _insert(rows, using, with_keys)
    elif connections[using].vendor == "postgresql":
        _copy(rows, using, with_keys)
    elif with_keys:
        type(rows[0])._default_manager.using(using).bulk_create(rows)
    else:
        _insert_each(rows, using)


def insert_missing(rows: list[Any], *, using: str) -> None:
    """Insert those of these rows whose key is not there yet, in this order; no signals are sent.

    The model's key is not given by the database.
    """
    if not rows:
        return
    conflicts = " ON CONFLICT DO NOTHING"
    if connections[using].vendor == "sqlite":
        _insert_each(rows, using, conflicts)
        return
    model: type[models.Model] = type(rows[0])
    statement = _statement(model, using, len(rows), with_keys=False)
    with connections[using].cursor() as cursor:
        cursor.execute(statement + conflicts, _parameters(rows, using))


def _insert_each(rows: list[Any], using: str, conflicts: str = "") -> None:
    """By a statement for one row, which SQLite repeats."""
    model: type[models.Model] = type(rows[0])
    statement = _statement(model, using, 1, with_keys=False)
    with connections[using].cursor() as cursor:
        cursor.executemany(statement + conflicts, list(_values(rows, using)))


def _insert(rows: list[Any], using: str, with_keys: bool) -> None:
    model: type[models.Model] = type(rows[0])
    with connections[using].cursor() as cursor:
        cursor.execute(_statement(model, using, len(rows), with_keys), _parameters(rows, using))
        if with_keys:
            for row, (key,) in zip(rows, cursor.fetchall(), strict=True):
                row.pk = key


def _statement(model: type[models.Model], using: str, rows: int, with_keys: bool) -> str:
    beginning, row, returning = _parts(model, using)
    return f"{beginning}{', '.join([row] * rows)}{returning if with_keys else ''}"


@cache
def _parts(model: type[models.Model], using: str) -> tuple[str, str, str]:
    """What a statement is made of: where it inserts, one row, what comes back."""
    quote = connections[using].ops.quote_name
    columns = [quote(column) for column in _columns(model)]
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)}) VALUES ",
        f"({', '.join(['%s'] * len(columns))})",
        f" RETURNING {quote(_key(model))}",
    )


def update_many(
    model: type[models.Model],
    fields: tuple[str, ...],
    values: Mapping[Any, Sequence[Any]],
    *,
    using: str,
) -> None:
    """Give many rows other values, each its own, by one statement; no signals are sent.

    Args:
        fields: the names of the fields.
        values: by the rows' keys, a value for each of the fields. Keys of rows that are
            not there (any more) are passed over.
    """
    if not values:
        return
    connection = connections[using]
    columns: list[Any] = [model._meta.pk, *map(model._meta.get_field, fields)]
    rows: list[Any] = [(key, *new) for key, new in values.items()]
    parameters = [
        field.get_db_prep_save(value, connection)
        for row in rows
        for field, value in zip(columns, row, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_update(model, fields, using, len(rows)), parameters)


def _update(model: type[models.Model], fields: tuple[str, ...], using: str, rows: int) -> str:
    quote = connections[using].ops.quote_name
    table, key = quote(model._meta.db_table), quote(_key(model))
    columns: list[Any] = [model._meta.get_field(name) for name in fields]
    # Both databases name the columns of VALUES so.
    changes = ", ".join(
        f"{quote(column.column)} = given.column{at}" for at, column in enumerate(columns, start=2)
    )
    row = f"({', '.join(['%s'] * (1 + len(fields)))})"
    return (
        f"UPDATE {table} SET {changes} FROM (VALUES {', '.join([row] * rows)}) AS given "
        f"WHERE {table}.{key} = given.column1"
    )


def _copy(rows: list[Any], using: str, with_keys: bool) -> None:
    model: type[models.Model] = type(rows[0])
    quote = connections[using].ops.quote_name
    columns = _columns(model)
    keys: list[list[Any]] = [[]] * len(rows)
    if with_keys:
        _reserve_keys(rows, using)
        columns = [_key(model), *columns]
        keys = [[row.pk] for row in rows]
    names = ", ".join(map(quote, columns))
    connection = connections[using]
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN") as copy,
    ):
        for key, values in zip(keys, _values(rows, using), strict=True):
            copy.write_row((*key, *values))


def _reserve_keys(rows: list[Any], using: str) -> None:
    model, connection = type(rows[0]), connections[using]
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [table, _key(model), len(rows)],
        )
        for row, (key,) in zip(rows, sorted(cursor.fetchall()), strict=True):
            row.pk = key


def _parameters(rows: list[Any], using: str) -> list[Any]:
    return [value for values in _values(rows, using) for value in values]


def _values(rows: list[Any], using: str) -> Iterator[list[Any]]:
    """What the database is to store of each row."""
    connection = connections[using]
    model: type[models.Model] = type(rows[0])
    ways = _ways(model, connection.vendor)
    for row in rows:
        yield [
            getattr(row, name) if prepare is None else prepare(getattr(row, name), connection)
            for name, prepare in ways
        ]


@cache
def _ways(model: type[models.Model], vendor: str) -> list[tuple[str, Any]]:
    """Each field's attribute, and what makes of its value what the database stores.

    The drivers take nearly all as they are; asking each field takes longer than the rest.
    """
    return [
        (field.attname, None if _is_taken(field, vendor) else field.get_db_prep_save)
        for field in _fields(model)
    ]


def _is_taken(field: models.Field[Any, Any], vendor: str) -> bool:
    # A key field of the site's own may look different in the database.
    stored: Any = field
    while isinstance(stored, models.ForeignKey):
        stored = stored.target_field
    if not type(stored).__module__.startswith("django."):
        return False
    if vendor == "postgresql":
        return not isinstance(field, models.JSONField)
    return vendor == "sqlite" and type(field) in _PLAIN


_PLAIN = (models.CharField, models.TextField, models.BooleanField)


@cache
def _fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """All but the key that the database gives, and what only it knows."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if field is not model._meta.auto_field
        and (field.has_default() or not field.has_db_default())
    ]


def _columns(model: type[models.Model]) -> list[str]:
    return [str(field.column) for field in _fields(model)]


def _key(model: type[models.Model]) -> str:
    return str(model._meta.pk.column)
