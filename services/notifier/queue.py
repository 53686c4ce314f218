"""The delivery queue in Postgres: claim, hand over, write the receipt. Killed anywhere, nothing is lost.

A claim is committed before the channel is called, with an attempt whose outcome is `unknown`; should the process die,
the lease runs out and the delivery is tried again, marked as possibly repeated. Per alert, channel and recipient,
versions go out in order: an older one not yet handed over is `overtaken` by a newer one, which carries the whole state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from services.notifier.channels.message import Handover

_OVERTAKE: LiteralString = """
UPDATE delivery AS old SET status = 'overtaken'
FROM delivery AS newer
WHERE old.status IN ('queued', 'sending') AND old.next_attempt_at <= clock_timestamp()
  AND newer.alert_id = old.alert_id AND newer.channel = old.channel AND newer.recipient = old.recipient
  AND newer.alert_version > old.alert_version
RETURNING old.id, old.alert_id, old.alert_version
"""

_CLAIM: LiteralString = """
WITH due AS (
    SELECT id FROM delivery AS d
    WHERE status IN ('queued', 'sending') AND next_attempt_at <= clock_timestamp() AND NOT (id = ANY(%(busy)s))
      AND NOT EXISTS (SELECT FROM delivery AS o WHERE o.alert_id = d.alert_id AND o.channel = d.channel
                      AND o.recipient = d.recipient AND o.status IN ('queued', 'sending')
                      AND o.alert_version < d.alert_version)
    ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE delivery AS d
    SET possibly_repeated = d.possibly_repeated OR d.status = 'sending', status = 'sending', attempts = d.attempts + 1,
        next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM due WHERE d.id = due.id RETURNING d.*
), receipt AS (
    INSERT INTO delivery_attempt (delivery_id, attempt, started_at) SELECT id, attempts, clock_timestamp() FROM claimed
)
SELECT id::text, alert_id::text, alert_version, channel, recipient, change, reason, body, attempts, possibly_repeated,
       received_at, created_at FROM claimed ORDER BY created_at
"""

_RECEIPT: LiteralString = """
UPDATE delivery_attempt SET ended_at = clock_timestamp(), outcome = %(outcome)s, detail = %(detail)s
WHERE delivery_id = %(id)s AND attempt = %(attempt)s
"""

_SETTLE: LiteralString = """
UPDATE delivery
SET status = CASE WHEN %(done)s THEN 'handed_over' WHEN %(never)s THEN 'closed' ELSE 'queued' END,
    handed_over_at = CASE WHEN %(done)s THEN clock_timestamp() END,
    possibly_repeated = possibly_repeated OR %(unknown)s,
    next_attempt_at = clock_timestamp() + make_interval(secs => %(wait)s)
WHERE id = %(id)s AND attempts = %(attempt)s AND (status = 'sending' OR (status = 'closed' AND %(done)s))
"""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row of `delivery`."""

    id: str
    alert_id: str
    alert_version: int
    channel: str
    recipient: str
    change: str
    reason: str
    body: bytes
    attempts: int
    possibly_repeated: bool
    received_at: datetime | None
    created_at: datetime

    @property
    def content(self) -> dict[str, Any]:
        """The alert's full state as decided."""
        return {**msgspec.json.decode(self.body), "change": self.change, "reason": self.reason}


async def claim(conn: AsyncConnection, *, limit: int, lease: float, busy: list[str]) -> list[Delivery]:
    """Up to `limit` deliveries that are due, in the order they were decided; committed before anything is sent."""
    async with conn.transaction():
        await conn.execute(_OVERTAKE)
        async with conn.cursor(row_factory=class_row(Delivery)) as cursor:
            await cursor.execute(_CLAIM, {"limit": limit, "lease": lease, "busy": busy})
            return await cursor.fetchall()


async def settle(conn: AsyncConnection, delivery: Delivery, handover: Handover, wait: float) -> None:
    """Write the receipt of the attempt; after a failure the delivery is due again in `wait` seconds, without end.

    What must never be sent is closed instead. A time-out leaves open whether it arrived, so the next attempt is marked.
    """
    row = {
        "id": delivery.id, "attempt": delivery.attempts, "outcome": handover.outcome, "detail": handover.detail,
        "done": handover.done, "never": handover.never, "unknown": handover.outcome == "timed_out", "wait": wait,
    }  # fmt: skip
    async with conn.transaction():
        await conn.execute(_RECEIPT, row)
        await conn.execute(_SETTLE, row)


async def waiting(conn: AsyncConnection) -> tuple[int, datetime | None]:
    """How many deliveries are not handed over, and since when the oldest waits."""
    query: LiteralString = "SELECT count(*), min(created_at) FROM delivery WHERE status IN ('queued', 'sending')"
    row = await (await conn.execute(query)).fetchone()
    return row or (0, None)
