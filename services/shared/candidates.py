"""The list of candidates: who is not enrolled, with a finding that asks for it (behaviour 3)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

_LISTED: LiteralString = """
SELECT p.id, p.public_id, p.ward, c.reason, c.collected_at, c.result_id, c.value, c.unit, c.listed_at
FROM candidate AS c JOIN patient AS p ON p.id = c.patient_id
WHERE p.unwatched = 'not_enrolled' AND NOT EXISTS (SELECT FROM patient_alias AS a WHERE a.retired_id = p.id)
ORDER BY c.listed_at DESC, p.id, c.reason LIMIT %s
"""
LISTED = 1000
"""Most lines of the list; the newest first."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of one person. Enrolment is said by context: `enrolment` with `enrolled`, or `ended` for no."""

    id: int
    """Internal; never shown."""
    patient: str
    """Opaque id."""
    ward: str
    reason: str
    """`m_protein` or `flc_ratio`."""
    collected_at: datetime
    """Of the first sample that shows it."""
    result_id: UUID
    value: Decimal | None
    """None: a word, or a bound."""
    unit: str
    listed_at: datetime


async def listed(conn: AsyncConnection[Any]) -> list[Listed]:
    """Everyone on the list, the newest first."""
    rows = await (await conn.execute(_LISTED, (LISTED,))).fetchall()
    return [
        Listed(
            id=row[0], patient=row[1], ward=row[2], reason=row[3], collected_at=row[4], result_id=row[5], value=row[6],
            unit=row[7], listed_at=row[8],
        )
        for row in rows
    ]  # fmt: skip
