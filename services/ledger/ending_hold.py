"""A person ends the wait of a specimen in doubt: what it held goes out now. One transaction, in the log.

The timers of what waits become due; the clock tells it within its next round, the processor with the next event.
"""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import AsyncConnection

from services.ledger.acknowledge import locked
from services.ledger.errors import NotHolding
from services.ledger.holding import MISMATCH, SPECIMEN_HOLD
from services.ledger.journal import Entry, Journal

_END: LiteralString = """
UPDATE alert SET held_until = clock_timestamp()
WHERE alert_id = %s AND rule = %s AND condition = 'active' AND held_until > clock_timestamp() RETURNING alert_id
"""
_DUE: LiteralString = """
UPDATE timer SET due_at = clock_timestamp()
WHERE kind = %s AND patient_id = %s AND fired_at IS NULL AND due_at > clock_timestamp()
"""
_TOUCH: LiteralString = "UPDATE patient SET series_version = series_version + 1 WHERE id = %s"
_LIVE: LiteralString = "INSERT INTO live_event (kind, patient_id, alert_id) VALUES ('alert', %s, %s)"
_AUDIT: LiteralString = "INSERT INTO audit (who, action, patient_id, alert_id, detail) VALUES (%s, %s, %s, %s, %s)"


async def end_hold(conn: AsyncConnection[Any], alert_id: str, person: str, note: str, journal: Journal) -> None:
    """`person` (a name) lets go what the mismatch alert holds. NoSuchAlert; NotHolding when it holds nothing now."""
    async with conn.transaction():
        alert = await locked(conn, alert_id)
        if await (await conn.execute(_END, (alert.alert_id, MISMATCH))).fetchone() is None:
            raise NotHolding(f"alert {alert.alert_id} holds nothing back, or not any more")
        await conn.execute(_DUE, (SPECIMEN_HOLD, alert.patient_id))
        await conn.execute(_TOUCH, (alert.patient_id,))
        entry = Entry(
            chain=alert.patient_id, kind="hold_ended", alert_id=alert.alert_id, alert_version=alert.version,
            actor=person, payload={"note": note},
        )  # fmt: skip
        await journal.append(conn, [entry])
        await conn.execute(_LIVE, (alert.patient_id, alert.alert_id))
        await conn.execute(_AUDIT, (person, "hold_ended", alert.patient_id, alert.alert_id, note))
        await conn.execute("SELECT pg_notify('halo_live', '')")
