"""When clinicians are called for held values that look CRITICAL: a timer a message (`services.ledger.unverified`).

Set anew when nobody takes care of a value any more, or when it looks critical only now. Values that clinicians were
told of are not told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.identity import stable_id

UNVERIFIED = "unverified"
"""Kind of the timer, and of the call."""
WAIT = timedelta(minutes=15)
"""For the data steward, while one is on duty."""
_MESSAGES: LiteralString = """
SELECT DISTINCT q.event_id::text, q.patient_id FROM quarantine AS q JOIN source_message AS s ON s.event_id = q.event_id
WHERE q.id = ANY(%s::text[]::uuid[]) AND q.closed_at IS NULL AND q.would_be = 'CRITICAL' AND q.assigned_to = ''
    AND s.purpose = 'live' AND NOT EXISTS (SELECT FROM quarantine_log AS l WHERE l.item = q.id AND l.kind = 'told')
ORDER BY 1
"""
_SET: LiteralString = """
INSERT INTO timer (id, kind, patient_id, due_at, body)
SELECT id::uuid, %s, patient_id, %s, body::jsonb FROM unnest(%s::text[], %s::bigint[], %s::text[])
    AS row(id, patient_id, body) ORDER BY id
ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, fired_at = NULL WHERE timer.fired_at IS NOT NULL
"""


def timer_row(event_id: str, record: int | None, due: datetime) -> tuple[Any, ...]:
    """A row of `timer`; one a message."""
    body = msgspec.json.encode({"event_id": event_id}).decode()
    return (stable_id("timer", UNVERIFIED, event_id), UNVERIFIED, record, due, body)


async def call_for(conn: AsyncConnection[Any], items: Sequence[str], wait: timedelta = WAIT) -> None:
    """Of these items those that look critical, that nobody takes care of and nobody was told of, after `wait`.

    A timer that has not fired stays as it is: its 15 minutes began when the message came.
    """
    found = await (await conn.execute(_MESSAGES, (list(items),))).fetchall() if items else []
    if found:
        due = datetime.now(UTC) + wait
        rows = [timer_row(event_id, record, due) for event_id, record in found]
        ids, records, bodies = ([row[n] for row in rows] for n in (0, 2, 4))
        await conn.execute(_SET, (UNVERIFIED, due, ids, records, bodies))
