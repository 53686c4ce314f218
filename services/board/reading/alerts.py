"""Alerts with their people, evidence and history, as the pages and the API show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from alerts.alert import AlertState
from services.board.reading.rows import record_row
from services.board.records import AlertRow

_COLUMNS: LiteralString = """
SELECT a.alert_id, p.id AS patient_id, p.public_id, a.version, a.family, a.rule, a.level, a.severity, a.condition,
       a.response, a.flags, a.opened_at, a.regraded_at, a.cleared_at, a.sampled_at, a.analyte, a.value, a.unit,
       a.summary, a.rule_pack, a.rule_pack_status, a.late, a.superseded_by, a.code, a.acknowledged_by,
       a.acknowledged_at, a.acknowledged_version, a.acknowledgement_expires_at, a.held_until,
       a.changed_at, a.feed
FROM alert AS a LEFT JOIN patient_alias AS l ON l.retired_id = a.patient_id
JOIN patient AS p ON p.id = COALESCE(l.root_id, a.patient_id)
"""
_RANK: LiteralString = "array_position(ARRAY['CRITICAL','HIGH','MEDIUM','LOW','INFO'], a.severity)"
_OPEN: LiteralString = _COLUMNS + "WHERE p.id = ANY(%s) AND a.condition = 'active' AND a.response <> 'closed'"
_OF_PATIENT: LiteralString = _COLUMNS + "WHERE p.id = %s ORDER BY a.opened_at DESC LIMIT 200"
_ONE: LiteralString = _COLUMNS + "WHERE a.alert_id = %s"
_LIST: LiteralString = (
    _COLUMNS
    + """
WHERE p.unwatched NOT IN ('not_enrolled', 'test_realm')
  AND (%(severity)s = '' OR a.severity = %(severity)s) AND (%(ward)s = '' OR p.ward = %(ward)s) AND CASE %(state)s
    WHEN 'open' THEN a.condition = 'active' AND a.response <> 'closed'
    WHEN 'unacknowledged' THEN a.condition = 'active' AND a.response = 'unacknowledged' AND a.severity <> 'INFO'
    WHEN 'all' THEN true ELSE a.condition = %(state)s END
ORDER BY """
    + _RANK
    + """, a.response <> 'unacknowledged', a.sampled_at DESC, a.alert_id LIMIT %(limit)s
"""
)
_EVENTS: LiteralString = """
SELECT e.at, e.kind, e.actor, e.alert_version AS version, COALESCE(p.payload, '{}') AS payload
FROM alert_event AS e LEFT JOIN alert_event_payload AS p USING (chain, number)
WHERE e.alert_id = %s ORDER BY e.at, e.number
"""
_DELIVERIES: LiteralString = """
SELECT d.id, d.channel, d.recipient, d.change, d.reason, d.status, d.attempts, d.possibly_repeated, d.created_at,
       d.handed_over_at, d.alert_version AS version FROM delivery AS d WHERE d.alert_id = %s ORDER BY d.created_at, d.id
"""
_ATTEMPTS: LiteralString = """
SELECT t.delivery_id, t.attempt, t.started_at, t.ended_at, t.outcome, t.detail FROM delivery_attempt AS t
JOIN delivery AS d ON d.id = t.delivery_id WHERE d.alert_id = %s ORDER BY t.started_at, t.attempt
"""
STATES = ("open", "unacknowledged", "active", "cleared", "retracted", "superseded", "all")
LISTED = 500


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the alert log."""

    at: datetime
    kind: str
    actor: str
    version: int | None
    payload: dict[str, Any]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt."""

    delivery_id: UUID
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    detail: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One version told to one recipient over one channel."""

    id: UUID
    channel: str
    recipient: str
    change: str
    reason: str
    status: str
    attempts: int
    possibly_repeated: bool
    created_at: datetime
    handed_over_at: datetime | None
    version: int


async def open_of(conn: AsyncConnection[Any], roots: Sequence[int]) -> list[AlertRow]:
    """What is open of these patients."""
    return await _many(conn, AlertRow, _OPEN, (list(roots),))


async def of_patient(conn: AsyncConnection[Any], root: int) -> list[AlertRow]:
    """Everything that ever was, newest first."""
    return await _many(conn, AlertRow, _OF_PATIENT, (root,))


async def one(conn: AsyncConnection[Any], alert_id: UUID) -> AlertRow | None:
    """The present state of one alert."""
    found = await _many(conn, AlertRow, _ONE, (alert_id,))
    return found[0] if found else None


async def listed(
    conn: AsyncConnection[Any], *, severity: str, state: str, ward: str = "", limit: int = LISTED
) -> list[AlertRow]:
    """Worst and unanswered first. Empty text means any; `state` is one of STATES."""
    values = {"severity": severity, "state": state, "ward": ward, "limit": limit}
    return await _many(conn, AlertRow, _LIST, values)


async def state_of(conn: AsyncConnection[Any], alert_id: UUID) -> AlertState:
    """The evidence as the rules left it. LookupError when there is no such alert."""
    row = await (await conn.execute("SELECT body FROM alert WHERE alert_id = %s", (alert_id,))).fetchone()
    if row is None:
        raise LookupError(f"there is no alert {alert_id}")
    return msgspec.json.decode(bytes(row[0]), type=AlertState)


async def history(conn: AsyncConnection[Any], alert_id: UUID) -> list[Happening]:
    """The alert's log, oldest first; an erased payload is empty."""
    return await _many(conn, Happening, _EVENTS, (alert_id,))


async def deliveries(conn: AsyncConnection[Any], alert_id: UUID) -> list[tuple[Delivery, list[Attempt]]]:
    """What was sent to whom, each with its receipts."""
    attempts = await _many(conn, Attempt, _ATTEMPTS, (alert_id,))
    sent = await _many(conn, Delivery, _DELIVERIES, (alert_id,))
    return [(delivery, [a for a in attempts if a.delivery_id == delivery.id]) for delivery in sent]


async def _many(conn: AsyncConnection[Any], kind: type[Any], query: LiteralString, values: Any) -> list[Any]:
    async with conn.cursor(row_factory=record_row(kind)) as cursor:
        await cursor.execute(query, values)
        return list(await cursor.fetchall())
