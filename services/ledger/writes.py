"""Everything one transaction will write, collected first and written in a few statements."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from schemas.alert import Alert, ChainHead, encode_alert
from services.ledger import timers
from services.ledger.bulk import Bulk, array_literal
from services.ledger.closing import Closings
from services.ledger.errors import OutOfStep
from services.ledger.feeds import Tallies
from services.ledger.journal import Entry, Journal
from services.ledger.numbers import Numbers
from services.ledger.operations import Technical, report
from services.ledger.settling import ignored_now, pages_over
from services.ledger.stored import StoredAlert
from services.shared.topics import ALERTS

SHARDS = 16
"""Ranges of patients; the outbox keeps order within one. May be raised at any time, the relay asks which there are."""

Row = tuple[Any, ...]
SLOT, RECEIVED_AT = 3, 7
"""Places of slot and reception in a row of `result`."""
QUARANTINE_SLOT = 12
"""Place of the slot in a row of `quarantine`."""

SOURCE = Bulk("source_message", {
    "event_id": "uuid", "patient_id": "int8", "type": "text", "purpose": "text", "format": "text", "sender": "text",
    "message_id": "text", "message_type": "text", "sent_at": "text", "received_at": "timestamptz", "sha256": "text",
    "charset": "text", "raw": "bytea", "event": "bytea", "results": "int4", "stored": "int4", "duplicate": "int4",
    "quarantined": "int4", "ignored": "int4",
}, order="ORDER BY event_id")  # fmt: skip
RESULT_KEY = Bulk("result_key", {"result_id": "uuid", "patient_id": "int8"}, order="ORDER BY result_id",
                  tail="ON CONFLICT DO NOTHING RETURNING result_id::text")  # fmt: skip
RESULT = Bulk("result", {
    "result_id": "uuid", "patient_id": "int8", "analyte": "text", "slot": "uuid", "collected_at": "timestamptz",
    "status": "text", "version_time": "timestamptz", "received_at": "timestamptz", "value": "numeric",
    "comparator": "text", "unit": "text", "quality": "text", "event_id": "uuid", "mapping_version": "text",
    "body": "bytea",
})  # fmt: skip
QUARANTINE = Bulk("quarantine", {
    "id": "uuid", "event_id": "uuid", "patient_id": "int8", "reason": "text", "detail": "text", "laboratory": "text",
    "code": "text", "value": "text", "unit": "text", "segment": "int4", "collected_at": "text", "would_be": "text",
    "slot": "text", "received_at": "timestamptz", "place": "int4", "analyte": "text", "system": "text",
    "display": "text", "looks_in": "text",
}, tail="ON CONFLICT DO NOTHING")  # fmt: skip
CONTEXT = Bulk("context_event", {
    "event_id": "uuid", "number": "int4", "patient_id": "int8", "kind": "text", "body": "jsonb",
    "received_at": "timestamptz",
})  # fmt: skip
TIMER = Bulk("timer", {
    "id": "uuid", "kind": "text", "patient_id": "int8", "due_at": "timestamptz", "body": "jsonb",
}, tail="ON CONFLICT DO NOTHING")  # fmt: skip
REFUSED = Bulk("refused", {
    "event_id": "uuid", "sender": "text", "reason": "text", "field": "text", "received_at": "timestamptz",
    "raw": "bytea",
}, tail="ON CONFLICT DO NOTHING RETURNING event_id::text")  # fmt: skip
_ALERT_COLUMNS: dict[LiteralString, LiteralString] = {
    "alert_id": "uuid", "patient_id": "int8", "version": "int4", "family": "text", "rule": "text", "level": "text",
    "severity": "text", "condition": "text", "response": "text", "flags": "text[]", "anchor": "uuid",
    "slots": "uuid[]", "opened_at": "timestamptz", "regraded_at": "timestamptz", "cleared_at": "timestamptz",
    "sampled_at": "timestamptz", "analyte": "text", "value": "numeric", "unit": "text", "summary": "jsonb",
    "body": "bytea", "rule_pack": "text", "site_version": "text", "late": "bool", "superseded_by": "uuid",
    "code": "text", "acknowledged_by": "text", "acknowledged_at": "timestamptz", "acknowledged_version": "int4",
    "acknowledgement_expires_at": "timestamptz", "told_at": "timestamptz", "told_severity": "text",
    "told_value": "numeric", "told_level": "text", "told_analyte": "text",
    "told_sampled_at": "timestamptz", "event_id": "uuid", "received_at": "timestamptz",
    "rule_pack_status": "text", "told_draft": "bool", "withheld": "text",
    "held_until": "timestamptz", "feed": "text", "imported_until": "timestamptz",
}  # fmt: skip
_UPSERT: LiteralString = """ON CONFLICT (alert_id) DO UPDATE SET
    patient_id = excluded.patient_id, version = excluded.version, level = excluded.level,
    severity = excluded.severity, condition = excluded.condition, response = excluded.response,
    flags = excluded.flags, slots = excluded.slots, opened_at = excluded.opened_at,
    regraded_at = excluded.regraded_at, cleared_at = excluded.cleared_at, sampled_at = excluded.sampled_at,
    analyte = excluded.analyte, value = excluded.value, unit = excluded.unit, summary = excluded.summary,
    body = excluded.body, rule_pack = excluded.rule_pack, site_version = excluded.site_version,
    superseded_by = excluded.superseded_by, acknowledged_by = excluded.acknowledged_by,
    acknowledged_at = excluded.acknowledged_at, acknowledged_version = excluded.acknowledged_version,
    acknowledgement_expires_at = excluded.acknowledgement_expires_at, told_at = excluded.told_at,
    told_severity = excluded.told_severity, told_value = excluded.told_value, told_level = excluded.told_level,
    told_analyte = excluded.told_analyte, told_sampled_at = excluded.told_sampled_at,
    rule_pack_status = excluded.rule_pack_status, told_draft = excluded.told_draft,
    withheld = excluded.withheld, held_until = excluded.held_until, feed = excluded.feed,
    imported_until = excluded.imported_until,
    event_id = excluded.event_id, received_at = excluded.received_at, changed_at = clock_timestamp()
