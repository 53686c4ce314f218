"""Stored reports are taken again under the site file in force: one message for a release, or a whole person.

    taken = await remapper.message(conn, event_id, items=item_ids, by=login)

takes the held results of one source message again (`items`: ids of `quarantine`, all open ones when left out) in the
caller's transaction. What is understood now is stored and evaluated as any sample, late ones as late; its items close
as `released` by `by`. What is not stays open, with today's reason. A message that named no patient the file takes is
moved to the patient when the file takes it now. `Ledger.remapper()` makes one; a SiteChanged or AliasesChanged means
nothing was done, begin the transaction again.

    await remapper.bring(conn, work, root)

re-derives everything of a person from the stored reports, with the cause `mapping`: whoever was told is told again
where it matters, old and new value. The ledger does it before the next event of somebody who is behind, `halo site
apply` and the clock do it for everybody else. Both hold the patient's lock.

Items that a person closed (`closed_as` `closed` or `ignored`), and those held for a reason that no site file gives
(another patient's message), are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.result import Result
from schemas.codec import decode_event
from schemas.identity import stable_id
from schemas.patient_event import ContextChange, LabReport, PatientMerge
from services.ledger import governing, identity, numbers, patients, rereading, site_in_force, stored
from services.ledger.applying import Work, quarantine_row
from services.ledger.errors import OutOfStep
from services.ledger.evaluating import Rules
from services.ledger.journal import Journal
from services.ledger.record import Outcome
from services.ledger.rereading import Message, Rederived, Reread
from services.ledger.stored import Stored
from services.ledger.telling import Cause, Teller
from services.ledger.writes import RESULT, Writes
from services.mapping.difference import Difference, difference
from services.mapping.mapped import Quarantined
from services.mapping.report import map_report
from services.mapping.site import Site

FOREIGN = frozenset({identity.CONFLICT})
"""Reasons that the ledger gives, not the site file."""
BY_STEWARD = ("closed", "ignored")
_EVENT: LiteralString = "SELECT event, patient_id FROM source_message WHERE event_id = %s AND type = 'lab_report'"
_ADMINISTRATION: LiteralString = "SELECT event FROM source_message WHERE event_id = %s AND type <> 'lab_report'"
_REPORTS: LiteralString = """
SELECT event_id::text, event, patient_id FROM source_message
WHERE patient_id = ANY(%s) AND type = 'lab_report' ORDER BY received_at, event_id
"""
_ITEMS: LiteralString = """
SELECT id::text AS id, event_id::text AS event_id, place, segment, code, value, unit, reason, closed_at IS NULL AS open,
       closed_as FROM quarantine WHERE event_id = ANY(%s::text[]::uuid[]) ORDER BY received_at, id
"""
_CLOSE: LiteralString = """
UPDATE quarantine SET closed_at = clock_timestamp(), closed_by = %(by)s, closed_as = %(how)s
WHERE id = ANY(%(ids)s::text[]::uuid[]) AND closed_at IS NULL
"""
_AMEND: LiteralString = """
UPDATE quarantine AS q SET reason = n.reason, detail = n.detail, would_be = n.would_be, slot = n.slot,
    closed_at = NULL, closed_by = NULL, closed_as = ''
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) AS n(id, reason, detail, would_be, slot)
WHERE q.id = n.id::uuid
"""
_DOUBT: LiteralString = "UPDATE quarantine SET reason = %s, detail = %s WHERE id = ANY(%s::text[]::uuid[])"
_COUNT: LiteralString = """
UPDATE source_message AS s SET stored = n.stored, duplicate = s.results - n.stored - n.quarantined - n.ignored,
    quarantined = n.quarantined, ignored = n.ignored
FROM unnest(%s::text[], %s::int[], %s::int[], %s::int[]) AS n(event_id, stored, quarantined, ignored)
WHERE s.event_id = n.event_id::uuid
"""
_TAKEN: LiteralString = """
UPDATE source_message SET stored = stored + %(stored)s, duplicate = duplicate + %(duplicate)s,
    ignored = ignored + %(ignored)s, quarantined = quarantined - %(stored)s - %(duplicate)s - %(ignored)s
