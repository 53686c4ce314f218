"""A lab report to results: what each value means at this site. Pure; the same report always gives the same results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from alerts.result import Provenance, Result
from schemas.analytes import ANALYTES, LOINC_SYSTEMS, TABLE, Analyte
from schemas.errors import UndecodableEvent, UnitRefused
from schemas.identity import result_id, stable_id
from schemas.patient_event import Absent, Coded, LabReport, Quantity, ReportedResult, Value
from services.mapping.draws import Draws, relate, share_of_protein
from services.mapping.items import Item, Placer, Refusal, Skipped
from services.mapping.mapped import CONFLICT, Ignored, Mapped, Quarantined
from services.mapping.reference_range import NONE, Range, read_range
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.specimen import clumped, condition_flags
from services.mapping.status import REASONS, VALUED, status_flags
from services.mapping.times import read_time
from services.mapping.urgency import looks_in, would_be
from services.mapping.value import Meaning, no_value, read_value

_encode = msgspec.json.Encoder().encode
Part = list[tuple[int, ReportedResult]]
"""Results of one part of a report, each with its place in the whole."""


def map_report(report: LabReport, site: Site = DEFAULT_SITE, *, now: datetime | None = None) -> Mapped:
    """Every reported result becomes a result, a quarantined or an ignored item.

    A collection time may lie 15 min after `received_at`, or after `now` when a report is looked at again later.
    Raises UndecodableEvent when `received_at`, which Halo itself wrote, is no time: then the event is not ours.
    """
    received = _received(report)
    run = _Run(report, site, received, now or received)
    identity = site.refuses_identity(report.patient.id, report.source.sender)
    if identity:
        for index, sent in enumerate(report.results):
            row = site.read_code(sent.laboratory, sent.code).analyte  # how urgent it is to ask does not depend on whose
            run.quarantine(index, sent, Refusal(identity, f"patient {report.patient.id.partition('|')[0]}|...", row))
        return run.mapped([])
    return run.mapped(run.read())


def _received(report: LabReport) -> datetime:
    moment = read_time(report.source.received_at, DEFAULT_SITE.zone)
    if moment is None:
        raise UndecodableEvent(f"event {report.event_id}: received_at {report.source.received_at!r} is no time")
    return moment.at


class _Run:
    """One report on its way."""

    def __init__(self, report: LabReport, site: Site, received: datetime, now: datetime) -> None:
        self._report, self._site, self._received, self._now = report, site, received, now
        self._version = f"{TABLE.version}+{site.version}"
        self._feed = site.feed_of_results(report.source, report.purpose)
        self._quarantined: list[Quarantined] = []
        self._ignored: list[Ignored] = []

    def mapped(self, results: list[Result]) -> Mapped:
        """All three parts, in the order sent."""
        quarantined = sorted(self._quarantined, key=lambda item: item.index)
        return Mapped(results=tuple(results), quarantined=tuple(quarantined), ignored=tuple(self._ignored))

    def read(self) -> list[Result]:
        """Part by part, of which a message mostly has one: results of different parts say nothing of each other."""
        return [result for part in self._parts() for result in self._read(part)]

    def _parts(self) -> Iterable[Part]:
        parts: dict[str, Part] = {}
        for index, sent in enumerate(self._report.results):
            parts.setdefault(sent.part, []).append((index, self._site.as_collected(sent)))
        return parts.values()

    def _read(self, part: Part) -> list[Result]:
        """Place, tell apart, read values, relate; whatever fails on the way is quarantined."""
        items = self._place(part)
        understood = [item for item in items if self._understand(item)]
        items = self._without(understood, relate(understood))
        results = [self._result(item) for item in items]
        return results + self._derived(items)

    def _place(self, part: Part) -> list[Item]:
        placer = Placer(self._report, self._site, self._received, self._now)
        items: list[Item] = []
        for index, sent in part:
            placed = _own(sent, placer.place(index, sent))
            if isinstance(placed, Item):
                items.append(placed)
            elif isinstance(placed, Skipped):
                code = sent.code[0].code if sent.code else ""
                self._ignored.append(Ignored(reason=placed.reason, index=index, code=code, segment=sent.where.segment))
            else:
                self.quarantine(index, sent, placed, placed.slot)
        return self._without(items, placer.give_slots(items))

    def _without(self, items: list[Item], refused: list[tuple[Item, Refusal]]) -> list[Item]:
        for item, refusal in refused:
            self.quarantine(item.index, item.sent, refusal, "" if refusal.reason == "slot_repeated" else item.slot)
        gone = {item.index for item, _ in refused}
        return [item for item in items if item.index not in gone] if gone else items

    def _understand(self, item: Item) -> bool:
        """Sets the meaning, or quarantines."""
        sent = item.sent
        item.flags += status_flags(sent.status)
        item.flags += condition_flags(self._conditions(item), sent.comments)
        if item.entry is not None and item.entry.point_of_care:
            item.flags.append("point_of_care")
        if any(coding.code in item.row.bands and coding.system in LOINC_SYSTEMS for coding in sent.code):
            item.flags.append("single_band")
        if item.status not in VALUED:
            item.meaning = self._without_value(item)
            return True
        try:
            item.meaning = read_value(item.row, sent.value, self._unit(item), self._loq(item))
        except UnitRefused as error:
            self.quarantine(item.index, sent, Refusal(error.reason, error.detail, item.row), item.slot)
            return False
        if item.row.id == "plt" and item.meaning.kind != "NO_VALUE" and clumped(sent.comments):
            item.meaning = no_value("clumped")
        return True

    @staticmethod
    def _without_value(item: Item) -> Meaning:
        """X keeps the laboratory's reason where it is one of the known words."""
        reason = REASONS[item.status]
        if reason == "not_obtained" and not isinstance(item.sent.value, Absent | Quantity):
            try:
                said = read_value(ANALYTES["mspike"], item.sent.value, "g/L", None).reason
            except UnitRefused:
                said = ""
            reason = said if said and said != "unparsed" else reason
        return Meaning(kind="NO_VALUE", reason=reason)

    def _unit(self, item: Item) -> str:
        unit = self._site.unit(item.sent.laboratory, item.sent.unit.strip())
        return unit or (item.entry.unit_when_missing if item.entry is not None else "")

    def _conditions(self, item: Item) -> tuple[str, ...]:
        """As sent, in HL7's words, with what the code alone says."""
        sent = self._site.conditions(item.sent.laboratory, item.sent.specimen_conditions)
        return sent if item.entry is None else (*sent, *item.entry.conditions)

    def _loq(self, item: Item) -> Decimal | None:
        return self._site.loq(item.sent.laboratory, item.row.id)

    def _result(self, item: Item) -> Result:
        meaning = item.meaning
        assert meaning is not None  # noqa: S101 - `_understand` set it
        return self._made(item, item.row, meaning, item.slot)

    def _derived(self, items: list[Item]) -> list[Result]:
        """M from its share of the protein, where the laboratory sent no M of that draw itself."""
        shares = [item for item in items if item.row.id == "mpct" and item.status in VALUED]
        if not shares:
            return []
        draws = Draws(items)
        own = {item.draw for item in items if item.row.id == "mspike"}
        found = [(item, share_of_protein(item, draws)) for item in shares if item.draw not in own]
        row = ANALYTES["mspike"]
        return [self._made(i, row, m, stable_id(i.slot, row.id)) for i, m in found if m is not None]

    def _made(self, item: Item, row: Analyte, meaning: Meaning, slot: str) -> Result:
        sent, (version_time, version_from) = item.sent, item.version
        limits = self._limits(item, row, meaning)
        method = sent.method or (item.entry.method if item.entry is not None else "")
        companions = [*item.companions, str(meaning.value)] if "derived" in meaning.flags else item.companions
        flags = {*item.flags, *item.moment.flags, *meaning.flags}
        return Result(
            result_id=result_id(slot, item.status.value, version_time.isoformat(), _content(sent, companions)),
            slot=slot,
            patient=self._report.patient.id,
            laboratory=sent.laboratory,
            analyte=row.id,
            status=item.status,
            collected_at=item.moment.at,
            collected_offset=item.moment.offset,
            version_time=version_time,
            version_time_from=version_from,
            received_at=self._received,
            kind=meaning.kind,
            value=meaning.value,
            comparator=meaning.comparator,
            interval=meaning.interval,
            unit=meaning.unit,
            coded=meaning.coded,
            reason=meaning.reason,
            quality=meaning.quality,
            reference_low=limits.low,
            reference_high=limits.high,
            method=method,
            specimen=sent.specimen or sent.accession,
            flags=tuple(sorted(flags)) if flags else (),
            comments=_comments(sent, row, meaning),
            mapping_version=self._version,
            source=Provenance(
                event_id=self._report.event_id,
                segment=sent.where.segment,
                offset=sent.where.offset,
                length=sent.where.length,
                feed=self._feed,
            ),
        )

    def _limits(self, item: Item, row: Analyte, meaning: Meaning) -> Range:
        """As sent, else the site file's; a derived value has none of its own."""
        if meaning.kind not in ("NUMERIC", "CENSORED") or row is not item.row:
            return NONE
        text = item.sent.reference_range
        found = read_range(text, meaning.factor, item.sent.unit) if text and meaning.factor is not None else NONE
        if found is not NONE:
            return found
        own = self._site.reference(item.sent.laboratory, row.id)
        return Range(own.low, own.high) if own is not None else NONE

    def quarantine(self, index: int, sent: ReportedResult, refusal: Refusal, slot: str = "") -> None:
        """Keep everything a person needs to decide."""
        row = refusal.analyte
        first = sent.code[0] if sent.code else None
        unit = self._site.unit(sent.laboratory, sent.unit.strip())
        looks = would_be(row, sent.value, unit, refusal.reason) if row is not None else ""
        self._quarantined.append(
            Quarantined(
                reason=refusal.reason,
                index=index,
                code=first.code if first else "",
                system=first.system if first else "",
                display=first.display if first else "",
                laboratory=sent.laboratory,
                analyte=row.id if row is not None else "",
                value=value_text(sent.value),
                unit=sent.unit,
                status=sent.status,
                segment=sent.where.segment,
                collected_at=sent.collected_at,
                detail=refusal.detail,
                would_be=looks,
                looks_in=looks_in(row, sent.value, unit, refusal.reason, looks) if row is not None and looks else (),
                slot=slot,
                not_before=refusal.not_before,
            )
        )