WHERE alert.version < excluded.version RETURNING alert_id::text"""
ALERT = Bulk("alert", _ALERT_COLUMNS, tail=_UPSERT, order="ORDER BY alert_id")
DELIVERY = Bulk("delivery", {
    "id": "uuid", "alert_id": "uuid", "alert_version": "int4", "patient_id": "int8", "channel": "text",
    "recipient": "text", "change": "text", "reason": "text", "body": "bytea", "received_at": "timestamptz",
    "status": "text", "closed_for": "text",
}, tail="ON CONFLICT (alert_id, alert_version, channel, recipient) DO NOTHING")  # fmt: skip
CANDIDATE = Bulk("candidate", {
    "patient_id": "int8", "reason": "text", "collected_at": "timestamptz", "result_id": "uuid", "value": "numeric",
    "unit": "text",
})  # fmt: skip
_UNLIST: LiteralString = "DELETE FROM candidate WHERE patient_id = ANY(%s)"
OUTBOX = Bulk("outbox", {"shard": "int4", "topic": "text", "key": "bytea", "value": "bytea", "headers": "jsonb"})
PACK_CHANGE = Bulk("pack_change", {
    "alert_id": "uuid", "alert_version": "int4", "patient_id": "int8", "rule": "text", "kind": "text",
    "severity_before": "text", "severity_after": "text", "fingerprint": "text",
})  # fmt: skip
LIVE = Bulk("live_event", {"kind": "text", "patient_id": "int8", "alert_id": "uuid"})
DEAD_LETTER = Bulk("dead_letter", {
    "id": "uuid", "topic": "text", "partition": "int4", "kafka_offset": "int8", "key": "bytea", "value": "bytea",
    "headers": "jsonb", "error_class": "text", "reason": "text", "code_version": "text",
}, tail="ON CONFLICT DO NOTHING RETURNING id::text")  # fmt: skip
_ARRIVED: LiteralString = """
UPDATE quarantine AS q SET closed_at = clock_timestamp(), closed_by = 'arrived acceptable'
FROM unnest(%s::text[], %s::timestamptz[]) AS n(slot, received_at)
WHERE q.closed_at IS NULL AND q.slot = n.slot AND q.received_at <= n.received_at RETURNING q.id::text
"""
_ANSWERED: LiteralString = """
UPDATE quarantine AS q SET closed_at = clock_timestamp(), closed_by = 'arrived acceptable'
WHERE q.id = ANY(%s::text[]::uuid[]) AND q.closed_at IS NULL AND EXISTS (
    SELECT FROM result AS r
    WHERE r.patient_id = q.patient_id AND r.slot = nullif(q.slot, '')::uuid AND r.received_at >= q.received_at)
