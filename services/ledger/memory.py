"""The ledger without a database: takes events in any order and says what the processor would hold in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import MAXYEAR, UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from alerts.result import Result
from alerts.rule import View
from alerts.series import Series
from alerts.thresholds import Pack, default_pack
from schemas.patient_event import ContextChange, ContextEntry, Event, Identifier, LabReport, PatientMerge
from services.ledger import context, identity, repeating
from services.ledger.applying import PatientEvent
from services.ledger.describing import Held, line
from services.ledger.incoming import Incoming, accept, whose
from services.ledger.merging import MergeRecord, derive, merged_at
from services.ledger.retaking import pick
from services.mapping.items import FUTURE
from services.mapping.mapped import Quarantined
from services.mapping.report import map_report
from services.mapping.site import Site
from services.mapping.withholding import withhold


class _Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A report with results that are held until `at`."""

    report: LabReport
    at: datetime
    slots: dict[int, str]
    """By place in the report."""


class _Record(msgspec.Struct, kw_only=True):
    """One patient record as sent."""

    results: dict[str, Result] = {}
    entries: list[tuple[str, int, ContextEntry]] = []
    said: context.Demographics = {}
    numbers: dict[Identifier, None] = {}
    """Every number that came with it."""
    held: list[Held] = []
    waiting: list[_Waiting] = []
    as_of: datetime | None = None


class Memory:
    """Collects events; `lines` evaluates them. Equal for any order of the same events."""

    def __init__(self, site: Site, *, now: datetime | None = None, pack: Pack | None = None) -> None:
        self._site, self._now, self._pack = site, now, pack or default_pack()
        self._zone: ZoneInfo = site.zone
        self._seen: set[str] = set()
        self._records: dict[str, _Record] = {}
        self._numbers: dict[str, int] = {}
        self._merges: list[MergeRecord] = []

    def take(self, event: Event) -> str:
        """Take one event; what is wrong with it, empty when nothing. An event id that is known changes nothing."""
        incoming = accept(event, self._site)
        if incoming.fault is not None:
            return f"{incoming.fault.error_class}: {incoming.fault.reason}"
        if incoming.event_id and incoming.event_id not in self._seen:
            self._seen.add(incoming.event_id)
            return self._keep(incoming)
        if isinstance(incoming.event, ContextChange):
            record = self._record(incoming.event.patient.id)
            record.entries = repeating.dated(record.entries, incoming)
        return ""

    def lines(self) -> Iterator[bytes]:
        """One JSON line per person, by patient id."""
        roots, _ = derive(self._merges)
        names = {number: name for name, number in self._numbers.items()}
        groups: dict[str, list[_Record]] = {}
        for name in sorted(self._records):
            root = names[roots.get(self._numbers[name], self._numbers[name])]
            groups.setdefault(root, []).append(self._records[name])
        for root in sorted(groups):
            yield self._line(root, groups[root])

    def _keep(self, incoming: Incoming) -> str:
        event = incoming.event
        if not isinstance(event, LabReport | ContextChange | PatientMerge):
            return ""
        if incoming.nobody and not isinstance(event, LabReport):
            return f"{type(event).__name__} names no patient: {', '.join(whose(event, self._site))}"
        record = self._record(event.patient.id)
        of_somebody = isinstance(event, LabReport | ContextChange) and not incoming.nobody
        if of_somebody and (doubt := self._doubt(record, event)):
            _withhold(record, incoming, event, doubt)
            return f"{identity.CONFLICT}: a message about {event.patient.id} {doubt}; it is held"
        if event.patient.id:
            record.numbers |= dict.fromkeys(event.patient.identifiers)
            record.said = context.newest(record.said, context.said(event.patient, incoming.said_at, event.event_id))
            if incoming.received_at.year < MAXYEAR:  # an event without any time of its own says nothing of now
                record.as_of = max(record.as_of or incoming.received_at, incoming.received_at)
        if isinstance(event, LabReport):
            _take_report(record, incoming, event)
        elif isinstance(event, ContextChange):
            rank = context.rank(incoming.received_at, event.event_id)
            record.entries += [(rank, number, entry) for number, entry in enumerate(event.entries)]
        elif incoming.proposal:
            return f"{incoming.proposal}: {event.retired.id} and {event.patient.id} stay two until a person says so"
        else:
            self._merge(incoming, event)
        return ""

    def _doubt(self, record: _Record, event: PatientEvent) -> str:
        """As `services.ledger.applying` asks it, of what came before in the order of the files."""
        aliases = {identity.name_of(one) for one in record.numbers}
        named = [name for name in identity.numbers(event.patient) if name not in aliases and self._is_known(name)]
        strangers: list[str] = []
        if named and record.as_of is not None:
            roots = derive(self._merges)[0]
            strangers = [name for name in named if self._root(name, roots) != self._root(event.patient.id, roots)]
        return identity.conflict(event.patient, record.said, strangers)

    def _is_known(self, name: str) -> bool:
        found = self._records.get(name)
        return found is not None and found.as_of is not None

    def _root(self, name: str, roots: dict[int, int]) -> int:
        return roots.get(self._numbers[name], self._numbers[name])

    def _merge(self, incoming: Incoming, event: PatientMerge) -> None:
        self._record(event.retired.id)
        self._merges.append(MergeRecord(
            retired_id=self._numbers[event.retired.id], survivor_id=self._numbers[event.patient.id], undo=event.undo,
            sent_at=merged_at(event, incoming.received_at), event_id=event.event_id,
        ))  # fmt: skip

    def _record(self, name: str) -> _Record:
        self._numbers.setdefault(name, len(self._numbers))
        return self._records.setdefault(name, _Record())

    def _line(self, root: str, records: list[_Record]) -> bytes:
        as_of = self._now or max((record.as_of for record in records if record.as_of), default=None)
        results, held = self._in_time(records, as_of)
        entries = [entry for record in records for entry in record.entries]
        known = context.build(entries, context.newest(*(record.said for record in records)), self._zone)
        view = View(
            patient=root, series=Series().merge(results), context=known, pack=self._pack,
            as_of=as_of or datetime.min.replace(tzinfo=UTC),
        )  # fmt: skip
        return line(view, unresolved(results, held), as_of=as_of)

    def _in_time(self, records: list[_Record], as_of: datetime | None) -> tuple[list[Result], list[Held]]:
        """Results and held items as of then: what lay in the future is taken when its time came, as by the timer."""
        results = [result for record in records for result in record.results.values()]
        held = [item for record in records for item in record.held]
        due = [w for record in records for w in record.waiting if as_of is not None and w.at <= as_of]
        for one in sorted(due, key=lambda w: (w.at, w.report.event_id)):
            answered = {r.slot for r in results if r.received_at <= one.at}
            places = frozenset(place for place, slot in one.slots.items() if not slot or slot not in answered)
            again = pick(one.report, map_report(one.report, self._site, now=one.at), places)
            known = {result.result_id for result in results}
            results += [result for result in again.results if result.result_id not in known]
            gone = {(one.report.event_id, one.report.results[place].where.segment) for place in one.slots}
            held = [h for h in held if h.reason != FUTURE or (h.event_id, h.segment) not in gone]
            held += _held(one.report, again.quarantined, one.at)
        return results, held


