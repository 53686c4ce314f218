"""Rows of the database as checked records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from psycopg import AsyncCursor

T = TypeVar("T", bound=msgspec.Struct)


def record_row(kind: type[T]) -> Callable[[AsyncCursor[Any]], Callable[[Sequence[Any]], T]]:
    """A row factory: columns by name, text to enum; msgspec.ValidationError when the schema is another."""

    def factory(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], T]:
        names = [column.name for column in cursor.description or ()]
        return lambda values: msgspec.convert(dict(zip(names, values, strict=True)), kind)

    return factory
