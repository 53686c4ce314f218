"""Stored reports are taken again under the site file in force: one message for a release, or a whole person.

    taken = await remapper.message(conn, event_id, items=item_ids, by=login)

takes the held results of one source message again (`items`: ids of `quarantine`, all open ones when left out) in the
caller's transaction. What is understood now is stored and evaluated as any sample, late ones as late; its items close
as `released` by `by`. What is not stays open, with today's reason. A message that named no patient the file takes is
moved to the patient when the file takes it now. `Ledger.remapper()` makes one; a SiteChanged or AliasesChanged means
nothing was done, begin the transaction again.

    await remapper.bring(conn, work, root)

re-derives everything of a person from the stored reports, with the cause `mapping`: whoever was told is told again
where it matters, old and new value. The ledger does it before the next event of somebody who is behind, the clock does
it for everybody else. Both hold the patient's lock.

Items that a person closed (`closed_as` `closed` or `ignored`), and those held for a reason that no site file gives
(another patient's message), are left alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.result import Result
from schemas.patient_event import ContextChange, LabReport, PatientMerge
from services.ledger import (
    governing,
    held_items,
    identity,
    numbers,
    patients,
    remap_writes,
    rereading,
    site_in_force,
    stored,
    stored_messages,
)
from services.ledger.applying import Work
from services.ledger.evaluating import Rules
from services.ledger.held_items import Item
from services.ledger.journal import Journal
from services.ledger.record import Outcome
from services.ledger.rereading import Message, Rederived
from services.ledger.stored import Stored
from services.ledger.telling import Cause, Teller
from services.ledger.writes import Writes
from services.mapping.difference import Difference, difference
from services.mapping.report import map_report
from services.mapping.site import Site

_TAKEN: LiteralString = """
UPDATE source_message SET stored = stored + %(stored)s, duplicate = duplicate + %(duplicate)s,
    ignored = ignored + %(ignored)s, quarantined = quarantined - %(stored)s - %(duplicate)s - %(ignored)s
