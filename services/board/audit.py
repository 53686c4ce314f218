"""Who read what: a row per patient and reading, with the route's template and never the address (behaviour 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

_INSERT: LiteralString = """
INSERT INTO audit (who, action, patient_id, alert_id, route, detail)
SELECT %s, %s, p, %s, %s, %s FROM unnest(%s::bigint[]) AS p
"""


async def record(
    conn: AsyncConnection[Any], who: str, action: str, route: str, *, patients: Iterable[int | None] = (None,),
    alert: UUID | None = None, detail: str = "",
) -> None:  # fmt: skip
    """One row for each patient, or one without a patient; in the caller's transaction."""
    await conn.execute(_INSERT, (who, action, alert, route, detail, list(patients)))