WHERE event_id = %(event_id)s
"""
_MOVE: LiteralString = """
WITH moved AS (UPDATE quarantine SET patient_id = %(record)s WHERE event_id = %(event_id)s AND patient_id IS NULL)
UPDATE source_message SET patient_id = %(record)s WHERE event_id = %(event_id)s AND patient_id IS NULL
"""
_FORGET: LiteralString = "DELETE FROM result WHERE result_id = ANY(%s::text[]::uuid[])"
_FORGET_KEYS: LiteralString = "DELETE FROM result_key WHERE result_id = ANY(%s::text[]::uuid[])"
_BROUGHT: LiteralString = "UPDATE patient SET site_version = %s WHERE id = ANY(%s)"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `quarantine`, open or closed."""

    id: str
    event_id: str
    place: int
    segment: int
    code: str
    value: str
    unit: str
    reason: str
    open: bool
    closed_as: str

    @property
    def barred(self) -> bool:
        """Not to be taken by a change of the site file."""
        return self.closed_as in BY_STEWARD if not self.open else self.reason in FOREIGN


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the held results of one message that were taken again."""

    stored: int = 0
    duplicate: int = 0
    ignored: int = 0
    held: tuple[tuple[str, str], ...] = ()
    """Ids of the items that stay open, each with its reason of today."""
    closed: tuple[str, ...] = ()
    patient: str = ""
    """As sent; empty when the message still names nobody."""


class Remapper:
    """Works with the site file and the rules in force; one a connection."""

    def __init__(self, site: Site, teller: Teller, journal: Journal, rules: Rules) -> None:
        self._site, self._teller, self._journal, self._rules = site, teller, journal, rules
        self._differences: dict[tuple[str, str], Difference] = {}

    @property
    def site(self) -> Site:
        """The file that was in force when it was last asked for."""
        return self._site

    def follow(self, site: Site) -> None:
        """The caller knows what is in force."""
        self._site = site

    async def govern(self, conn: AsyncConnection[Any]) -> Site:
        """Take the site file and the rules that are in force now."""
        self._site = await site_in_force.in_force(conn, self._site)
        self._teller.follow(self._site)
        self._rules, self._teller.standing = await governing.in_force(conn, self._rules)
        await governing.keep(conn, self._rules)
        return self._site

    async def message(
        self, conn: AsyncConnection[Any], event_id: str, *, items: Collection[str] | None = None, by: str = "",
        at: datetime | None = None,
    ) -> Taken:  # fmt: skip
        """Take held results of one message again; see above. OutOfStep when the message is not stored."""
        now = at or datetime.now(UTC)
        site = await self.govern(conn)
        whole = await administration(conn, event_id)
        if whole is not None:
            return await self._admit(conn, whole, event_id, items, by)
        report, record = await _report(conn, event_id)
        wanted = [
            item
            for item in await _items(conn, [event_id])
            if item.open and (item.id in items if items is not None else not item.barred)
        ]
        if not wanted or site.refuses_identity(report.patient.id):
            return Taken(held=tuple((item.id, item.reason) for item in wanted))
        work = await self.work_on(conn, report.patient.id)
        if record is None:
            await conn.execute(_MOVE, {"record": work.locked.by_sent[report.patient.id], "event_id": event_id})
        if record is None and items is None and (doubt := await _doubt(conn, work, report)):
            await conn.execute(_DOUBT, (identity.CONFLICT, doubt, [item.id for item in wanted]))
            taken = Taken(held=tuple((item.id, identity.CONFLICT) for item in wanted), patient=report.patient.id)
        else:
            taken = await self._take(conn, work, report, wanted, by, now, named=record is None)
        await work.writes.flush(conn, self._journal)
        return taken

    async def _admit(
        self, conn: AsyncConnection[Any], event: ContextChange | PatientMerge, event_id: str,
        items: Collection[str] | None, by: str,
    ) -> Taken:  # fmt: skip
        """Administration that was held as a whole: a person says that it is about whom it names. Never a merge."""
        wanted = [item for item in await _items(conn, [event_id]) if item.open and (items is None or item.id in items)]
        if not wanted or isinstance(event, PatientMerge) or self._site.refuses_identity(event.patient.id):
            return Taken(held=tuple((item.id, item.reason) for item in wanted))
        work = await self.work_on(conn, event.patient.id)
        await conn.execute(_MOVE, {"record": work.locked.by_sent[event.patient.id], "event_id": event_id})
        work.admit(event)
        work.finish()
        closed = [item.id for item in wanted]
        await conn.execute(_CLOSE, {"ids": closed, "by": by or "site file", "how": "released"})
        await work.writes.flush(conn, self._journal)
        return Taken(closed=tuple(closed), patient=event.patient.id)

    async def person(self, conn: AsyncConnection[Any], sent_id: str) -> Rederived | None:
        """Bring the person with this record up to the file in force, in the caller's transaction; None when there."""
        site = await self.govern(conn)
        work = await self.work_on(conn, sent_id, bring=False)
        found = await self.bring(conn, work, work.locked.root(sent_id), site)
        await work.writes.flush(conn, self._journal)
        return found

    async def bring(
        self, conn: AsyncConnection[Any], work: Work, root: int, site: Site, now: datetime | None = None
    ) -> Rederived | None:
        """Re-derive a locked person who is behind the file in force; None for one who is not."""
        person = work.persons[root]
        before = work.locked.rows[root].site_version
        if before in ("", site.version):
            await site_in_force.mark_new(conn, list(person.members), site)
            return None
        at = now or datetime.now(UTC)
        found, items = await self.look(conn, person, site, before, at)
        await self._write(conn, work, person, found, items, site)
        work.remapped(person, found.series, _cause(found, at), moved=found.moved)
        await conn.execute(_BROUGHT, (site.version, list(person.members)))
        return found

    async def look(
        self, conn: AsyncConnection[Any], person: Stored, site: Site, before: str, now: datetime
    ) -> tuple[Rederived, dict[str, list[Item]]]:
        """What the person's reports make under `site`, who was last mapped by version `before`; writes nothing."""
        reached = await self._difference(conn, before, site)
        rows = [] if reached.nothing else await (await conn.execute(_REPORTS, (list(person.members),))).fetchall()
        reports = [(_decoded(event), record) for _, event, record in rows]
        chosen = [(report, record) for report, record in reports if report and reached.reaches(report)]
        items: dict[str, list[Item]] = {}
        for item in await _items(conn, [report.event_id for report, _ in chosen]):
            items.setdefault(item.event_id, []).append(item)
        messages = [
            Message(report=report, record=record, barred=barred(report, items.get(report.event_id, ())))
            for report, record in chosen
        ]
        return rereading.rederive(person.series, messages, site, now), items

    async def _difference(self, conn: AsyncConnection[Any], before: str, site: Site) -> Difference:
        key = (before, site.version)
        if key not in self._differences:
            self._differences[key] = difference(await site_in_force.read(conn, before), site)
        return self._differences[key]

    async def flush(self, conn: AsyncConnection[Any], work: Work) -> None:
        """Write what came of it."""
        await work.writes.flush(conn, self._journal)

    async def work_on(self, conn: AsyncConnection[Any], sent_id: str, *, bring: bool = True) -> Work:
        """The person with this record, locked and read by the file in force; after `govern`. AliasesChanged."""
        locked = await patients.lock(conn, [sent_id])
        await site_in_force.current(conn, self._site)
        zone = self._site.zone
        work = Work(
            locked=locked, persons=await stored.read(conn, locked.rows, locked.members, zone), rules=self._rules,
            teller=self._teller, zone=zone, writes=Writes(), outcome=Outcome(),
        )  # fmt: skip
        if bring:
            await self.bring(conn, work, locked.root(sent_id), self._site)
        return work

    async def _take(
        self, conn: AsyncConnection[Any], work: Work, report: LabReport, wanted: list[Item], by: str, now: datetime,
        *, named: bool,
    ) -> Taken:  # fmt: skip
        placed = {item.id: place_of(report, item) for item in wanted}
        places = frozenset(place for place in placed.values() if place is not None)
        mapped = map_report(report, self._site, now=now)
        where = {(report.results[n].where.segment, report.results[n].where.offset) for n in places}
        results = [r for r in mapped.results if (r.source.segment, r.source.offset) in where]
        held = {item.index: item for item in mapped.quarantined if item.index in places}
        if named or any(item.reason in FOREIGN for item in wanted):
            work.believe(report)
        fresh = work.retake(report, results, now) if results else 0
        work.finish()
        still = [(i, held[place]) for i, place in placed.items() if place is not None and place in held]
        await _amend(conn, still)
        lost = {i: item.reason for i, item in ((i.id, i) for i in wanted) if placed[i] is None}
        closed = [i for i, place in placed.items() if place is not None and place not in held]
        await conn.execute(_CLOSE, {"ids": closed, "by": by or "site file", "how": "released"})
        sent = sum("derived" not in result.flags for result in results)
        ignored = sum(item.index in places for item in mapped.ignored)
        counts = {"stored": fresh, "duplicate": sent - fresh, "ignored": ignored}
        await conn.execute(_TAKEN, {**counts, "event_id": report.event_id})
        return Taken(
            **counts, closed=tuple(closed), patient=report.patient.id,
            held=(*((i, item.reason) for i, item in still), *lost.items()),
        )  # fmt: skip

    async def _write(
        self, conn: AsyncConnection[Any], work: Work, person: Stored, found: Rederived, items: dict[str, list[Item]],
        site: Site,
    ) -> None:  # fmt: skip
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
            await self._quarantine(conn, work, one, items.get(one.message.report.event_id, []), site)
        await _count(conn, found)

    async def _quarantine(
        self, conn: AsyncConnection[Any], work: Work, one: Reread, items: list[Item], site: Site
    ) -> None:
        report = one.message.report
        placed = {place: item for item in items if (place := place_of(report, item)) is not None}
        held = {item.index: item for item in one.held}
        again = [(placed[n].id, item) for n, item in held.items() if n in placed and _returns(placed[n], item)]
        await _amend(conn, again)
        done = [item.id for n, item in placed.items() if item.open and n not in held and n not in one.message.barred]
        await conn.execute(_CLOSE, {"ids": done, "by": f"site file {site.version}", "how": "released"})
        at = datetime.fromisoformat(report.source.received_at).astimezone(UTC)
        work.writes.quarantine += [
            quarantine_row(_id(report, item, site), report, one.message.record, item, at)
            for n, item in held.items() if n not in placed
        ]  # fmt: skip


