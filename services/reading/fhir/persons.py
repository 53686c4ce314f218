"""What a message holds of one patient, and the events that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from schemas.identity import event_id
from schemas.patient_event import (
    ContextChange,
    ContextEntry,
    LabReport,
    Patient,
    PatientMerge,
    Purpose,
    ReportedResult,
    Source,
    Where,
)
from services.reading import death
from services.reading.fhir.cutting import Cut


class Person(msgspec.Struct, kw_only=True):
    """Collected entry by entry."""

    patient: Patient
    numbers: set[int] = msgspec.field(default_factory=set)
    """Entries that are about this patient."""
    results: list[tuple[int, ReportedResult]] = msgspec.field(default_factory=list)
    """With the number of the entry they stand in."""
    entries: list[ContextEntry] = msgspec.field(default_factory=list)
    deaths: list[ContextEntry] = msgspec.field(default_factory=list)
    described: bool = False
    """A Patient resource says who it is."""
    links: list[tuple[Patient, Patient]] = msgspec.field(default_factory=list)
    """Who stays, and who was the same person too."""

    def know(self, patient: Patient) -> None:
        """Take over what another entry says better: identifiers of both, the name of whoever has one."""
        known = self.patient
        better = patient if patient.family and not known.family else known
        self.patient = msgspec.structs.replace(
            better,
            identifiers=tuple(dict.fromkeys((*known.identifiers, *patient.identifiers))),
            ward=known.ward or patient.ward,
            bed=known.bed or patient.bed,
        )


Made = LabReport | ContextChange | PatientMerge


def events_of(person: Person, cut: Cut, source: Source, purpose: Purpose) -> Iterator[Made]:
    """In the order in which they should be known: death, place and name before the results."""
    source = msgspec.structs.replace(source, raw_sha256=sha256(cut.raw).hexdigest())
    yield from (death.change(person.patient, entry, source) for entry in person.deaths)
    yield from (_link(stays, other, source, cut) for stays, other in person.links)
    if person.entries or (person.described and not person.results):
        yield _change(person, source, cut)
    if person.results:
        yield LabReport(
            event_id=event_id(source.sender, source.sha256, person.patient.id), patient=person.patient, source=source,
            raw=cut.raw, results=tuple(_stand(result, cut, number) for number, result in person.results),
            purpose=purpose,
        )  # fmt: skip


def _stand(result: ReportedResult, cut: Cut, number: int) -> ReportedResult:
    """From its place in the resource to that in the bytes that are kept; without a length it is the whole resource."""
    within, of = result.where, cut.places[number]
    place = Where(segment=of.segment, offset=of.offset + within.offset, length=within.length or of.length)
    return msgspec.structs.replace(result, where=place)


def _change(person: Person, source: Source, cut: Cut) -> ContextChange:
    """Of the message: what says no time of its own is another event with every message that differs."""
    said = sha256(msgspec.json.encode((source.sender, source.sha256, "context"))).hexdigest()
    return ContextChange(
        event_id=event_id("fhir", said, person.patient.id), patient=person.patient, source=source, raw=cut.raw,
        entries=tuple(dict.fromkeys(person.entries)),
    )  # fmt: skip


def _link(stays: Patient, other: Patient, source: Source, cut: Cut) -> PatientMerge:
    """Only proposed: a person confirms it."""
    said = sha256(msgspec.json.encode((source.sender, stays.id, other.id, source.sent_at or source.sha256))).hexdigest()
    return PatientMerge(
        event_id=event_id("fhir-link", said, stays.id), patient=stays, retired=other, source=source, raw=cut.raw,
        link=True, at=source.sent_at,
    )  # fmt: skip
