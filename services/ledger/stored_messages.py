"""Messages as they stand in the ledger: events as they came, without their raw bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection

from schemas.codec import decode_event
from schemas.patient_event import ContextChange, LabReport, PatientMerge
from services.ledger import identity
from services.ledger.errors import OutOfStep

_EVENT: LiteralString = "SELECT event, patient_id FROM source_message WHERE event_id = %s AND type = 'lab_report'"
_ADMINISTRATION: LiteralString = "SELECT event FROM source_message WHERE event_id = %s AND type <> 'lab_report'"
_ALL: LiteralString = """
SELECT event, patient_id FROM source_message AS s
WHERE patient_id = ANY(%s) AND NOT EXISTS (
    SELECT FROM quarantine AS q WHERE q.event_id = s.event_id AND q.reason = %s AND q.closed_as <> 'released')
ORDER BY received_at, event_id
"""
_REPORTS: LiteralString = """
SELECT event, patient_id FROM source_message
WHERE patient_id = ANY(%s) AND type = 'lab_report' ORDER BY received_at, event_id
"""


async def reports(conn: AsyncConnection[Any], records: Sequence[int]) -> list[tuple[LabReport, int]]:
    """Every stored report of these records, as it came, with its record."""
    rows = await (await conn.execute(_REPORTS, (list(records),))).fetchall()
    return [(found, record) for event, record in rows if (found := decoded(event)) is not None]


async def everything(conn: AsyncConnection[Any], records: Sequence[int]) -> list[tuple[LabReport | ContextChange, int]]:
    """Stored reports and changes of context of these records, with their record; not those held for whose they are."""
    rows = await (await conn.execute(_ALL, (list(records), identity.CONFLICT))).fetchall()
    found = [(decode_event(bytes(event)), record) for event, record in rows]
    return [(event, record) for event, record in found if isinstance(event, LabReport | ContextChange)]


async def administration(conn: AsyncConnection[Any], event_id: str) -> ContextChange | PatientMerge | None:
    """The stored event when it is no report of results."""
    row = await (await conn.execute(_ADMINISTRATION, (event_id,))).fetchone()
    found = decode_event(bytes(row[0])) if row else None
    return found if isinstance(found, ContextChange | PatientMerge) else None


async def report(conn: AsyncConnection[Any], event_id: str) -> tuple[LabReport, int | None]:
    """A stored report and its record, None where it names nobody. OutOfStep when there is none."""
    row = await (await conn.execute(_EVENT, (event_id,))).fetchone()
    found = decoded(row[0]) if row else None
    if row is None or found is None:
        raise OutOfStep(f"event {event_id} is no stored report; its held results stay where they are")
    return found, row[1]


def decoded(event: Any) -> LabReport | None:
    """The report in a row of `source_message`; None when it is something else."""
    found = decode_event(bytes(event))
    return found if isinstance(found, LabReport) else None
