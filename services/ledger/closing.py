"""Deliveries that are not to go out any more, closed in the transaction that says so, each with a row in the log.

Told means handed over or outcome unknown (behaviour 4): an alert whose deliveries were all closed before any attempt
was told to nobody.
"""

from __future__ import annotations

from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from services.ledger.journal import Entry

_CLOSE: LiteralString = """
UPDATE delivery AS d SET status = 'closed', closed_for = n.reason
FROM unnest(%s::int8[], %s::text[]) AS n(record, reason)
WHERE d.patient_id = n.record AND d.status IN ('queued', 'sending') AND NOT (d.alert_id = ANY(%s::text[]::uuid[]))
RETURNING d.alert_id::text, d.alert_version, d.patient_id, d.channel, d.recipient, n.reason
"""
_MARK: LiteralString = """
UPDATE alert AS a SET withheld = n.reason FROM unnest(%s::text[], %s::text[]) AS n(alert_id, reason)
WHERE a.alert_id = n.alert_id::uuid
"""
_UNTOLD: LiteralString = """
UPDATE alert AS a SET told_at = NULL, told_severity = NULL, told_value = NULL, told_level = NULL, told_analyte = NULL,
    told_sampled_at = NULL, told_draft = false
WHERE a.alert_id = ANY(%s::text[]::uuid[]) AND NOT EXISTS (SELECT FROM delivery AS d WHERE d.alert_id = a.alert_id
    AND (d.attempts > 0 OR d.status IN ('queued', 'sending')))
"""


class Closings(msgspec.Struct, kw_only=True):
    """What one transaction closes: collected in order of events, written once."""

    records: dict[int, str] = {}
    """Patient record, and why nothing of it is to be sent."""
    spared: set[str] = set()
    """Alerts that are sent nevertheless."""
    alerts: dict[str, str] = {}
    """Alerts with a delivery that was closed, and why."""
    heard: set[str] = set()
    """Alerts told anew after that, in the same transaction."""
    persons: set[int] = set()
    """Roots whose alerts are changed here, behind the memory of them."""

    def shut(self, root: int, members: tuple[int, ...], reason: str, spared: set[str]) -> None:
        """Close what waits of this person, but for the alerts `spared`."""
        self.records |= dict.fromkeys(members, reason)
        self.spared |= spared
        self.persons.add(root)

    def open(self, members: tuple[int, ...]) -> None:
        """The same transaction takes it back: what waited before it goes on waiting."""
        for record in members:
            self.records.pop(record, None)

    def told(self, alert_id: str) -> None:
        """It has a newer delivery: nothing is withheld of it any more."""
        self.alerts.pop(alert_id, None)
        self.heard.add(alert_id)

    def stopped(self, alert_id: str, reason: str) -> None:
        """Its delivery of this very transaction is written as closed."""
        self.alerts[alert_id] = reason
        self.heard.discard(alert_id)

    async def close(self, conn: AsyncConnection[Any]) -> list[Entry]:
        """Close what waited before this transaction; what the log says of each. Before its own rows are inserted."""
        if not self.records:
            return []
        columns = (list(self.records), list(self.records.values()), sorted(self.spared))
        rows = await (await conn.execute(_CLOSE, columns)).fetchall()
        self.alerts |= {row[0]: row[-1] for row in rows if row[0] not in self.heard}
        return [entry(*row) for row in rows]

    async def mark(self, conn: AsyncConnection[Any]) -> None:
        """Remember on the alerts what was not told. After their rows are written."""
        if self.alerts:
            await conn.execute(_MARK, (list(self.alerts), list(self.alerts.values())))

    async def forget(self, conn: AsyncConnection[Any]) -> None:
        """Who got nothing was not told. After the deliveries are written."""
        if self.alerts:
            await conn.execute(_UNTOLD, (list(self.alerts),))


def entry(alert_id: str, version: int, record: int, channel: str, recipient: str, reason: str) -> Entry:
    """One delivery that was closed."""
    payload = {"channel": channel, "recipient": recipient, "reason": reason}
    return Entry(
        chain=record, kind="delivery_closed", alert_id=alert_id, alert_version=version, actor="halo", payload=payload
    )
