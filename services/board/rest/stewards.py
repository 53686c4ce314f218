"""`/api/v1/dead-letters` and `/api/v1/quarantine`: what could not be taken as it came. Stewards only."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get

from services.board.access import steward
from services.board.audit import record
from services.board.context import board_of, route_of, viewer_in
from services.board.reading.rows import record_row

AnyRequest = Request[Any, Any, Any]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that nobody could process; its bytes are kept."""

    id: UUID
    topic: str
    partition: int
    kafka_offset: int
    error_class: str
    reason: str
    code_version: str
    bytes: int
    created_at: datetime
    replayed_at: datetime | None


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A result that was not evaluated, and why."""

    id: UUID
    event_id: UUID
    patient: str | None
    reason: str
    detail: str
    laboratory: str
    code: str
    value: str
    unit: str
    segment: int
    collected_at: str
    would_be: str
    received_at: datetime
    closed_at: datetime | None
    closed_by: str | None


@get("/dead-letters", guards=[steward], operation_id="listDeadLetters", summary="Records nobody could process")
async def dead_letters(request: AnyRequest) -> list[DeadLetter]:
    """The newest 500."""
    async with board_of(request).connection() as conn, conn.cursor(row_factory=record_row(DeadLetter)) as cursor:
        await cursor.execute(
            "SELECT id, topic, partition, kafka_offset, error_class, reason, code_version, length(value) AS bytes,"
            " created_at, replayed_at FROM dead_letter ORDER BY created_at DESC, id LIMIT 500"
        )
        await record(conn, viewer_in(request).who, "read", route_of(request))
        return await cursor.fetchall()


@get("/quarantine", guards=[steward], operation_id="listQuarantine", summary="Results that were not evaluated")
async def quarantine(request: AnyRequest, *, closed: bool = False) -> list[Quarantined]:
    """The open ones, or with `closed=true` the closed; those that look urgent first, then the newest; 500 at most."""
    async with board_of(request).connection() as conn, conn.cursor(row_factory=record_row(Quarantined)) as cursor:
        await cursor.execute(
            "SELECT q.id, q.event_id, p.public_id AS patient, q.reason, q.detail, q.laboratory, q.code, q.value,"
            " q.unit, q.segment, q.collected_at, q.would_be, q.received_at, q.closed_at, q.closed_by"
            " FROM quarantine AS q LEFT JOIN patient AS p ON p.id = q.patient_id WHERE (q.closed_at IS NULL) <> %s"
            " ORDER BY q.would_be <> 'CRITICAL', q.would_be = '', q.received_at DESC, q.id LIMIT 500",
            (closed,),
        )
        found = await cursor.fetchall()
        ids = {row.patient for row in found if row.patient}
        seen = await conn.execute("SELECT id FROM patient WHERE public_id = ANY(%s)", (sorted(ids),))
        people = [row[0] for row in await seen.fetchall()]
        await record(conn, viewer_in(request).who, "read", route_of(request), patients=people or [None])
        return found


ROUTES = [dead_letters, quarantine]
