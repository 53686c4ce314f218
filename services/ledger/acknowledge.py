"""A person answers an alert, or takes the answer back: one transaction, under the patient's lock, in the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.severity import Severity
from services.ledger.errors import NoSuchAlert, StaleVersion
from services.ledger.journal import Entry, Journal
from services.ledger.opening import open_journal
from services.shared.settings import Settings

EXPIRES = {
    Severity.CRITICAL: timedelta(hours=12), Severity.HIGH: timedelta(hours=24), Severity.MEDIUM: timedelta(days=14),
    Severity.LOW: timedelta(days=30), Severity.INFO: timedelta(days=30),
}  # fmt: skip
"""[E], agreed behaviour 4."""
CRITICAL_WITHOUT_NOTE = timedelta(minutes=60)

_FIND: LiteralString = "SELECT patient_id, superseded_by::text FROM alert WHERE alert_id = %s"
_LOCK: LiteralString = "SELECT id FROM patient WHERE id = %s FOR NO KEY UPDATE"
_READ: LiteralString = "SELECT version, severity, patient_id, superseded_by::text FROM alert WHERE alert_id = %s"
_ANSWER: LiteralString = """
UPDATE alert SET response = %s, acknowledged_by = %s, acknowledged_at = %s, acknowledged_version = %s,
    acknowledgement_expires_at = %s WHERE alert_id = %s
"""
_TOUCH: LiteralString = "UPDATE patient SET series_version = series_version + 1 WHERE id = %s"
_LIVE: LiteralString = "INSERT INTO live_event (kind, patient_id, alert_id) VALUES ('alert', %s, %s)"
_AUDIT: LiteralString = "INSERT INTO audit (who, action, patient_id, alert_id, detail) VALUES (%s, %s, %s, %s, %s)"


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """The locked alert."""

    alert_id: str
    version: int
    severity: Severity
    patient_id: int


async def acknowledge(
    conn: AsyncConnection[Any], alert_id: str, person: str, version_seen: int, note: str = "",
    *, journal: Journal | None = None,
) -> None:  # fmt: skip
    """`person` (a name) has seen `version_seen` of the alert and takes it; escalation stops until it expires.

    A superseded alert's id acts on its successor. StaleVersion when the alert changed since; NoSuchAlert.
    """
    async with conn.transaction():
        alert = await locked(conn, str(alert_id))
        if alert.version != version_seen:
            raise StaleVersion(alert.alert_id, version_seen, alert.version)
        now = datetime.now(UTC)
        unnoted = alert.severity is Severity.CRITICAL and not note
        expires = now + (CRITICAL_WITHOUT_NOTE if unnoted else EXPIRES[alert.severity])
        values = ("acknowledged", person, now, version_seen, expires)
        await _answer(conn, alert, "acknowledged", person, note, values, journal)


async def unacknowledge(
    conn: AsyncConnection[Any], alert_id: str, person: str, note: str = "", *, journal: Journal | None = None
) -> None:
    """`person` takes the answer back; escalation goes on as if it had never been given. NoSuchAlert."""
    async with conn.transaction():
        alert = await locked(conn, str(alert_id))
        values = ("unacknowledged", None, None, None, None)
        await _answer(conn, alert, "unacknowledged", person, note, values, journal)


async def locked(conn: AsyncConnection[Any], alert_id: str) -> Current:
    """Lock the patient first, then read: the same order as the ledger's own transaction. NoSuchAlert."""
    seen: set[str] = set()
    while alert_id not in seen:
        seen.add(alert_id)
        found = await (await conn.execute(_FIND, (alert_id,))).fetchone()
        if found is None:
            raise NoSuchAlert(f"there is no alert {alert_id}")
        await conn.execute(_LOCK, (found[0],))
        row = await (await conn.execute(_READ, (alert_id,))).fetchone()
        if row is None:
            raise NoSuchAlert(f"there is no alert {alert_id}")
        version, severity, patient_id, successor = row
        if successor is None:
            return Current(alert_id=alert_id, version=version, severity=Severity(severity), patient_id=patient_id)
        alert_id = successor
    raise NoSuchAlert(f"alert {alert_id} supersedes itself; run `halo rebuild`")


async def _answer(
    conn: AsyncConnection[Any], alert: Current, kind: str, person: str, note: str, values: tuple[Any, ...],
    journal: Journal | None,
) -> None:  # fmt: skip
    await conn.execute(_ANSWER, (*values, alert.alert_id))
    await conn.execute(_TOUCH, (alert.patient_id,))
    entry = Entry(
        chain=alert.patient_id, kind=kind, alert_id=alert.alert_id, alert_version=alert.version, actor=person,
        payload={"note": note},
    )  # fmt: skip
    await (journal or _default_journal()).append(conn, [entry])
    await conn.execute(_LIVE, (alert.patient_id, alert.alert_id))
    await conn.execute(_AUDIT, (person, kind, alert.patient_id, alert.alert_id, note))
    await conn.execute("SELECT pg_notify('halo_live', '')")


@cache
def _default_journal() -> Journal:
    return open_journal(Settings())
