"""Two patient records that may be one person: the open questions, and what a person decides, as an event.

The decision goes the way of everything else, through Kafka; the ledger stores who made it. Each one is an event of its
own, and of one pair the newest counts, so that a wrong one is put right by the other.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from schemas.identity import event_id
from schemas.patient_event import Patient, PatientMerge, Source

LISTED = 1000
"""Most lines of the list; open ones first, then the newest."""
_LINKS: LiteralString = """
SELECT p.public_id AS one, q.public_id AS other, split_part(p.sent_id, '|', 1) AS one_authority,
    split_part(q.sent_id, '|', 1) AS other_authority, l.reason, l.state, l.found_at, l.event_id, l.decided_by,
    l.decided_at
FROM patient_link AS l JOIN patient AS p ON p.id = l.one JOIN patient AS q ON q.id = l.other
WHERE %s OR l.state = 'open' ORDER BY l.state <> 'open', l.found_at DESC, l.one, l.other LIMIT %s
"""
_RECORD: LiteralString = """
SELECT id, sent_id, public_id FROM patient WHERE public_id = %(name)s OR sent_id = %(name)s
"""
_MERGED: LiteralString = """
SELECT r.id, r.sent_id, r.public_id FROM patient_merge AS m JOIN patient AS r ON r.id = m.survivor_id
WHERE m.retired_id = %s AND NOT m.undo ORDER BY m.sent_at DESC, m.event_id DESC LIMIT 1
"""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A question, or what was decided of it."""

    one: str
    """Opaque id."""
    other: str
    one_authority: str
    """Who gave the number: the hospital."""
    other_authority: str
    reason: str
    """`same_number`, `identity_conflict`, `linked_by_sender`, `merge_not_allowed`."""
    state: str
    """`open`, `confirmed`, `undone`."""
    found_at: datetime
    event_id: UUID
    """Of the message that first said so."""
    decided_by: str
    decided_at: datetime | None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One patient record as it was sent."""

    id: int
    sent_id: str
    public_id: str


async def links(conn: AsyncConnection[Any], *, everything: bool = False) -> list[Link]:
    """What waits for a person; with `everything` also what was decided."""
    cursor = await conn.execute(_LINKS, (everything, LISTED))
    names = [column.name for column in cursor.description or ()]
    return [Link(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


async def record(conn: AsyncConnection[Any], name: str) -> Record | None:
    """By opaque id or `authority|value`."""
    row = await (await conn.execute(_RECORD, {"name": name})).fetchone()
    return Record(id=row[0], sent_id=row[1], public_id=row[2]) if row else None


async def survivor(conn: AsyncConnection[Any], retired: Record) -> Record | None:
    """Into whom a record was merged last; None when it never was."""
    row = await (await conn.execute(_MERGED, (retired.id,))).fetchone()
    return Record(id=row[0], sent_id=row[1], public_id=row[2]) if row else None


def decision(into: str, retired: str, *, undo: bool, who: str, at: str) -> PatientMerge:
    """`retired` is the same person as `into`, or, with `undo`, is not. `at` is UTC with "Z"."""
    said = hashlib.sha256(msgspec.json.encode((into, retired, undo, who, at))).hexdigest()
    return PatientMerge(
        event_id=event_id("decision", said, into), patient=Patient(id=into), retired=Patient(id=retired), undo=undo,
        at=at, source=Source(format="halo", sender=who, received_at=at, sent_at=at, sha256=said),
    )  # fmt: skip