def barred(report: LabReport, items: Iterable[Item]) -> frozenset[int]:
    """Places of the report that no change of the site file takes."""
    return frozenset(n for item in items if item.barred and (n := place_of(report, item)) is not None)


def place_of(report: LabReport, item: Item) -> int | None:
    """Where in the report a held result stands; None when two results look alike to a row of before it was kept."""
    if 0 <= item.place < len(report.results):
        return item.place
    alike = [
        n for n, sent in enumerate(report.results)
        if sent.where.segment == item.segment and sent.unit == item.unit
        and (sent.code[0].code if sent.code else "") == item.code
    ]  # fmt: skip
    return alike[0] if len(alike) == 1 else None


def _returns(item: Item, held: Quarantined) -> bool:
    """It is open and reads differently, or the site file had let it go; an answered one stays closed."""
    return item.open or item.closed_as == "released" or (held.reason, item.closed_as) == ("ignored_code", "")


def _cause(found: Rederived, at: datetime) -> Cause:
    """History calls nobody: where only imported history reads differently nothing is sent."""
    new = {result.result_id for result in (*found.added, *(new for _, new in found.changed))}
    live = any(
        one.message.report.purpose != "history" for one in found.reread
        if not new or any(result.result_id in new for result in one.results)
    )  # fmt: skip
    return Cause(event_id=None, received_at=at, kind="mapping", history=found.moved and not live)


