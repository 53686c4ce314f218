"""Reads persons from the ledger as `halo evaluate --stored` prints them, and re-derives them to find differences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec
from psycopg import AsyncConnection

from alerts.alert import AlertState
from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.overdue.timeline import next_due
from alerts.rule import View
from alerts.rules import RULES
from alerts.series import Series
from alerts.thresholds import Pack, load
from services.ledger import patients, stored
from services.ledger.comparing import encode
from services.ledger.describing import Held, line
from services.ledger.stored import Stored
from services.shared import feeds

CHUNK = 100
_ROOTS: LiteralString = """
SELECT id FROM patient WHERE id > %s AND id NOT IN (SELECT retired_id FROM patient_alias) ORDER BY id LIMIT %s
"""
_ROWS: LiteralString = """
SELECT id, sent_id, public_id, series_version, as_of, incomplete, rule_pack, unwatched, demographics FROM patient
WHERE id = ANY(%s)
"""
_HELD: LiteralString = """
SELECT patient_id, event_id::text, segment, reason, code, value, unit, slot FROM quarantine
WHERE closed_at IS NULL AND (patient_id = ANY(%s) OR (%s AND patient_id IS NULL))
"""


_PACKS: LiteralString = """
SELECT fingerprint, content FROM rule_pack WHERE fingerprint IN (SELECT DISTINCT rule_pack FROM patient)
"""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An alert whose stored and derived forms disagree."""

    patient: str
    """The opaque id."""
    alert_id: str
    rule: str
    problem: str


async def persons(conn: AsyncConnection[Any], zone: ZoneInfo) -> AsyncIterator[Stored]:
    """Every person, a chunk at a time."""
    last, live_from = 0, feeds.begun(await feeds.read(conn))
    while roots := [i for (i,) in await (await conn.execute(_ROOTS, (last, CHUNK))).fetchall()]:
        cursor = await conn.execute(_ROWS, (roots,))
        names = [column.name for column in cursor.description or ()]
        rows = [
            msgspec.convert(dict(zip(names, row, strict=True)), patients.PatientRow) for row in await cursor.fetchall()
        ]
        members = await patients.groups(conn, roots)
        found = await stored.read(conn, {row.id: row for row in rows}, members, zone)
        for root in roots:
            found[root].live_from = live_from
            yield found[root]
        last = roots[-1]


async def lines(conn: AsyncConnection[Any], zone: ZoneInfo, pack: Pack, *, now: datetime | None = None) -> list[bytes]:
    """What `halo evaluate` prints, from what is stored; sorted by patient id."""
    found = []
    async for person in persons(conn, zone):
        held = await _held(conn, person)
        alerts = [alert.state for alert in person.alerts.values() if alert.holds]
        text = line(view(person, pack, now), held, alerts, as_of=now or person.as_of)
        found.append((person.patient, text))
    nameless = await _nobodies(conn)
    if nameless:
        found.append(("", line(nobody(pack, now), nameless, (), as_of=now)))
    return [text for _, text in sorted(found)]


def view(person: Stored, pack: Pack, now: datetime | None = None) -> View:
    """What the rules read of a stored person."""
    return View(
        patient=person.patient, series=person.series, context=person.context, pack=pack, as_of=now or person.as_of,
        live_from=person.live_from,
    )  # fmt: skip


def nobody(pack: Pack, now: datetime | None = None) -> View:
    """A view without a patient, for reports that name none."""
    never = datetime.min.replace(tzinfo=UTC)
    return View(patient="", series=Series(), context=Context(), pack=pack, as_of=now or never)


async def differences(conn: AsyncConnection[Any], zone: ZoneInfo, pack: Pack) -> AsyncIterator[Difference]:
    """Derive every alert anew from the stored results and say where the stored ones differ. There must be none.

    Each person by the pack their alerts were last derived by, `pack` where that is not on record.
    """
    packs = {mark: load(content) for mark, content in await (await conn.execute(_PACKS)).fetchall()}
    async for person in persons(conn, zone):
        seen = view(person, packs.get(person.rule_pack, pack))
        derived = evaluate(seen, RULES)
        failed = frozenset(derived.failed)
        for found in [*compare(person, derived.alerts, failed), *_timers(person, seen, derived.alerts, failed)]:
            yield found


def compare(person: Stored, derived: tuple[AlertState, ...], failed: frozenset[str]) -> list[Difference]:
    """Differences of one person; rules that raise are not compared, they are reported when they raise."""
    held = {a.alert_id: a for a in person.alerts.values() if a.holds and a.state.rule not in failed}
    now = {state.alert_id: state for state in derived}
    found = [(i, now[i].rule, "is missing in the ledger") for i in sorted(now.keys() - held.keys())]
    found += [
        (i, held[i].state.rule, "is stored, but the results do not make it") for i in sorted(held.keys() - now.keys())
    ]
    found += [
        (i, now[i].rule, "is stored with another content")
        for i in sorted(now.keys() & held.keys()) if encode(now[i]) != held[i].body
    ]  # fmt: skip
    return [Difference(patient=person.public_id, alert_id=i, rule=rule, problem=text) for i, rule, text in found]


def _timers(person: Stored, seen: View, derived: tuple[AlertState, ...], failed: frozenset[str]) -> list[Difference]:
    """A timer that is missing, or fires after time alone changed the alerts; an earlier one does no harm."""
    timed = {rule.name for rule in RULES if rule.timed}
    if timed & failed:
        return []
    others = tuple(state for state in derived if state.rule not in timed)
    due = next_due(msgspec.structs.replace(seen, alerts=others, memo={}))
    if due is None or (person.timer is not None and person.timer <= due):
        return []
    problem = f"is due at {due:%Y-%m-%dT%H:%M}Z and no timer fires then"
    return [Difference(patient=person.public_id, alert_id="-", rule=rule, problem=problem) for rule in sorted(timed)]


async def _held(conn: AsyncConnection[Any], person: Stored) -> list[Held]:
    return await _quarantined(conn, list(person.members), nameless=False)


async def _nobodies(conn: AsyncConnection[Any]) -> list[Held]:
    return await _quarantined(conn, [], nameless=True)


async def _quarantined(conn: AsyncConnection[Any], members: list[int], *, nameless: bool) -> list[Held]:
    rows = await (await conn.execute(_HELD, (members, nameless))).fetchall()
    names = ("event_id", "segment", "reason", "code", "value", "unit", "slot")
    return [Held(**dict(zip(names, row[1:], strict=True))) for row in rows]
