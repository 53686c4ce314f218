"""Who a message is about: PID and PV1, and the cutting of a message of several patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.patient_event import ContextEntry, Identifier, Patient
from services.reading.death import died
from services.reading.fields import Field, Row
from services.reading.header import Header
from services.reading.segments import Segment
from services.reading.timestamps import to_iso

_CLINICAL = frozenset({"PID", "PV1", "ORC", "OBR", "OBX", "SPM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """All of one message that is about one patient; `patient.id` is "" where the sender named nobody."""

    patient: Patient
    death: ContextEntry | None = None
    """That the patient died, where the message says so."""
    raw: bytes
    """The header segments and the patient's groups, byte for byte; the whole message where it has one patient."""


def portions(message: bytes, header: Header) -> list[Portion]:
    """One for each patient id, in order of appearance; empty when the message has no patient group at all."""
    starts = _starts(header.segments)
    if not starts:
        return []
    ends = [*starts[1:], len(header.segments)]
    offsets = [header.segments[start].offset for start in starts] + [len(message)]
    merged: dict[str, tuple[Patient, list[bytes]]] = {}
    deaths: dict[str, ContextEntry] = {}
    for start, end, begin, behind in zip(starts, ends, offsets[:-1], offsets[1:], strict=True):
        patient = _patient(header.segments[start:end], header)
        merged.setdefault(patient.id, (patient, []))[1].append(message[begin:behind])
        if death := _death(header.segments[start:end], header):
            deaths.setdefault(patient.id, death)
    head = message[: offsets[0]]
    return [
        Portion(
            patient=patient, death=deaths.get(patient.id) if patient.id else None,
            raw=message if len(merged) == 1 else head + b"".join(groups),
        )
        for patient, groups in merged.values()
    ]  # fmt: skip


def _death(group: Sequence[Segment], header: Header) -> ContextEntry | None:
    pid = next((segment for segment in group if segment.name == "PID"), None)
    return died(Row(pid, header.dialect)) if pid else None


def _starts(segments: Sequence[Segment]) -> list[int]:
    """Where groups start: at every PID, and at results that stand before the first of them (they are nobody's)."""
    clinical = [at for at, segment in enumerate(segments) if segment.name in _CLINICAL]
    return [at for at in clinical if segments[at].name == "PID" or at == clinical[0]]


def _patient(group: Sequence[Segment], header: Header) -> Patient:
    first = {segment.name: Row(segment, header.dialect) for segment in reversed(group)}
    pid, visit = first.get("PID"), first.get("PV1")
    if pid is None:
        return Patient(id="")
    identifiers = tuple(_identifier(field, header) for field in pid.repeats(3) if field.component(1).strip())
    place = visit.first(3) if visit else None
    name = next((field for field in pid.repeats(5) if field.component(1)), pid.first(5))
    return Patient(
        id=f"{identifiers[0].authority}|{identifiers[0].value}" if identifiers and header.charset.supported else "",
        identifiers=identifiers,
        family=name.component(1),
        given=name.component(2),
        birth_date=to_iso(pid.component(7)),
        sex=pid.component(8),
        ward=place.component(1) if place else "",
        bed=place.component(3) if place else "",
        facility=place.component(4) if place else "",
    )


def _identifier(field: Field, header: Header) -> Identifier:
    """PID-3: value, assigning authority (its name, else its universal id, else the sending facility), type."""
    authority = field.subcomponent(4, 1) or field.subcomponent(4, 2) or header.facility
    return Identifier(value=field.component(1).strip(), authority=authority, type=field.component(5))
