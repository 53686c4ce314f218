"""What another site file would change: all stored reports read by it, against what is stored. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection

from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rules import RULES
from alerts.thresholds import Pack
from schemas.patient_event import LabReport
from services.ledger import previewing, replaying
from services.ledger.held_items import Item, place_of
from services.ledger.previewing import Group
from services.ledger.remapping import Remapper
from services.ledger.rereading import Rederived, Reread
from services.ledger.stored import Stored
from services.ledger.stored_messages import decoded
from services.mapping.difference import Difference, difference
from services.mapping.site import Site

_NAMELESS: LiteralString = "SELECT event FROM source_message WHERE patient_id IS NULL AND type = 'lab_report'"


class Remapped(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Results that would read alike; empty `after`: not read any more."""

    laboratory: str
    code: str
    before: str
    after: str


class RemapPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Over everybody stored."""

    persons: int
    affected: int
    results: dict[Remapped, int]
    groups: dict[Group, int]
    released: int
    """Held results that would be read."""
    held: int
    """Results that would be held which are not now."""
    failed: int
    nameless: int = 0
    """Reports that would find their patient: their number is of an authority that is not taken now."""

    @property
    def remapped(self) -> int:
        """Results that would mean something else."""
        return sum(self.results.values())

    def total(self, what: previewing.What) -> int:
        """Alerts, over all rules."""
        return sum(count for group, count in self.groups.items() if group.what == what)

    def summary(self) -> dict[str, int]:
        """The figures that are kept with the act."""
        totals = {what: self.total(what) for what in ("open", "change", "close")}
        return {
            "persons": self.persons, "affected": self.affected, "results": self.remapped, "released": self.released,
            "held": self.held, "nameless": self.nameless, "failed": self.failed, **totals,
        }  # fmt: skip


class _Tally:
    """Adds up persons."""

    def __init__(self) -> None:
        self.results: Counter[Remapped] = Counter()
        self.groups: Counter[Group] = Counter()
        self.persons = self.affected = self.released = self.held = self.failed = 0

    def add(self, person: Stored, found: Rederived, items: dict[str, list[Item]], pack: Pack) -> None:
        """One person, as read by the other file."""
        self.results.update(_results(found))
        self.released += sum(_released(one, items) for one in found.reread)
        self.held += _newly_held(found, items)
        if found.moved:
            self.affected += 1
            person.series = found.series
            judged = evaluate(replaying.view(person, pack), RULES, derived=False)
            self.failed += bool(judged.failed)
            changes = previewing.changes(person, judged.alerts, frozenset(judged.failed))
            self.groups.update(previewing.grouped(changes))


async def preview(
    conn: AsyncConnection[Any], remapper: Remapper, old: Site, new: Site, pack: Pack,
    *, progress: Callable[[int], None],
) -> RemapPreview:  # fmt: skip
    """Read everybody by `new`; `progress` is told the number of persons done."""
    tally, now, reached = _Tally(), datetime.now(UTC), difference(old, new)
    async for person in _persons(conn, old, reached):
        tally.persons += 1
        try:
            found, items = await remapper.look(conn, person, new, old.version, now)
            tally.add(person, found, items, pack)
        except (ValueError, LookupError, TypeError, ArithmeticError):  # one person must not hide all others: counted
            tally.failed += 1
        progress(tally.persons)
    return RemapPreview(
        persons=tally.persons, affected=tally.affected, results=dict(tally.results), groups=dict(tally.groups),
        released=tally.released, held=tally.held, failed=tally.failed,
        nameless=await _nameless(conn, new) if reached.everything else 0,
    )  # fmt: skip


async def _nameless(conn: AsyncConnection[Any], new: Site) -> int:
    """Reports of a number that the file in force does not take, and the new one does."""
    count = 0
    async with conn.cursor(name="nameless") as cursor:
        await cursor.execute(_NAMELESS)
        async for (event,) in cursor:
            found = decoded(event)
            count += found is not None and not new.refuses_identity(found.patient.id, found.source.sender)
    return count


async def _persons(conn: AsyncConnection[Any], old: Site, reached: Difference) -> AsyncIterator[Stored]:
    """Nobody where no report reads differently."""
    if not reached.nothing:
        async for person in replaying.persons(conn, old.zone):
            yield person


def _results(found: Rederived) -> Iterable[Remapped]:
    names = {
        (one.message.report.event_id, sent.where.segment, sent.where.offset): (sent.laboratory, sent.code[0].code)
        for one in found.reread for sent in one.message.report.results if sent.code
    }  # fmt: skip
    pairs: list[tuple[Result | None, Result | None]] = [
        *((None, r) for r in found.added), *found.changed, *((r, None) for r in found.removed),
    ]  # fmt: skip
    for old, new in pairs:
        result = new or old
        if result is not None:
            where = (result.source.event_id, result.source.segment, result.source.offset)
            laboratory, code = names.get(where, (result.laboratory, "?"))
            before = old.analyte if old else ""
            yield Remapped(laboratory=laboratory, code=code, before=before, after=_after(old, new))


def _after(old: Result | None, new: Result | None) -> str:
    """The analyte, with what differs when it is the same on both sides."""
    if old is None or new is None or old.analyte != new.analyte:
        return new.analyte if new else ""
    seen = ("value", "comparator", "coded", "interval", "kind", "collected_at")
    other = any(getattr(old, name) != getattr(new, name) for name in seen)
    return f"{new.analyte}, {'another value' if other else 'other limits or flags'}"


def _released(one: Reread, items: dict[str, list[Item]]) -> int:
    held = {item.index for item in one.held} | one.message.barred
    return sum(_open_place(one.message.report, item) - held != set() for item in _of(one, items))


def _newly_held(found: Rederived, items: dict[str, list[Item]]) -> int:
    count = 0
    for one in found.reread:
        known = {n for item in _of(one, items) for n in _open_place(one.message.report, item)}
        count += len({item.index for item in one.held} - known)
    return count


def _of(one: Reread, items: dict[str, list[Item]]) -> list[Item]:
    return items.get(one.message.report.event_id, [])


def _open_place(report: LabReport, item: Item) -> set[int]:
    place = place_of(report, item) if item.open else None
    return set() if place is None else {place}
