"""Queries whose SQL is built once, not each time they are made.

For a short query Django takes longer to put the SQL together than the database takes
to answer it, and the engine makes the same few queries for every event. They are
written as ordinary querysets here, too:

    _of_user = Compiled(
        lambda user, limit: Note.objects.filter(user__pk=user).values_list("pk", "text")[:limit],
        fields={"user": Note._meta.get_field("user")},
        literal={"limit"},
    )
    _of_user.rows(using, user=7, limit=100)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.db import connections, models
from django.db.models import Expression, Field, QuerySet
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

M = TypeVar("M", bound=models.Model)
Shape = tuple[Any, ...]
Converters = list[tuple[int, list[Callable[..., Any]], Any]]


def attributes(model: type[models.Model]) -> list[str]:
    """The names of the values that an instance is made of."""
    return [field.attname for field in model._meta.concrete_fields]


class _Argument(Expression):
    """Stands in a queryset for what is filled in when the query is made."""

    def __init__(self, name: str, index: int | None = None) -> None:
        super().__init__()
        # Also its identity: Django drops equal ones from a list.
        self.name, self.index = name, index

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        return "%s", [self]


class _Array(_Argument):
    """Stands for all values of a collection, where the database takes them as one."""

    MARK = "%s /* array */"

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        return self.MARK, [self]


@dataclass(frozen=True, slots=True)
class _Statement:
    sql: str
    params: tuple[Any, ...]
    converters: Converters


class Compiled:
    """A queryset of `values_list()`, as a function of its arguments.

    Args:
        build: makes the queryset from arguments of these names. It sees placeholders, so
            that it may only put them into lookups; in a lookup of a foreign key say
            `user__pk`, not `user` or `user_id`.
        fields: those fields whose values have to be prepared for the database, by the
            argument's name: of keys that may be UUIDs, of times.
        literal: arguments that become part of the SQL, as limits; `build` sees their values.
            For each different value the SQL is built anew.

    A collection as an argument is for `__in`; an empty one finds nothing. PostgreSQL gets it as
    one array: psycopg would look for each of many placeholders, every time.
    """

    def __init__(
        self,
        build: Callable[..., QuerySet[Any, Any]],
        *,
        fields: Mapping[str, Field[Any, Any]] | None = None,
        literal: Collection[str] = (),
    ) -> None:
        self._build = build
        self._fields = fields or {}
        self._literal = literal
        self._statements: dict[Shape, _Statement] = {}

    def rows(self, using: str, **arguments: Any) -> list[tuple[Any, ...]]:
        """The rows that the queryset would give, made on the database `using`.

        Raises:
            django.db.Error: as of the queryset.
        """
        if _finds_nothing(arguments):
            return []
        statement, params = self._fill_in(using, arguments)
        connection = connections[using]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, params)
            found = cursor.fetchall()
        if not statement.converters:
            return cast("list[tuple[Any, ...]]", found)
        rows = [list(row) for row in found]
        for position, converters, expression in statement.converters:
            for row in rows:
                for convert in converters:
                    row[position] = convert(row[position], expression, connection)
        return [tuple(row) for row in rows]

    def instances(self, using: str, model: type[M], **arguments: Any) -> list[M]:
        """Model instances, where the queryset's values are those of all fields.

        `build` then says `.values_list(*attributes(model))`.
        """
        names = attributes(model)
        return [model.from_db(using, names, row) for row in self.rows(using, **arguments)]

    def _fill_in(self, using: str, arguments: dict[str, Any]) -> tuple[_Statement, list[Any]]:
        connection = connections[using]
        arrays = connection.vendor == "postgresql"
        given = {name: _listed(value, padded=not arrays) for name, value in arguments.items()}
        shape = (using, *(self._form(name, value, arrays) for name, value in given.items()))
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = self._compile(using, given, arrays)
        values = {
            name: self._prepared(name, value, connection)
            for name, value in given.items()
            if name not in self._literal
        }
        return statement, [
            (values[param.name] if param.index is None else values[param.name][param.index])
            if isinstance(param, _Argument)
            else param
            for param in statement.params
        ]

    def _form(self, name: str, value: Any, arrays: bool) -> Any:
        if name in self._literal:
            return value
        return len(value) if isinstance(value, list) and not arrays else None

    def _prepared(self, name: str, value: Any, connection: Any) -> Any:
        field = self._fields.get(name)
        if field is None:
            return value
        if isinstance(value, list):
            return [field.get_db_prep_value(one, connection) for one in value]
        return field.get_db_prep_value(value, connection)

    def _compile(self, using: str, given: dict[str, Any], arrays: bool) -> _Statement:
        placeholders: dict[str, Any] = {}
        for name, value in given.items():
            if name in self._literal:
                placeholders[name] = value
            elif not isinstance(value, list):
                placeholders[name] = _Argument(name)
            elif arrays:
                placeholders[name] = [_Array(name)]
            else:
                placeholders[name] = [_Argument(name, index) for index in range(len(value))]
        compiler = self._compiler(using, placeholders)
        sql, params = compiler.as_sql()
        sql = sql.replace(f"IN ({_Array.MARK})", "= ANY(%s)")
        converters: dict[int, tuple[list[Any], Any]] = compiler.get_converters(
            [column[0] for column in compiler.select or ()]
        )
        return _Statement(sql, tuple(params), [(at, *found) for at, found in converters.items()])

    def _compiler(self, using: str, placeholders: dict[str, Any]) -> Any:
        return self._build(**placeholders).query.get_compiler(using)


class CompiledUpdate(Compiled):
    """As `Compiled`, for `QuerySet.update()`.

    Args:
        build: makes the queryset.
        values: the fields' new values, by the argument's name that holds each, or
            an expression.
    """

    def __init__(
        self,
        build: Callable[..., QuerySet[Any, Any]],
        *,
        values: Mapping[str, Any],
        fields: Mapping[str, Field[Any, Any]] | None = None,
    ) -> None:
        super().__init__(build, fields=fields)
        self._values = values

    def run(self, using: str, **arguments: Any) -> int:
        """Make the update; how many rows it found."""
        if _finds_nothing(arguments):
            return 0
        statement, params = self._fill_in(using, arguments)
        with connections[using].cursor() as cursor:
            cursor.execute(statement.sql, params)
            return int(cursor.rowcount)

    def _compiler(self, using: str, placeholders: dict[str, Any]) -> Any:
        new = {
            field: placeholders.pop(value) if isinstance(value, str) else value
            for field, value in self._values.items()
        }
        query = self._build(**placeholders).query.chain(UpdateQuery)
        query.add_update_values(new)  # type: ignore[attr-defined]
        return query.get_compiler(using)


def _finds_nothing(arguments: Mapping[str, Any]) -> bool:
    return any(_is_collection(value) and not value for value in arguments.values())


def _is_collection(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes)


def _listed(value: Any, *, padded: bool) -> Any:
    """A collection as a list; padded, its length is a power of two: there is less SQL."""
    if not _is_collection(value):
        return value
    listed = list(value)
    if not padded:
        return listed
    return listed + listed[-1:] * ((1 << (len(listed) - 1).bit_length()) - len(listed))
