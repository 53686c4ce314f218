"""Patients as people look for them: by ward, by opaque id, by the hospital's number. Root records only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection

from services.board.reading.rows import record_row
from services.board.records import PatientRow

_COLUMNS: LiteralString = """
SELECT p.id, p.public_id, p.family, p.given, p.birth_date, p.sex, p.ward, p.bed, p.place_at, p.series_version,
       p.incomplete, p.unwatched FROM patient AS p
"""
_ROOT: LiteralString = " NOT EXISTS (SELECT FROM patient_alias AS a WHERE a.retired_id = p.id) "
_WATCHED: LiteralString = " p.unwatched NOT IN ('not_enrolled', 'test_realm') AND "
"""Who is not enrolled is on no board and no list; an id or a number still finds the person. Nobody of the test realm is
found but by stewards (`of_tests`)."""
_BED: LiteralString = r"nullif(regexp_replace(p.bed, '\D', '', 'g'), '')::numeric, p.bed"
"""Bed 2 before bed 10."""
_BY_WARD: LiteralString = _COLUMNS + "WHERE p.ward = %s AND" + _WATCHED + _ROOT + "ORDER BY " + _BED + ", p.id"
_ALL: LiteralString = _COLUMNS + "WHERE" + _WATCHED + _ROOT + "ORDER BY p.ward, " + _BED + ", p.id LIMIT %s"
_TESTS: LiteralString = _COLUMNS + "WHERE p.unwatched = 'test_realm' AND" + _ROOT + "ORDER BY p.id DESC LIMIT %s"
_OF: LiteralString = """
SELECT COALESCE(a.root_id, n.id) FROM patient AS n LEFT JOIN patient_alias AS a ON a.retired_id = n.id WHERE
"""
_BY_PUBLIC: LiteralString = _COLUMNS + " WHERE p.id = (" + _OF + "n.public_id = %s)"
_BY_PUBLIC_IDS: LiteralString = _COLUMNS + "WHERE p.public_id = ANY(%s)"
_BY_IDS: LiteralString = _COLUMNS + "WHERE p.id = ANY(%s)"
_ANY_NUMBER: LiteralString = """
n.sent_id = %(number)s OR split_part(n.sent_id, '|', 2) = %(number)s
OR n.identifiers @> jsonb_build_array(jsonb_build_object('value', %(number)s::text))
"""
_BY_NUMBER: LiteralString = (
    _COLUMNS
    + " WHERE p.unwatched <> 'test_realm' AND p.id IN ("
    + _OF
    + "("
    + _ANY_NUMBER
    + ")) ORDER BY p.id LIMIT 20"
)
_WARDS: LiteralString = """
SELECT DISTINCT ward FROM patient WHERE ward <> '' AND unwatched NOT IN ('not_enrolled', 'test_realm') ORDER BY ward
"""
LISTED = 1000
"""Most patients a list shows."""


async def of_ward(conn: AsyncConnection[Any], ward: str) -> Sequence[PatientRow]:
    """Everyone on a ward, in bed order."""
    return await _rows(conn, _BY_WARD, (ward,))


async def by_public_ids(conn: AsyncConnection[Any], ids: Sequence[str]) -> dict[str, PatientRow]:
    """These records by opaque id, each as it was sent, merged or not."""
    return {row.public_id: row for row in await _rows(conn, _BY_PUBLIC_IDS, (list(ids),))}


async def everyone(conn: AsyncConnection[Any]) -> Sequence[PatientRow]:
    """All patients by ward and bed, at most LISTED."""
    return await _rows(conn, _ALL, (LISTED,))


async def of_tests(conn: AsyncConnection[Any]) -> Sequence[PatientRow]:
    """Patients of the test realm, for stewards; at most LISTED."""
    return await _rows(conn, _TESTS, (LISTED,))


async def by_public_id(conn: AsyncConnection[Any], public_id: str) -> PatientRow | None:
    """The person an opaque id names; a retired record's id finds the record it was merged into."""
    rows = await _rows(conn, _BY_PUBLIC, (public_id,))
    return rows[0] if rows else None


async def sent_id(conn: AsyncConnection[Any], patient_id: int) -> str:
    """`authority|value` of a record, the key of its events."""
    row = await (await conn.execute("SELECT sent_id FROM patient WHERE id = %s", (patient_id,))).fetchone()
    if row is None:
        raise LookupError(f"patient {patient_id} is gone")
    return str(row[0])


async def by_ids(conn: AsyncConnection[Any], ids: Sequence[int]) -> dict[int, PatientRow]:
    """The root records with these internal ids."""
    return {row.id: row for row in await _rows(conn, _BY_IDS, (list(ids),))}


async def by_number(conn: AsyncConnection[Any], number: str) -> Sequence[PatientRow]:
    """Everyone any of whose identifiers is exactly this; the caller audits the search."""
    return await _rows(conn, _BY_NUMBER, {"number": number})


async def wards(conn: AsyncConnection[Any]) -> list[str]:
    """Names of the wards that anybody lies on."""
    cursor = await conn.execute(_WARDS)
    return [str(ward) for (ward,) in await cursor.fetchall()]


async def members(conn: AsyncConnection[Any], root_ids: Sequence[int]) -> dict[int, int]:
    """Every record that belongs to these roots, with its root."""
    cursor = await conn.execute(
        "SELECT retired_id, root_id FROM patient_alias WHERE root_id = ANY(%s)", (list(root_ids),)
    )
    return {root: root for root in root_ids} | {int(retired): int(root) for retired, root in await cursor.fetchall()}


async def _rows(conn: AsyncConnection[Any], query: LiteralString, values: Any) -> Sequence[PatientRow]:
    async with conn.cursor(row_factory=record_row(PatientRow)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
