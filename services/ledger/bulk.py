"""Many rows in one statement: binary arrays through `unnest`, whatever the size of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection, sql

_VIA_TEXT = {"uuid": "uuid", "jsonb": "jsonb"}
"""Types that travel as text, which Python already has, and are cast by the server."""


class Bulk:
    """An INSERT of many rows. `columns` maps names to Postgres types; `tail` is ON CONFLICT ... RETURNING ..."""

    def __init__(self, table: LiteralString, columns: Mapping[LiteralString, LiteralString], tail: LiteralString = "",
                 order: LiteralString = "") -> None:  # fmt: skip
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        values = sql.SQL(", ").join(_value(name, kind) for name, kind in columns.items())
        arrays = sql.SQL(", ").join(_array(kind) for kind in columns.values())
        self._query = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS row({}) {} {}").format(
            sql.Identifier(table), names, values, arrays, names, sql.SQL(order), sql.SQL(tail)
        )

    async def run(self, conn: AsyncConnection[Any], rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Insert the rows, none without any; what RETURNING gives."""
        if not rows:
            return []
        cursor = await conn.execute(self._query, [list(column) for column in zip(*rows, strict=True)])
        return await cursor.fetchall() if cursor.description else []


def _value(name: LiteralString, kind: LiteralString) -> sql.Composable:
    cast = _VIA_TEXT.get(kind) or (kind if kind.endswith("[]") else "")
    return sql.SQL("{}{}").format(sql.Identifier(name), sql.SQL(f"::{cast}" if cast else ""))


def _array(kind: LiteralString) -> sql.Composable:
    carried = "text" if kind in _VIA_TEXT or kind.endswith("[]") else kind
    return sql.SQL(f"%b::{carried}[]")


def array_literal(items: Sequence[str]) -> str:
    """A Postgres array of simple words (ids, flags) as text; for columns that are arrays themselves."""
    return "{" + ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items) + "}"