def _id(report: LabReport, item: Quarantined, site: Site) -> str:
    return stable_id("quarantine", report.event_id, str(item.index), site.version)


async def _amend(conn: AsyncConnection[Any], held: Iterable[tuple[str, Quarantined]]) -> None:
    rows = [(i, item.reason, item.detail, item.would_be, item.slot) for i, item in held]
    if rows:
        await conn.execute(_AMEND, [list(column) for column in zip(*rows, strict=True)])


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


async def _items(conn: AsyncConnection[Any], events: list[str]) -> list[Item]:
    cursor = await conn.execute(_ITEMS, (events,))
    names = [column.name for column in cursor.description or ()]
    return [Item(**dict(zip(names, row, strict=True))) for row in await cursor.fetchall()]


async def administration(conn: AsyncConnection[Any], event_id: str) -> ContextChange | PatientMerge | None:
    """The stored event when it is no report of results."""
    row = await (await conn.execute(_ADMINISTRATION, (event_id,))).fetchone()
    found = decode_event(bytes(row[0])) if row else None
    return found if isinstance(found, ContextChange | PatientMerge) else None


async def _report(conn: AsyncConnection[Any], event_id: str) -> tuple[LabReport, int | None]:
    row = await (await conn.execute(_EVENT, (event_id,))).fetchone()
    report = _decoded(row[0]) if row else None
    if row is None or report is None:
        raise OutOfStep(f"event {event_id} is no stored report; its held results stay where they are")
    return report, row[1]


def _decoded(event: Any) -> LabReport | None:
    found = decode_event(bytes(event))
    return found if isinstance(found, LabReport) else None


async def _doubt(conn: AsyncConnection[Any], work: Work, report: LabReport) -> str:
    """Whether a message whose number is taken only now is about whom it names."""
    work.others = await numbers.known(conn, set(identity.numbers(report.patient)) - {report.patient.id})
    return work.doubted(report)


def remapped_results(found: Rederived) -> list[Result]:
    """Those that mean something else than before, or are new."""
    return [*found.added, *(new for _, new in found.changed)]