WHERE event_id = %(event_id)s
"""
_MOVE: LiteralString = """
WITH moved AS (UPDATE quarantine SET patient_id = %(record)s WHERE event_id = %(event_id)s AND patient_id IS NULL)
UPDATE source_message SET patient_id = %(record)s WHERE event_id = %(event_id)s AND patient_id IS NULL
"""
_BROUGHT: LiteralString = "UPDATE patient SET site_version = %s WHERE id = ANY(%s)"


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
        self._sites: dict[str, Site | None] = {}

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
        whole = await stored_messages.administration(conn, event_id)
        if whole is not None:
            return await self._admit(conn, whole, event_id, items, by)
        report, record = await stored_messages.report(conn, event_id)
        wanted = [
            item
            for item in await held_items.of(conn, [event_id])
            if item.open and (item.id in items if items is not None else not item.barred)
        ]
        if not wanted or site.refuses_identity(report.patient.id, report.source.sender):
            return Taken(held=tuple((item.id, item.reason) for item in wanted))
        work = await self.work_on(conn, report.patient.id)
        if record is None:
            await conn.execute(_MOVE, {"record": work.locked.by_sent[report.patient.id], "event_id": event_id})
        if record is None and items is None and (doubt := await _doubt(conn, work, report)):
            await held_items.doubt(conn, [item.id for item in wanted], doubt)
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
        found = [item for item in await held_items.of(conn, [event_id]) if item.open]
        wanted = [item for item in found if (not item.barred if items is None else item.id in items)]
        refused = self._site.refuses_identity(event.patient.id, event.source.sender)
        if not wanted or isinstance(event, PatientMerge) or refused:
            return Taken(held=tuple((item.id, item.reason) for item in wanted))
        work = await self.work_on(conn, event.patient.id)
        await conn.execute(_MOVE, {"record": work.locked.by_sent[event.patient.id], "event_id": event_id})
        if items is None and (doubt := await _doubt(conn, work, event)):
            await held_items.doubt(conn, [item.id for item in wanted], doubt)
            await work.writes.flush(conn, self._journal)
            return Taken(held=tuple((item.id, identity.CONFLICT) for item in wanted), patient=event.patient.id)
        work.admit(event)
        work.finish()
        closed = [item.id for item in wanted]
        await held_items.release(conn, closed, by or "site file")
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
        if not found.reread and await self._same_people(conn, before, site):
            await conn.execute(_BROUGHT, (site.version, list(person.members)))
            return found
        await remap_writes.write(conn, work, person, found, items, site)
        if await self._enrols_otherwise(conn, before, site):
            work.enrol_again(person, await stored_messages.everything(conn, person.members))
        work.remapped(person, found.series, _cause(found, at), moved=found.moved)
        await conn.execute(_BROUGHT, (site.version, list(person.members)))
        return found

    async def look(
        self, conn: AsyncConnection[Any], person: Stored, site: Site, before: str, now: datetime
    ) -> tuple[Rederived, dict[str, list[Item]]]:
        """What the person's reports make under `site`, who was last mapped by version `before`; writes nothing."""
        reached = await self._difference(conn, before, site)
        reports = [] if reached.nothing else await stored_messages.reports(conn, person.members)
        chosen = [(report, record) for report, record in reports if reached.reaches(report)]
        items: dict[str, list[Item]] = {}
        for item in await held_items.of(conn, [report.event_id for report, _ in chosen]):
            items.setdefault(item.event_id, []).append(item)
        messages = [
            Message(
                report=held_items.believed(report, [i for i in items.get(report.event_id, ()) if i.released]),
                record=record, barred=held_items.barred(report, items.get(report.event_id, ())),
            )
            for report, record in chosen
        ]  # fmt: skip
        return rereading.rederive(person.series, messages, site, now), items

    async def indifferent(self, conn: AsyncConnection[Any], before: str, site: Site) -> bool:
        """Whether nothing that is stored means anything else, nor is anybody else watched."""
        return (await self._difference(conn, before, site)).nothing and await self._same_people(conn, before, site)

    async def _same_people(self, conn: AsyncConnection[Any], before: str, site: Site) -> bool:
        old = await self._old(conn, before)
        watched = old is not None and old.file.enrolment == site.file.enrolment and old.zone == site.zone
        return watched and not await self._enrols_otherwise(conn, before, site)

    async def _enrols_otherwise(self, conn: AsyncConnection[Any], before: str, site: Site) -> bool:
        if not site.file.enrol or site.file.enrolment.watch != "listed":
            return False
        found = await self._old(conn, before)
        if found is None:
            return True
        old = found.file
        return (old.enrol, old.enrolment, old.sender) != (site.file.enrol, site.file.enrolment, site.file.sender)

    async def _old(self, conn: AsyncConnection[Any], version: str) -> Site | None:
        """None for one that an earlier release of Halo took and this one cannot read: nobody may wait for it."""
        if version not in self._sites:
            self._sites[version] = await site_in_force.read_if_readable(conn, version)
        return self._sites[version]

    async def _difference(self, conn: AsyncConnection[Any], before: str, site: Site) -> Difference:
        key = (before, site.version)
        if key not in self._differences:
            old = await self._old(conn, before)
            self._differences[key] = Difference(everything=True) if old is None else difference(old, site)
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
        placed = {item.id: held_items.place_of(report, item) for item in wanted}
        places = frozenset(place for place in placed.values() if place is not None)
        mapped = map_report(held_items.believed(report, wanted), self._site, now=now)
        where = {(report.results[n].where.segment, report.results[n].where.offset) for n in places}
        results = [r for r in mapped.results if (r.source.segment, r.source.offset) in where]
        held = {item.index: item for item in mapped.quarantined if item.index in places}
        if named or any(item.reason in held_items.FOREIGN for item in wanted):
            work.believe(report)
        fresh = work.retake(report, results, now) if results else 0
        work.finish()
        still = [(i, held[place]) for i, place in placed.items() if place is not None and place in held]
        await held_items.amend(conn, still)
        lost = {i: item.reason for i, item in ((i.id, i) for i in wanted) if placed[i] is None}
        closed = [i for i, place in placed.items() if place is not None and place not in held]
        await held_items.release(conn, closed, by or "site file")
        sent = sum("derived" not in result.flags for result in results)
        ignored = sum(item.index in places for item in mapped.ignored)
        counts = {"stored": fresh, "duplicate": sent - fresh, "ignored": ignored}
        await conn.execute(_TAKEN, {**counts, "event_id": report.event_id})
        return Taken(
            **counts, closed=tuple(closed), patient=report.patient.id,
            held=(*((i, item.reason) for i, item in still), *lost.items()),
        )  # fmt: skip


def _cause(found: Rederived, at: datetime) -> Cause:
    """History calls nobody: where only imported history reads differently nothing is sent."""
    new = {result.result_id for result in (*found.added, *(new for _, new in found.changed))}
    live = any(
        one.message.report.purpose != "history" for one in found.reread
        if not new or any(result.result_id in new for result in one.results)
    )  # fmt: skip
    return Cause(event_id=None, received_at=at, kind="mapping", history=found.moved and not live)


async def _doubt(conn: AsyncConnection[Any], work: Work, event: LabReport | ContextChange) -> str:
    """Whether a message whose number is taken only now is about whom it names."""
    work.others = await numbers.known(conn, set(identity.numbers(event.patient)) - {event.patient.id})
    return work.doubted(event)


def remapped_results(found: Rederived) -> list[Result]:
    """Those that mean something else than before, or are new."""
    return [*found.added, *(new for _, new in found.changed)]