def unresolved(results: Iterable[Result], held: Iterable[Held]) -> list[Held]:
    """Held items but those of which an acceptable result was received later: a correction that is held stays seen."""
    newest: dict[str, datetime] = {}
    for result in results:
        newest[result.slot] = max(result.received_at, newest.get(result.slot, result.received_at))
    return [item for item in held if not item.slot or item.slot not in newest or newest[item.slot] < item.received_at]


def _withhold(record: _Record, incoming: Incoming, event: Event, doubt: str) -> None:
    if isinstance(event, LabReport) and incoming.mapped is not None:
        held = withhold(event, incoming.mapped, identity.CONFLICT, doubt)
        record.held += _held(event, held.quarantined, incoming.received_at)


def _take_report(record: _Record, incoming: Incoming, event: LabReport) -> None:
    mapped = incoming.mapped
    if mapped is None:
        raise TypeError("a lab report without its mapping")
    record.results |= {result.result_id: result for result in mapped.results}
    record.held += _held(event, mapped.quarantined, incoming.received_at)
    for at in sorted({item.not_before for item in mapped.quarantined if item.not_before is not None}):
        slots = {item.index: item.slot for item in mapped.quarantined if item.not_before == at}
        record.waiting.append(_Waiting(report=event, at=at, slots=slots))


def _held(event: LabReport, items: Iterable[Quarantined], received_at: datetime) -> list[Held]:
    return [
        Held(event_id=event.event_id, segment=item.segment, reason=item.reason, code=item.code, value=item.value,
             unit=item.unit, slot=item.slot, received_at=received_at)
        for item in items
    ]  # fmt: skip