RETURNING q.id::text
"""
_PATIENTS: LiteralString = """
UPDATE patient AS p SET series_version = n.version, as_of = greatest(p.as_of, n.as_of),
    incomplete = n.incomplete::jsonb, rule_pack = n.rule_pack
FROM unnest(%b::int8[], %b::int8[], %b::timestamptz[], %b::text[], %b::text[])
    AS n(id, version, as_of, incomplete, rule_pack)
WHERE p.id = n.id
"""
_SAID_EARLIER: LiteralString = """
UPDATE context_event AS c SET received_at = least(c.received_at, n.received_at)
FROM unnest(%s::text[], %s::timestamptz[]) AS n(event_id, received_at) WHERE c.event_id = n.event_id::uuid
"""
_PEOPLE: LiteralString = """
UPDATE patient AS p SET demographics = n.said::jsonb, identifiers = n.identifiers::jsonb, family = n.family,
    given = n.given, birth_date = n.birth_date, sex = n.sex, ward = n.ward, bed = n.bed,
    place_at = coalesce(n.place_at, p.place_at)
FROM unnest(%b::int8[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
            %b::timestamptz[])
    AS n(id, said, identifiers, family, given, birth_date, sex, ward, bed, place_at)
WHERE p.id = n.id
"""


_WATCH: LiteralString = """
UPDATE patient AS p SET unwatched = n.unwatched FROM unnest(%b::int8[], %b::text[]) AS n(id, unwatched)
WHERE p.id = n.id
"""


class Writes(msgspec.Struct, kw_only=True):
    """Rows by table, in the order of the columns above."""

    sources: list[Row] = []
    result_keys: list[Row] = []
    results: list[Row] = []
    quarantine: list[Row] = []
    timers: list[Row] = []
    contexts: list[Row] = []
    said_earlier: list[Row] = []
    """Stored events of context that were received earlier than was known, and when."""
    refused: list[Row] = []
    tallies: Tallies = msgspec.field(default_factory=Tallies)
    """What came by each feed."""
    numbers: Numbers = msgspec.field(default_factory=Numbers)
    """Aliases, records that may be one person, order numbers."""
    alerts: dict[str, Row] = {}
    deliveries: list[Row] = []
    outbox: list[Row] = []
    live: dict[Row, None] = {}
    dead_letters: list[Row] = []
    patients: dict[int, Row] = {}
    lapses: dict[int, datetime | None] = {}
    """By root, when time alone changes the alerts next; None takes the timer away."""
    people: dict[int, Row] = {}
    pack_changes: list[Row] = []
    """Alerts that changed only because of the rules: the review list."""
    candidates: dict[int, list[Row]] = {}
    """Per root all its findings that ask for enrolment; those listed before are replaced."""
    watch: dict[int, Row] = {}
    """Whether the patient is watched, where that changed."""
    closings: Closings = msgspec.field(default_factory=Closings)
    journal: list[Entry] = []
    announcements: list[tuple[int, Alert]] = []
    """Records of `alerts.v1`, each with the place of its entry in `journal`."""
    technical: list[Technical] = []

    async def flush(self, conn: AsyncConnection[Any], journal: Journal) -> None:
        """Write everything, inside the caller's transaction. OutOfStep if something was changed behind our back."""
        await self._write_results(conn)
        await self._write_quarantine(conn)
        await self.tallies.write(conn)
        self.technical += await self.numbers.write(conn)
        await TIMER.run(conn, self.timers)
        await CONTEXT.run(conn, self.contexts)
        for row in self.said_earlier:
            await _update(conn, _SAID_EARLIER, [row])
        await _update(conn, _PATIENTS, self.patients.values())
        await _update(conn, _PEOPLE, self.people.values())
        await _update(conn, _WATCH, self.watch.values())
        await self._list(conn)
        self.journal += await self.closings.close(conn)
        await timers.write(conn, self.lapses)
        done = await ALERT.run(conn, list(self.alerts.values()))
        if len(done) != len(self.alerts):
            raise OutOfStep("an alert was changed without its patient's lock; nothing of this batch is stored")
        await self.closings.mark(conn)
        await PACK_CHANGE.run(conn, self.pack_changes)
        self._announce(await journal.append(conn, self.journal))
        await DELIVERY.run(conn, self.deliveries)
        await self.closings.forget(conn)
        await OUTBOX.run(conn, self.outbox)
        await LIVE.run(conn, list(self.live))
        await report(conn, self.technical)
        await self._notify(conn)

    def _announce(self, heads: list[tuple[int, bytes]]) -> None:
        """Each record of `alerts.v1` carries the head of its patient's log: a tail that was cut shows."""
        for place, record in self.announcements:
            number, mac = heads[place]
            key = record.patient.encode()
            headers = {"ce_id": f"{record.alert_id}:{record.version}", "ce_type": ALERTS, "ce_specversion": "1.0"}
            value = encode_alert(msgspec.structs.replace(record, chain=ChainHead(count=number, mac=mac.hex())))
            self.outbox.append((shard(key), ALERTS, key, value, msgspec.json.encode(headers).decode()))

    async def _write_results(self, conn: AsyncConnection[Any]) -> None:
        await SOURCE.run(conn, self.sources)
        fresh = {key for (key,) in await RESULT_KEY.run(conn, self.result_keys)}
        if len(fresh) != len(self.result_keys):
            raise OutOfStep("a result id is stored that its patient's series does not hold; run `halo rebuild`")
        await RESULT.run(conn, self.results)

    async def _write_quarantine(self, conn: AsyncConnection[Any]) -> None:
        """Items are closed by an acceptable result of their slot that was received later, whichever is stored first."""
        await QUARANTINE.run(conn, self.quarantine)
        closed: list[Row] = []
        if self.results:
            columns = [row[SLOT] for row in self.results], [row[RECEIVED_AT] for row in self.results]
            closed += await (await conn.execute(_ARRIVED, columns)).fetchall()
        placed = [row[0] for row in self.quarantine if row[QUARANTINE_SLOT]]
        if placed:
            closed += await (await conn.execute(_ANSWERED, (placed,))).fetchall()
        if closed:
            await pages_over(conn, [item for (item,) in closed])
        if self.quarantine:
            await ignored_now(conn, [row[0] for row in self.quarantine])

    async def _list(self, conn: AsyncConnection[Any]) -> None:
        if self.candidates:
            await conn.execute(_UNLIST, (list(self.candidates),))
            await CANDIDATE.run(conn, [row for rows in self.candidates.values() for row in rows])

    async def _notify(self, conn: AsyncConnection[Any]) -> None:
        heard = [name for name, rows in (("delivery", self.deliveries), ("outbox", self.outbox), ("live", self.live))
                 if rows]  # fmt: skip
        if heard:
            await conn.execute("SELECT pg_notify(c, '') FROM unnest(%s::text[]) AS c", ([f"halo_{n}" for n in heard],))


async def _update(conn: AsyncConnection[Any], query: LiteralString, rows: Iterable[Row]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        await conn.execute(query, columns)


def shard(key: bytes | None) -> int:
    """The range of patients that a Kafka key belongs to."""
    return zlib.crc32(key or b"") % SHARDS


def alert_row(
    alert: StoredAlert, site_version: str, event_id: str | None, received_at: Any, *, rule_pack_status: str
) -> Row:
    """The columns of one alert, in the order of `ALERT`."""
    s = alert.state
    return (
        alert.alert_id, alert.patient_id, alert.version, s.family, s.rule, s.level, str(s.severity), alert.condition,
        alert.response, array_literal(s.flags), s.anchor, array_literal(s.slots), s.opened_at, s.regraded_at,
        s.cleared_at, s.sampled_at, s.analyte, s.value, s.unit, msgspec.json.encode(s.summary).decode(), alert.body,
        s.rule_pack, site_version, alert.late, alert.superseded_by, alert.code, alert.acknowledged_by,
        alert.acknowledged_at, alert.acknowledged_version, alert.acknowledgement_expires_at, alert.told_at,
        alert.told_severity, alert.told_value, alert.told_level, alert.told_analyte,
        alert.told_sampled_at, event_id, received_at, rule_pack_status, alert.told_draft, alert.withheld,
        alert.held_until, alert.feed, alert.imported_until,
    )  # fmt: skip
