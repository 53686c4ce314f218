"""A result with a collection time in the future is taken when its time has come, as if it came then; one transaction.

The timer is written with the quarantined item. When it fires the kept event is mapped once more, as of the due time;
what is acceptable now is stored and evaluated, what is wrong for another reason stays in quarantine for that one. An
item that was closed in the meantime (the laboratory sent the right time) is left alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.result import Result
from schemas.codec import decode_event
from schemas.identity import stable_id
from schemas.patient_event import LabReport
from services.ledger import governing, patients, site_in_force, stored
from services.ledger.applying import Work, quarantine_row
from services.ledger.errors import OutOfStep
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal
from services.ledger.record import Outcome
from services.ledger.remapping import Remapper
from services.ledger.telling import Teller
from services.ledger.writes import Writes
from services.mapping.mapped import Mapped, Quarantined
from services.mapping.report import map_report
from services.mapping.site import Site

_EVENT: LiteralString = "SELECT event FROM source_message WHERE event_id = %s"
_OPEN: LiteralString = "SELECT id::text FROM quarantine WHERE id = ANY(%s::text[]::uuid[]) AND closed_at IS NULL"
_CLOSE: LiteralString = """
UPDATE quarantine SET closed_at = clock_timestamp(), closed_by = 'its time has come'
WHERE id = ANY(%s::text[]::uuid[]) AND closed_at IS NULL
"""
_COUNT: LiteralString = """
UPDATE source_message SET stored = stored + %(stored)s, duplicate = duplicate + %(duplicate)s,
    ignored = ignored + %(ignored)s, quarantined = quarantined - %(stored)s - %(duplicate)s - %(ignored)s
WHERE event_id = %(event_id)s
"""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a timer of kind `future_collection`."""

    event_id: str
    held: dict[str, int]
    """Id in `quarantine` -> place in the report."""


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the held results of one report."""

    results: tuple[Result, ...]
    quarantined: tuple[Quarantined, ...]
    ignored: int


def pick(report: LabReport, mapped: Mapped, places: frozenset[int]) -> Again:
    """The part of `mapped` that comes from these places of the report, derived results with them."""
    where = {(report.results[place].where.segment, report.results[place].where.offset) for place in places}
    return Again(
        results=tuple(r for r in mapped.results if (r.source.segment, r.source.offset) in where),
        quarantined=tuple(item for item in mapped.quarantined if item.index in places),
        ignored=sum(item.index in places for item in mapped.ignored),
    )


class Retaker:
    """The action of the timer; the caller's transaction marks the timer as fired."""

    def __init__(self, site: Site, teller: Teller, journal: Journal, rules: Rules) -> None:
        self._site, self._teller, self._journal, self._rules = site, teller, journal, rules

    async def __call__(
        self, conn: AsyncConnection[Any], patient_id: int | None, due_at: datetime, body: dict[str, Any]
    ) -> None:
        """Take the results that waited for `due_at`. A LedgerError leaves everything as it was: try again."""
        del patient_id  # a merge may have moved the record; the event says whom it is about
        due = msgspec.convert(body, Held)
        report = await _report(conn, due.event_id)
        self._site = await site_in_force.in_force(conn, self._site)
        self._teller.follow(self._site)
        locked = await patients.lock(conn, [report.patient.id])
        await site_in_force.current(conn, self._site)
        self._rules, self._teller.standing = await governing.in_force(conn, self._rules)
        await governing.keep(conn, self._rules)
        work = Work(
            locked=locked, persons=await stored.read(conn, locked.rows, locked.members, self._site.zone),
            rules=self._rules, teller=self._teller, zone=self._site.zone, writes=Writes(), outcome=Outcome(),
        )  # fmt: skip
        remapper = Remapper(self._site, self._teller, self._journal, self._rules)
        await remapper.bring(conn, work, locked.root(report.patient.id), self._site)
        open_ = {i for (i,) in await (await conn.execute(_OPEN, (list(due.held),))).fetchall()}
        if not open_:
            await work.writes.flush(conn, self._journal)
            return
        places = frozenset(due.held[identity] for identity in open_)
        again = pick(report, map_report(report, self._site, now=due_at), places)
        await self._take(conn, work, report, again, due_at)
        await conn.execute(_CLOSE, (sorted(open_),))

    async def _take(
        self, conn: AsyncConnection[Any], work: Work, report: LabReport, again: Again, due_at: datetime
    ) -> None:
        record = work.locked.by_sent[report.patient.id]
        fresh = work.retake(report, again.results, due_at)
        work.finish()
        work.writes.quarantine += [
            quarantine_row(_again_id(report, item, due_at), report, record, item, due_at) for item in again.quarantined
        ]
        await work.writes.flush(conn, self._journal)
        sent = sum("derived" not in result.flags for result in again.results)
        counts = {"stored": fresh, "duplicate": sent - fresh, "ignored": again.ignored}
        await conn.execute(_COUNT, {**counts, "event_id": report.event_id})


def _again_id(report: LabReport, item: Quarantined, due_at: datetime) -> str:
    return stable_id("quarantine", report.event_id, str(item.index), due_at.isoformat())


async def _report(conn: AsyncConnection[Any], event_id: str) -> LabReport:
    row = await (await conn.execute(_EVENT, (event_id,))).fetchone()
    event = decode_event(bytes(row[0])) if row else None
    if not isinstance(event, LabReport):
        raise OutOfStep(f"event {event_id} of a timer is not in `source_message`; its quarantined results stay there")
    return event
