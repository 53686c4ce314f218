"""Writes what another site file makes of a person's reports: results replaced under their ids, held ones, counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from schemas.identity import stable_id
from schemas.patient_event import LabReport
from services.ledger import calling, held_items
from services.ledger.applying import Work, quarantine_row
from services.ledger.calling import WAIT
from services.ledger.held_items import Item
from services.ledger.rereading import Rederived, Reread
from services.ledger.stored import Stored
from services.ledger.writes import RESULT
from services.mapping.mapped import Quarantined
from services.mapping.site import Site

_COUNT: LiteralString = """
UPDATE source_message AS s SET stored = n.stored, duplicate = s.results - n.stored - n.quarantined - n.ignored,
    quarantined = n.quarantined, ignored = n.ignored
FROM unnest(%s::text[], %s::int[], %s::int[], %s::int[]) AS n(event_id, stored, quarantined, ignored)
WHERE s.event_id = n.event_id::uuid
"""
_FORGET: LiteralString = "DELETE FROM result WHERE result_id = ANY(%s::text[]::uuid[])"
_FORGET_KEYS: LiteralString = "DELETE FROM result_key WHERE result_id = ANY(%s::text[]::uuid[])"


async def write(
    conn: AsyncConnection[Any],
    work: Work,
    person: Stored,
    found: Rederived,
    items: Mapping[str, list[Item]],
    site: Site,
) -> None:
    """Results, held results and counts as they are under `site`; alerts follow (`Work.remapped`)."""
    gone = [result.result_id for result in found.removed]
    anew = [new for _, new in found.changed] + list(found.renewed)
    if gone or anew:
        await conn.execute(_FORGET, ([*gone, *(result.result_id for result in anew)],))
        await conn.execute(_FORGET_KEYS, (gone,))
    records = {one.message.report.event_id: one.message.record for one in found.reread}
    rows = [work.result_row(records.get(r.source.event_id, person.root), r) for r in [*anew, *found.added]]
    work.writes.result_keys += [(r.result_id, records.get(r.source.event_id, person.root)) for r in found.added]
    work.writes.results += rows[len(anew) :]
    await RESULT.run(conn, rows[: len(anew)])
    for one in found.reread:
        await _quarantine(conn, work, one, items.get(one.message.report.event_id, []), site)
    await _count(conn, found)


async def _quarantine(conn: AsyncConnection[Any], work: Work, one: Reread, items: list[Item], site: Site) -> None:
    report = one.message.report
    placed = {place: item for item in items if (place := held_items.place_of(report, item)) is not None}
    held = {item.index: item for item in one.held}
    again = [(placed[n].id, item) for n, item in held.items() if n in placed and held_items.returns(placed[n])]
    await held_items.amend(conn, again)
    done = [item.id for n, item in placed.items() if item.open and n not in held and n not in one.message.barred]
    await held_items.release(conn, done, f"site file {site.version}")
    at = datetime.fromisoformat(report.source.received_at).astimezone(UTC)
    new = [item for n, item in held.items() if n not in placed]
    work.writes.quarantine += [
        quarantine_row(_id(report, item, site), report, one.message.record, item, at) for item in new
    ]
    if report.purpose == "live" and any(item.would_be == "CRITICAL" for item in new):
        work.writes.timers.append(calling.timer_row(report.event_id, one.message.record, datetime.now(UTC) + WAIT))


def _id(report: LabReport, item: Quarantined, site: Site) -> str:
    return stable_id("quarantine", report.event_id, str(item.index), site.version)


async def _count(conn: AsyncConnection[Any], found: Rederived) -> None:
    """What each report that was read again came to."""
    whose: dict[str, int] = {}
    for result in found.series.results():
        if "derived" not in result.flags:
            whose[result.source.event_id] = whose.get(result.source.event_id, 0) + 1
    rows = [
        (one.message.report.event_id, whose.get(one.message.report.event_id, 0), _held(one), _ignored(one))
        for one in found.reread
    ]
    if rows:
        await conn.execute(_COUNT, [list(column) for column in zip(*rows, strict=True)])


def _held(one: Reread) -> int:
    return len(one.message.barred | {item.index for item in one.mapped.quarantined})


def _ignored(one: Reread) -> int:
    return sum(item.index not in one.message.barred for item in one.mapped.ignored)
