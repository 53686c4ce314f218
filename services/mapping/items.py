"""A reported result on its way: what it measures, when, in which slot; or why it cannot be placed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from alerts.result import Status
from schemas.analytes import TABLE, Analyte
from schemas.identity import slot_id
from schemas.patient_event import Absent, LabReport, ReportedResult
from services.mapping.codes import CodeEntry
from services.mapping.site import Site
from services.mapping.status import STATUSES, VALUED
from services.mapping.times import Moment, read_time
from services.mapping.value import Meaning

FUTURE = "collected_in_future"
"""The one quarantine reason that is gone by itself."""
_TOLERANCE = timedelta(minutes=int(TABLE.consistency.future_minutes.value))


class Refusal(NamedTuple):
    """A quarantine reason; `analyte` where the code was understood."""

    reason: str
    detail: str
    analyte: Analyte | None = None
    not_before: datetime | None = None
    """When the reason will be gone by itself."""
    slot: str = ""
    """Where the result would stand."""


class Skipped(NamedTuple):
    """Why a result is not read at all."""

    reason: str


@dataclass(slots=True)
class Item:
    """Mutable only while `map_report` runs."""

    index: int
    sent: ReportedResult
    row: Analyte
    entry: CodeEntry | None
    status: Status
    moment: Moment
    version: tuple[datetime, Literal["OBR-22", "OBX-19", "MSH-7", "received"]]
    order_key: str
    flags: list[str]
    slot: str = ""
    meaning: Meaning | None = None
    companions: list[str] = field(default_factory=list)
    """What other results of the message contributed; part of the result id."""

    @property
    def draw(self) -> str:
        """Results with the same text are of one specimen."""
        return self.sent.specimen or self.sent.accession or "@" + self.sent.collected_at


class Placer:
    """Places the results of one report; `now` is what a collection time may not lie after."""

    def __init__(self, report: LabReport, site: Site, received: datetime, now: datetime) -> None:
        self._site, self._now = site, now
        self._zone: ZoneInfo = site.zone_of(report.source.sender)
        self._received = received
        self._sent = self._exact(report.source.sent_at)
        self._patient = report.patient.id
        self._born = report.patient.birth_date[:10]
        self._carries = site.laboratories_of(report.source.sender)

    def place(self, index: int, sent: ReportedResult) -> Item | Refusal | Skipped:
        """In the order of checks: code, laboratory, status, time."""
        read = self._site.read_code(sent.laboratory, sent.code)
        row = read.analyte
        if row is None:
            unread = self._unread(sent, read.reason, read.detail, ignored=read.ignored)
            key = _order_key(sent) if sent.code else ""
            return unread._replace(slot=self._slot(sent, key)) if key and isinstance(unread, Refusal) else unread
        if self._carries and sent.laboratory not in self._carries:
            # no slot: what the laboratory itself sends does not answer why another sender spoke for it
            detail = f"laboratory {sent.laboratory!r} is none of those that its [[sender]] may carry"
            return Refusal("laboratory_not_of_sender", detail, row)
        status = STATUSES.get(sent.status)
        if status is None:
            return Refusal("unknown_status", f"status {sent.status!r} is not in HL7 table 0085 or FHIR", row)
        version = self._version(sent)
        moment, key = read_time(sent.collected_at, self._zone), _order_key(sent)
        flags: list[str] = []
        if moment is None:
            if status in VALUED or not key:
                return Refusal("collected_missing", f"no day of collection in {sent.collected_at!r}", row)
            moment = Moment(version[0], 0, flags=("collected_unknown",))
        if status in VALUED and (doubt := self._impossible(moment, row)):
            return doubt._replace(slot=self._slot(sent, key)) if key else doubt
        if not key:
            key, flags = moment.at.isoformat(), ["weak_identity"]
        return Item(index, sent, row, read.entry, status, moment, version, key, flags)

    @staticmethod
    def _unread(sent: ReportedResult, reason: str, detail: str, *, ignored: bool) -> Refusal | Skipped:
        absent = sent.value.reason if isinstance(sent.value, Absent) else None
        if absent == _REPORT or (absent not in (None, "document") and sent.status == _IN_ERROR and not ignored):
            return Refusal("withdrawn_unread", "says that results are in error and does not say which")
        if ignored:
            return Skipped(reason)
        if reason == "local_code_needed" and absent == "document":
            return Skipped("document")
        return Refusal(reason, detail)

    def _impossible(self, moment: Moment, row: Analyte) -> Refusal | None:
        if moment.earliest - self._now > _TOLERANCE:
            detail = f"collected {moment.at:%Y-%m-%dT%H:%MZ}, received {self._received:%Y-%m-%dT%H:%MZ}"
            return Refusal(FUTURE, detail, row, moment.earliest - _TOLERANCE)
        if self._born and moment.local_date[: len(self._born)] < self._born:
            return Refusal("collected_before_birth", f"collected {moment.local_date}, born {self._born}", row)
        return None

    def _slot(self, sent: ReportedResult, key: str) -> str:
        """Of a result that is held: one that arrives acceptable later closes it."""
        first = sent.code[0]
        return slot_id(self._patient, sent.laboratory, key, first.code, first.system, sent.sub_id)

    def _version(self, sent: ReportedResult) -> tuple[datetime, Literal["OBR-22", "OBX-19", "MSH-7", "received"]]:
        """A version time needs a time of day; a bare date would order versions by chance."""
        if (at := self._exact(sent.reported_at)) is not None:
            return at, "OBR-22"
        if (at := self._exact(sent.analysed_at)) is not None:
            return at, "OBX-19"
        if (at := self._exact(sent.updated_at)) is not None:
            return at, "MSH-7"
        return (self._sent, "MSH-7") if self._sent is not None else (self._received, "received")

    def _exact(self, text: str) -> datetime | None:
        moment = read_time(text, self._zone) if text else None
        return None if moment is None or moment.date_only else moment.at

    def give_slots(self, items: list[Item]) -> list[tuple[Item, Refusal]]:
        """Sets `slot`; returns those whose slot stands twice and cannot be told apart."""
        groups: defaultdict[tuple[str, str, str, str, str], list[Item]] = defaultdict(list)
        for item in items:
            first = item.sent.code[0]
            groups[item.sent.laboratory, item.order_key, first.code, first.system, item.sent.sub_id].append(item)
        refused: list[tuple[Item, Refusal]] = []
        for key, group in groups.items():
            if len(group) == 1:
                group[0].slot = slot_id(self._patient, *key)
                continue
            for item, occurrence in zip(group, _occurrences(group), strict=True):
                item.slot = slot_id(self._patient, *key, occurrence or "")
                if occurrence is None:
                    refused.append((item, Refusal("slot_repeated", "same order, code and sub-id twice", item.row)))
        return refused


_REPORT = "withdrawn_report"
"""FHIR reading's word for a report in error whose results did not come with it, whatever the report's code."""
_IN_ERROR = "entered-in-error"


def _order_key(sent: ReportedResult) -> str:
    return sent.filler_order or sent.accession or sent.specimen or sent.placer_order


def _occurrences(group: list[Item]) -> list[str | None]:
    """What tells them apart: specimen, else collection time, else both; "" for the same words twice; None: nothing."""
    if len({(i.sent.status, i.sent.value, i.sent.unit, i.sent.collected_at, i.sent.specimen) for i in group}) == 1:
        return [""] * len(group)
    specimens = [i.sent.specimen or i.sent.accession for i in group]
    times = [i.moment.at.isoformat() for i in group]
    for names in (specimens, times, [f"{a}|{b}" for a, b in zip(specimens, times, strict=True)]):
        if all(names) and len(set(names)) == len(names):
            return list(names)
    return [None] * len(group)
