"""Questions to the data steward about results that are stored (`services.ledger.querying`): listed, and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from services.ledger.stewarding import NotNow

_LIST: LiteralString = """
SELECT o.key, split_part(o.key, ':', 1) AS topic, o.severity, o.detail, o.count, o.opened_at, o.last_at,
    p.public_id AS patient
FROM operations_alert AS o LEFT JOIN patient AS p ON p.id = o.patient_id
WHERE o.kind = 'data_steward' AND o.closed_at IS NULL ORDER BY o.severity <> 'HIGH', o.last_at DESC, o.key LIMIT 200
"""
_ANSWER: LiteralString = """
UPDATE operations_alert SET closed_at = clock_timestamp()
WHERE key = %s AND kind = 'data_steward' AND closed_at IS NULL RETURNING patient_id
"""
_AUDIT: LiteralString = "INSERT INTO audit (who, action, patient_id, detail) VALUES (%s, 'question_answered', %s, %s)"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One open question, of a laboratory and analyte as a rule, with how often it came up."""

    key: str
    topic: str
    """`slot_conflict`, `silent_correction`, `expect_right_patient`, ..."""
    severity: str
    detail: str
    count: int
    opened_at: datetime
    last_at: datetime
    patient: str | None
    """Opaque id of whom it came up with last."""


async def listed(conn: AsyncConnection[Any]) -> list[Question]:
    """The open ones, urgent first, then the newest; 200 at most."""
    cursor = await conn.execute(_LIST)
    names = [column.name for column in cursor.description or ()]
    return [Question(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


async def answered(conn: AsyncConnection[Any], key: str, who: str, note: str) -> None:
    """A person has an answer, which is written down. The same again opens it anew. NotNow: none, or none open."""
    if not note:
        raise NotNow("an answer has a text")
    row = await (await conn.execute(_ANSWER, (key,))).fetchone()
    if row is None:
        raise NotNow("this question is not open any more")
    await conn.execute(_AUDIT, (who, row[0], f"{key}: {note}"))
