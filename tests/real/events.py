"""Made-up events for ledger and stream tests: laboratory reports by LOINC code, context, merges."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from schemas.codec import encode_event
from schemas.identity import event_id
from schemas.patient_event import (
    Coding,
    ContextChange,
    ContextEntry,
    Event,
    Heartbeat,
    LabReport,
    Patient,
    PatientMerge,
    Quantity,
    ReportedResult,
    Source,
    Where,
)
from services.ledger.record import Record

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
LOINC = {
    "ca": ("17861-6", "mg/dL"), "ca_mmol": ("2000-8", "mmol/L"), "alb": ("1751-7", "g/dL"),
    "creat": ("14682-9", "umol/L"), "hb": ("718-7", "g/dL"), "k": ("2823-3", "mmol/L"),
    "visc": ("3128-6", "mPa.s"), "mspike": ("33358-3", "g/L"), "flck": ("36916-5", "mg/L"),
    "flcl": ("33944-0", "mg/L"),
}  # fmt: skip


def patient(number: int | str) -> Patient:
    """A made-up person."""
    return Patient(
        id=f"HOSP|{number}",
        family=f"Made-up{number}",
        given="Person",
        sex="F",
        birth_date="1950-01-01",
        ward="H2",
        bed="1",
    )


def source(text: str, at: datetime) -> Source:
    stamp = at.isoformat().replace("+00:00", "Z")
    return Source(
        format="hl7v2",
        sender="LIS|LAB1",
        received_at=stamp,
        sent_at=stamp,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def report(
    number: int | str,
    values: dict[str, str],
    *,
    hours: float = 0,
    order: str = "",
    status: str = "F",
    later: float = 0,
    purpose: str = "live",
    salt: str = "",
    comment: str = "",
) -> LabReport:
    """Values of one sample taken `hours` after NOW; `later` hours pass until it is reported."""
    taken, told = NOW + timedelta(hours=hours), NOW + timedelta(hours=hours + later, minutes=30)
    order = order or f"O{number}-{hours}"
    who = patient(number)
    text = f"{who.id}|{order}|{status}|{sorted(values.items())}|{later}|{salt}|{comment}"
    at = source(text, told)
    results = tuple(
        ReportedResult(
            code=(Coding(code=LOINC[name][0], system="LN"),), status=status, value=Quantity(number=value),
            unit=LOINC[name][1], where=Where(segment=4 + i, offset=100 * i, length=90), laboratory="LAB1",
            filler_order=order, collected_at=_text(taken), reported_at=_text(told), specimen=f"S{order}",
            value_type="NM", comments=(comment,) if comment else (),
        )
        for i, (name, value) in enumerate(values.items())
    )  # fmt: skip
    return LabReport(
        event_id=event_id(at.sender, at.sha256, who.id), patient=who, source=at, raw=text.encode(), results=results,
        purpose=purpose,  # type: ignore[arg-type]
    )  # fmt: skip


def context_change(number: int | str, *entries: ContextEntry, hours: float = 0) -> ContextChange:
    who, at = patient(number), source(f"context {number} {entries} {hours}", NOW + timedelta(hours=hours))
    return ContextChange(event_id=event_id(at.sender, at.sha256, who.id), patient=who, source=at, entries=entries)


def merge(survivor: int | str, retired: int | str, *, hours: float = 0, undo: bool = False) -> PatientMerge:
    at = source(f"merge {survivor} {retired} {hours} {undo}", NOW + timedelta(hours=hours))
    who = patient(survivor)
    identity = event_id(at.sender, at.sha256, who.id)
    return PatientMerge(event_id=identity, patient=who, retired=patient(retired), source=at, undo=undo)


def heartbeat(partition: int, at: datetime) -> Heartbeat:
    return Heartbeat(partition=partition, sent_at=_text(at))


def records(*events: Event, partition: int = 0, start: int = 0) -> list[Record]:
    """As they come out of Kafka."""
    return [
        Record(partition=partition, offset=start + i, key=key_of(event), value=encode_event(event))
        for i, event in enumerate(events)
    ]


def key_of(event: Event) -> bytes | None:
    return event.patient.id.encode() if isinstance(event, LabReport | ContextChange | PatientMerge) else None


def again(event: LabReport, **changes: object) -> LabReport:
    return msgspec.structs.replace(event, **changes)


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
