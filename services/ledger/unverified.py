"""A held value that looks CRITICAL reaches a clinician: 15 min after it came, at once if no data steward is on duty.

The timer is written with the item. When it fires and something of the message is still held, and nobody has taken care
of it, the clinical channels are told (agreed behaviour 2). A number among words (`3.95 H`) is no value either and calls
the same way, unless another version of the result came meanwhile. More than 20 of a laboratory and reason within 10 min
are one call, as are more than 20 calls of them. Who is not watched, and a feed that is not live, calls nobody; the item
says so.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.watching import gate
from alerts.wording.unverified import Held, page, storm
from schemas.codec import decode_event
from schemas.patient_event import LabReport
from services.ledger import governing, patients, site_in_force, stored
from services.ledger.calling import UNVERIFIED, WAIT, timer_row
from services.ledger.evaluating import Rules
from services.ledger.incoming import Incoming
from services.ledger.operations import AFTER, WINDOW, Technical, report
from services.ledger.stewarding import written
from services.ledger.telling import Teller
from services.mapping.among_words import critical
from services.mapping.report import map_report
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.urgency import UNPARSED
from services.shared import feeds

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HELD: LiteralString = """
SELECT q.id::text AS id, q.analyte, q.value, q.unit, q.looks_in, q.laboratory, q.reason, q.received_at,
    q.patient_id, p.sent_id, p.public_id, coalesce(p.ward, '') AS ward
FROM quarantine AS q LEFT JOIN patient AS p ON p.id = q.patient_id
WHERE q.event_id = %s AND q.closed_at IS NULL AND q.would_be = 'CRITICAL' AND q.assigned_to = '' ORDER BY q.place
"""
_ALIKE: LiteralString = """
SELECT count(*)::int FROM quarantine
WHERE closed_at IS NULL AND would_be = 'CRITICAL' AND (laboratory, reason) = (%s, %s)
  AND received_at BETWEEN %s AND %s
"""
_OPEN: LiteralString = """
SELECT own.result_id::text FROM result AS own WHERE own.result_id = ANY(%s::text[]::uuid[]) AND NOT EXISTS (
    SELECT FROM result AS newer WHERE newer.patient_id = own.patient_id AND newer.slot = own.slot
        AND (newer.version_time, newer.received_at) > (own.version_time, own.received_at))