def _own(sent: ReportedResult, placed: Item | Refusal | Skipped) -> Item | Refusal | Skipped:
    """What its own PID makes somebody else's is held, whatever else is in doubt; without a slot, which is not its."""
    if not sent.contradicts or isinstance(placed, Skipped):
        return placed
    detail = f"{sent.contradicts} contradict what the message says first of this number"
    if isinstance(placed, Refusal):
        return Refusal(CONFLICT, f"{detail}; besides {placed.reason}", placed.analyte)
    return Refusal(CONFLICT, detail, placed.row)


def value_text(value: Value) -> str:
    """As a person would have typed it."""
    if isinstance(value, Quantity):
        return value.comparator + value.number
    if isinstance(value, Coded):
        return "; ".join(coding.display or coding.code for coding in value.codings)
    return "" if isinstance(value, Absent) else value.text


def _comments(sent: ReportedResult, row: Analyte, meaning: Meaning) -> tuple[str, ...]:
    """Words that are no value are shown as a comment; never read for numbers."""
    words = value_text(sent.value)
    if words and (row.kind != "number" or meaning.reason == "unparsed"):
        return (words, *sent.comments)
    return sent.comments


def _content(sent: ReportedResult, companions: list[str]) -> str:
    """sha256 of everything rules or readers use, as sent, with what other results of the message added."""
    parts = (
        sent.value, sent.unit, sent.collected_at, sent.reference_range, sent.method, sent.flags, sent.comments,
        sent.specimen, sent.specimen_conditions, companions,
    )  # fmt: skip
    return hashlib.sha256(_encode(parts)).hexdigest()
