"""Whom a broadcast tells: users by lookups of the database, or by their keys."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import EmptyResultSet, FieldError, ValidationError
from django.db.models import QuerySet

from realtime.users import parse_user_id

KEYS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """Some users of an audience.

    Attributes:
        keys: those who are to be told.
        position: how far this goes, to ask for the next.
        last: nobody comes after them.
    """

    keys: list[Any]
    position: str
    last: bool


@dataclass(frozen=True)
class Audience:
    """The active users that lookups find, or those of a list.

    Attributes:
        description: for people, as `all active users`.
        lookups: Django's, with their values as text; all have to hold.
        keys: the users' keys as text, in place of lookups; None: no list.
    """

    description: str
    lookups: list[tuple[str, str]] = field(default_factory=list)
    keys: list[str] | None = None

    @classmethod
    def of(cls, description: str, keys: Iterable[object]) -> Audience:
        """These users."""
        return cls(description, keys=[str(key) for key in keys])

    @cached_property
    def users(self) -> QuerySet[Any]:
        """The active users that the lookups find, by their keys.

        Raises:
            ValueError: a lookup makes no sense; says which.
        """
        found = get_user_model()._default_manager.filter(is_active=True)
        for lookup, value in self.lookups:
            found = _narrowed(found, lookup, value)
            _compile(found, lookup, value)
        # A lookup across relations may find a user more than once.
        return (found.distinct() if self.lookups else found).order_by("pk")

    @cached_property
    def _ordered(self) -> list[Any]:
        return sorted(parse_user_id(key) for key in self.keys or ())

    def count(self, position: str = "") -> int:
        """How many there are now, after `position`."""
        last = parse_user_id(position) if position else None
        if self.keys is None:
            return self._found_after(last).values("pk").count()
        rest = self._listed_after(last)
        return sum(
            self._active(rest[start : start + KEYS_AT_ONCE]).count()
            for start in range(0, len(rest), KEYS_AT_ONCE)
        )

    def after(self, position: str, size: int) -> Batch:
        """The next of them, by their keys.

        Args:
            position: that of the batch before; empty for the first.
            size: the most users that a batch may have.
        """
        last = parse_user_id(position) if position else None
        if self.keys is not None:
            batch = _batch(self._listed_after(last)[: size + 1], position, size)
            active = set(self._active(batch.keys).values_list("pk", flat=True))
            return replace(batch, keys=[key for key in batch.keys if key in active])
        keys = self._found_after(last).values_list("pk", flat=True)
        return _batch(list(keys[: size + 1]), position, size)

    def _found_after(self, last: Any) -> QuerySet[Any]:
        return self.users if last is None else self.users.filter(pk__gt=last)

    def _listed_after(self, last: Any) -> list[Any]:
        return [key for key in self._ordered if last is None or key > last]

    def _active(self, keys: Sequence[Any]) -> QuerySet[Any]:
        return get_user_model()._default_manager.filter(is_active=True, pk__in=keys)


def _batch(keys: list[Any], position: str, size: int) -> Batch:
    """The first `size` of these keys."""
    last = len(keys) <= size
    keys = keys[:size]
    return Batch(keys, str(keys[-1]) if keys else position, last)


def _narrowed(users: QuerySet[Any], lookup: str, text: str) -> QuerySet[Any]:
    """Those of `users` for whom the lookup holds.

    Raises:
        ValueError: there is no such field or lookup, or the value does not fit.
    """
    try:
        with warnings.catch_warnings():
            # A date without a zone is one of the site's, as the help says.
            warnings.filterwarnings("ignore", "DateTimeField .* naive", RuntimeWarning)
            try:
                return users.filter(**{lookup: _value(lookup, text)})
            except ValidationError:
                if text not in {"true", "false"}:
                    raise
                return users.filter(**{lookup: text.capitalize()})  # as Python has it
    except FieldError as error:
        raise ValueError(f"{lookup}={text}: {error}") from None
    except (ValidationError, ValueError, TypeError) as error:
        told = error.messages[0] if isinstance(error, ValidationError) else str(error)
        raise ValueError(f"{lookup}={text}: {told}") from None


def _compile(users: QuerySet[Any], lookup: str, text: str) -> None:
    """Much that does not fit is noticed by the database's compiler only.

    Raises:
        ValueError: the value does not fit.
    """
    try:
        users.query.get_compiler(using=users.db).as_sql()
    except EmptyResultSet:
        pass
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise ValueError(f"{lookup}={text}: this value does not fit ({error})") from None


def _value(lookup: str, text: str) -> Any:
    name = lookup.rpartition("__")[2]
    if name == "isnull":
        if text.lower() not in {"true", "false"}:
            raise ValueError("isnull takes true or false")
        return text.lower() == "true"
    if name in {"in", "range"}:
        values = text.split(",")
        if name == "range" and len(values) != 2:
            raise ValueError("range takes two values with a comma between them")
        return values
    return text