"""
_SENT: LiteralString = """
SELECT s.event, s.patient_id, s.received_at, p.sent_id, p.public_id, coalesce(p.ward, '') AS ward
FROM source_message AS s JOIN patient AS p ON p.id = s.patient_id WHERE s.event_id = %s
"""
_EVENT: LiteralString = "SELECT event FROM source_message WHERE event_id = %s"


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """Empty of a number among words: it is no item of the quarantine."""
    analyte: str
    value: str
    unit: str
    looks_in: str
    laboratory: str
    reason: str
    received_at: datetime
    patient_id: int | None
    sent_id: str | None
    public_id: str | None
    ward: str

    @property
    def held(self) -> Held:
        """For the wording."""
        return Held(
            analyte=self.analyte, value=self.value, unit=self.unit, laboratory=self.laboratory, reason=self.reason,
            units=tuple(filter(None, self.looks_in.split(", "))), ward=self.ward, known=self.sent_id is not None,
            words=self.reason == UNPARSED,
        )  # fmt: skip


def timer_rows(incoming: Incoming, event: LabReport, record: int | None, *, steward: bool) -> list[tuple[Any, ...]]:
    """A row of `timer` for a message with a held value, or a number among words, that looks CRITICAL.

    History and tests call nobody. The site's own spellings of units are asked when it fires: here an unknown one counts
    as any allowed unit, so that none is missed.
    """
    if event.purpose == "history" or incoming.test or incoming.mapped is None:
        return []
    held = any(item.would_be == "CRITICAL" for item in incoming.mapped.quarantined)
    if not held and not critical(event, incoming.mapped.results, DEFAULT_SITE):
        return []
    return [timer_row(event.event_id, record, incoming.received_at + (WAIT if steward else timedelta(0)))]


class Unverified:
    """The action of the timer; the caller's transaction marks the timer as fired."""

    def __init__(self, site: Site, teller: Teller, rules: Rules) -> None:
        self._site, self._teller, self._rules = site, teller, rules

    async def __call__(
        self, conn: AsyncConnection[Any], patient_id: int | None, due_at: datetime, body: dict[str, Any]
    ) -> None:
        """Call the clinicians unless it was answered meanwhile."""
        del patient_id, due_at
        event_id = str(body["event_id"])
        self._site = await site_in_force.in_force(conn, self._site)
        rows = [*await _rows(conn, event_id), *await self._among_words(conn, event_id)]
        if not rows:
            return
        self._rules, self._teller.standing = await governing.in_force(conn, self._rules)
        stopped = await self._stopped(conn, event_id, rows[0])
        ids = [row.id for row in rows if row.id]
        if stopped:
            await written(conn, ids, "not_told", "halo", stopped)
            return
        await report(conn, [await self._call(conn, event_id, rows[0])])
        await written(conn, ids, "told", "halo", "clinical on-call")

    async def _among_words(self, conn: AsyncConnection[Any], event_id: str) -> list[_Row]:
        """Numbers among words that look critical by the site file in force, and that no later version answered."""
        found = await (await conn.execute(_SENT, (event_id,))).fetchone()
        event = decode_event(bytes(found[0])) if found else None
        if found is None or not isinstance(event, LabReport):
            return []
        items = critical(event, map_report(event, self._site).results, self._site)
        cursor = await conn.execute(_OPEN, ([item.result_id for item in items],))
        unanswered = {result_id for (result_id,) in await cursor.fetchall()}
        _, record, received_at, sent_id, public_id, ward = found
        return [
            _Row(
                id="", analyte=item.analyte, value=item.value, unit=item.unit, looks_in=", ".join(item.looks_in),
                laboratory=item.laboratory, reason=UNPARSED, received_at=received_at, patient_id=record,
                sent_id=sent_id, public_id=public_id, ward=ward,
            )
            for item in items if item.result_id in unanswered
        ]  # fmt: skip

    async def _stopped(self, conn: AsyncConnection[Any], event_id: str, row: _Row) -> str:
        """Why nobody is called: the feed is not live, or the patient is not watched; empty when nothing stops it."""
        found = await (await conn.execute(_EVENT, (event_id,))).fetchone()
        event = decode_event(bytes(found[0])) if found else None
        if isinstance(event, LabReport):
            if self._site.is_test(event):
                return "test_realm"
            feed = self._site.feed_of(event.source)
            if not_live := feeds.stop(self._teller.standing.feeds, feed, row.received_at, ""):
                return not_live
        if row.sent_id is None:
            return ""
        locked = await patients.lock(conn, [row.sent_id])
        root = locked.root(row.sent_id)
        person = (await stored.read(conn, locked.rows, locked.members, self._site.zone))[root]
        return gate(person.context, self._site.file.enrolment.watch, datetime.now(UTC), row.received_at)

    async def _call(self, conn: AsyncConnection[Any], event_id: str, row: _Row) -> Technical:
        many = await self._alike(conn, row)
        one = many <= AFTER
        key = f"{UNVERIFIED}:{event_id}" if one else _storm_key(row)
        link = f"/patients/{row.public_id}" if one and row.public_id else "/alerts"
        return Technical(
            key=key, kind=UNVERIFIED, severity="CRITICAL", audience="clinical", link=link,
            patient_id=row.patient_id if one else None, feed=_feed(row) if one else "",
            rule_pack_status=self._teller.standing.status,
            detail=page(row.held, "en") if one else storm(row.held, AFTER, "en"),
            detail_sl=page(row.held, "sl") if one else storm(row.held, AFTER, "sl"),
        )  # fmt: skip

    @staticmethod
    async def _alike(conn: AsyncConnection[Any], row: _Row) -> int:
        """How many of this laboratory and reason came within `WINDOW` around it and are held."""
        span = (row.received_at - WINDOW, row.received_at + WINDOW)
        found = await (await conn.execute(_ALIKE, (row.laboratory, row.reason, *span))).fetchone()
        return int(found[0]) if found else 0


def _feed(row: _Row) -> str:
    """Values of weeks may be called for at once, after another site file or an outage: that is a storm too."""
    return f"{UNVERIFIED}:{row.laboratory}:{row.reason}"


def _storm_key(row: _Row) -> str:
    """One a laboratory, reason and window."""
    begin = row.received_at - (row.received_at - _EPOCH) % WINDOW
    return f"{UNVERIFIED}_storm:{row.laboratory}:{row.reason}:{begin.astimezone(UTC):%Y-%m-%dT%H:%M}"


async def _rows(conn: AsyncConnection[Any], event_id: str) -> list[_Row]:
    cursor = await conn.execute(_HELD, (event_id,))
    names = [column.name for column in cursor.description or ()]
    return [_Row(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]
