"""The timer of a person: when the passing of time alone changes the alerts next. At most one that waits.

Written in the transaction that changed the person, read and fired under the person's lock, so that a timer never speaks
of a state that is not stored. The row keeps its id: setting it again replaces what waited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.identity import stable_id

OVERDUE = "overdue"
_WAITING: LiteralString = """
SELECT patient_id, due_at FROM timer WHERE id = ANY(%s::text[]::uuid[]) AND fired_at IS NULL
"""
_SET: LiteralString = """
INSERT INTO timer (id, kind, patient_id, due_at)
SELECT id::uuid, %s, patient_id, due_at FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[])
    AS row(id, patient_id, due_at) ORDER BY id
ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, fired_at = NULL
"""
_DROP: LiteralString = "DELETE FROM timer WHERE id = ANY(%s::text[]::uuid[]) AND fired_at IS NULL"
_DUE: LiteralString = """
SELECT patient_id, due_at FROM timer WHERE kind = %s AND fired_at IS NULL AND due_at <= %s AND patient_id <> ALL(%s)
ORDER BY due_at, patient_id LIMIT %s
"""
_OLDEST: LiteralString = "SELECT min(due_at) FROM timer WHERE kind = %s AND fired_at IS NULL AND due_at <= %s"
_TAKE: LiteralString = """
UPDATE timer SET fired_at = clock_timestamp() WHERE id = %s AND fired_at IS NULL AND due_at <= %s RETURNING due_at
"""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A timer that was due when it was looked for."""

    patient: int
    due_at: datetime


def identity(root: int) -> str:
    """The id of a person's timer."""
    return stable_id("timer", OVERDUE, str(root))


async def waiting(conn: AsyncConnection[Any], roots: Iterable[int]) -> dict[int, datetime]:
    """When the timers of these roots fire."""
    return dict(await (await conn.execute(_WAITING, ([identity(root) for root in roots],))).fetchall())


async def write(conn: AsyncConnection[Any], wanted: Mapping[int, datetime | None]) -> None:
    """Set the timer of each root, or take it away (None); inside the transaction that holds their locks."""
    times = [(identity(root), root, due) for root, due in wanted.items() if due is not None]
    if times:
        await conn.execute(_SET, (OVERDUE, *(list(column) for column in zip(*times, strict=True))))
    gone = [identity(root) for root, due in wanted.items() if due is None]
    if gone:
        await conn.execute(_DROP, (gone,))


async def due(conn: AsyncConnection[Any], until: datetime, without: Iterable[int], most: int) -> list[Due]:
    """At most so many timers due up to `until`, the oldest first, without a lock: whoever fires one looks again."""
    rows = await (await conn.execute(_DUE, (OVERDUE, until, sorted(without), most))).fetchall()
    return [Due(patient=patient, due_at=at) for patient, at in rows]


async def oldest(conn: AsyncConnection[Any], until: datetime) -> datetime | None:
    """When the one that waits longest was due, of those due up to `until`."""
    row = await (await conn.execute(_OLDEST, (OVERDUE, until))).fetchone()
    return row[0] if row else None


async def take(conn: AsyncConnection[Any], root: int, until: datetime) -> datetime | None:
    """Mark a root's timer as fired; when it was due. None when another was faster or it was set to a later time."""
    row = await (await conn.execute(_TAKE, (identity(root), until))).fetchone()
    return None if row is None else row[0]
