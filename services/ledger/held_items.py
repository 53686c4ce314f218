"""Held results of a report that is read again: where each stands, which a site file may take, and what becomes of them.

What a person closed (`closed_as`), and what is held because of whom it is about, no site file takes. An item that is
held once more is opened again under its id, so that nothing is held twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.patient_event import LabReport
from services.ledger import calling, identity
from services.mapping.mapped import Quarantined

FOREIGN = frozenset({identity.CONFLICT})
"""Reasons that the ledger gives, not the site file."""
BY_STEWARD = ("closed", "ignored")
ITS_TIME = "its time has come"
"""Who closed what had a collection time in the future."""
_ITEMS: LiteralString = """
SELECT id::text AS id, event_id::text AS event_id, place, segment, code, value, unit, reason,
       closed_at IS NULL AS open, closed_as, coalesce(closed_by, '') AS closed_by
FROM quarantine WHERE event_id = ANY(%s::text[]::uuid[]) ORDER BY received_at, id
"""
_RELEASE: LiteralString = """
UPDATE quarantine SET closed_at = clock_timestamp(), closed_by = %s, closed_as = 'released'
WHERE id = ANY(%s::text[]::uuid[]) AND closed_at IS NULL
"""
_AMEND: LiteralString = """
UPDATE quarantine AS q SET reason = n.reason, detail = n.detail, would_be = n.would_be, slot = n.slot,
    analyte = n.analyte, looks_in = n.looks_in, closed_at = NULL, closed_by = NULL, closed_as = ''
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS n(id, reason, detail, would_be, slot, analyte, looks_in)
WHERE q.id = n.id::uuid
  AND (q.closed_at IS NULL OR q.closed_as = 'released' OR q.closed_by = 'its time has come')
"""
"""As `returns` says, asked again of the row as it is now: a person may close it between the reading and this."""
_DOUBT: LiteralString = "UPDATE quarantine SET reason = %s, detail = %s WHERE id = ANY(%s::text[]::uuid[])"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `quarantine`, open or closed."""

    id: str
    event_id: str
    place: int
    segment: int
    code: str
    value: str
    unit: str
    reason: str
    open: bool
    closed_as: str
    closed_by: str = ""

    @property
    def barred(self) -> bool:
        """Not to be taken by a change of the site file."""
        return self.closed_as in BY_STEWARD if not self.open else self.reason in FOREIGN

    @property
    def released(self) -> bool:
        """Let through by a person or a site file."""
        return not self.open and self.closed_as == "released"


async def of(conn: AsyncConnection[Any], events: Sequence[str]) -> list[Item]:
    """All of these events, open and closed."""
    cursor = await conn.execute(_ITEMS, (list(events),))
    names = [column.name for column in cursor.description or ()]
    return [Item(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


def barred(report: LabReport, items: Iterable[Item]) -> frozenset[int]:
    """Places of the report that no change of the site file takes."""
    return frozenset(n for item in items if item.barred and (n := place_of(report, item)) is not None)


def believed(report: LabReport, items: Iterable[Item]) -> LabReport:
    """The report without the doubt whose a result is, where a person released it."""
    places = {place_of(report, item) for item in items if item.reason in FOREIGN}
    if not any(sent.contradicts and n in places for n, sent in enumerate(report.results)):
        return report
    return msgspec.structs.replace(report, results=tuple(
        msgspec.structs.replace(sent, contradicts="") if n in places else sent for n, sent in enumerate(report.results)
    ))  # fmt: skip


def place_of(report: LabReport, item: Item) -> int | None:
    """Where in the report a held result stands; None when two results look alike to a row of before it was kept."""
    if 0 <= item.place < len(report.results):
        return item.place
    alike = [
        n for n, sent in enumerate(report.results)
        if sent.where.segment == item.segment and sent.unit == item.unit
        and (sent.code[0].code if sent.code else "") == item.code
    ]  # fmt: skip
    return alike[0] if len(alike) == 1 else None


def returns(item: Item) -> bool:
    """Whether it is held again: it is open, or was taken; one that another result answered stays closed."""
    return item.open or item.closed_as == "released" or item.closed_by == ITS_TIME


async def amend(conn: AsyncConnection[Any], held: Sequence[tuple[str, Quarantined]]) -> None:
    """Held, with the reason of today. What looks critical only now has its 15 minutes from now."""
    rows = [
        (i, item.reason, item.detail, item.would_be, item.slot, item.analyte, ", ".join(item.looks_in))
        for i, item in held
    ]
    if rows:
        await conn.execute(_AMEND, [list(column) for column in zip(*rows, strict=True)])
        await calling.call_for(conn, [i for i, item in held if item.would_be == "CRITICAL"])


async def release(conn: AsyncConnection[Any], ids: Sequence[str], by: str) -> None:
    """Read now, by a person's release or by a site file."""
    await conn.execute(_RELEASE, (by, list(ids)))


async def doubt(conn: AsyncConnection[Any], ids: Sequence[str], text: str) -> None:
    """Held for the question whose they are."""
    await conn.execute(_DOUBT, (identity.CONFLICT, text, list(ids)))
