"""ADT to changes of context: who the patient is, where, and that the patient died (HL7 v2.5.1 chapter 3).

Name, birth date, sex and identifiers go with the event's patient. A ward is an entry `place` with the time of the
event; one without ward and bed says that the patient left; `withdrawn` takes back the admission, transfer or discharge
that the note names. An event sent again, also under another MSH-7 and MSH-10, is the same event.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

import msgspec

from schemas.identity import event_id
from schemas.patient_event import ContextChange, ContextEntry, Event, Patient, Source
from services.reading import death
from services.reading.fields import Row
from services.reading.header import Header
from services.reading.message_types import CANCELS, DISCHARGED, PLACED
from services.reading.outcome import REQUIRED_FIELD_MISSING, SEGMENT_SEQUENCE_ERROR, Refusal
from services.reading.patients import Choose, Group, groups, head, patient_of
from services.reading.timestamps import moment_of

WITHDRAWN = "withdrawn"
DISPOSITIONS: Mapping[str, str] = MappingProxyType(dict.fromkeys(("20", "40", "41", "42"), "deceased"))
"""PV1-36 (table 0112) -> `deceased` or a word of `care`; a site file may say more."""
_LOCATION, _DISPOSITION, _LEFT_AT = 3, 36, 45


def read_changes(
    message: bytes, header: Header, source: Source, choose: Choose, dispositions: Mapping[str, str] = DISPOSITIONS
) -> tuple[Event, ...] | Refusal:
    """The changes of every patient of the message; a Refusal when one of them is not named."""
    found: list[Event] = []
    at, start = happened_at(header), head(message, header)
    several = groups(message, header)
    for group in several:
        patient = patient_of(group, header, choose)
        if not patient.id:
            return nobody(PID_EMPTY)
        raw = message if len(several) == 1 else start + group.data
        died = _death(group, header)
        if died is not None:
            found.append(death.change(patient, died, source))
        entries = _entries(group, header, at, dispositions, told=died)
        found.append(_change(patient, entries, source, at, raw))
    return tuple(found) if found else nobody(NO_PID)


PID_EMPTY = "no patient id: PID-3 is empty"
NO_PID = "no patient id: there is no PID segment"


def nobody(text: str) -> Refusal:
    """The answer to administration of nobody."""
    condition = SEGMENT_SEQUENCE_ERROR if text == NO_PID else REQUIRED_FIELD_MISSING
    return Refusal(reason="no_patient_id", text=text, condition=condition, location="PID^1^3")


def happened_at(header: Header) -> str:
    """EVN-6, when it occurred, else EVN-2, when it was recorded; "" without either."""
    event = next((Row(segment, header.dialect) for segment in header.segments if segment.name == "EVN"), None)
    return (moment_of(event.component(6)) or moment_of(event.component(2))) if event else ""


def _death(group: Group, header: Header) -> ContextEntry | None:
    pid = group.row("PID", header)
    return death.died(pid) if pid else None


def _entries(
    group: Group, header: Header, at: str, dispositions: Mapping[str, str], *, told: ContextEntry | None
) -> tuple[ContextEntry, ...]:
    visit, trigger = group.row("PV1", header), header.trigger
    when, note = at or moment_of(header.row.component(7)), f"ADT^{trigger}"
    found: list[ContextEntry] = []
    if trigger in CANCELS:
        found.append(ContextEntry(kind="place", from_=when, value=WITHDRAWN, note=note))
    if trigger in DISCHARGED:
        found.append(ContextEntry(kind="place", from_=when, note=note))
        found += _disposed(visit, when, note, dispositions, told=told)
    elif trigger in PLACED and visit is not None and not (trigger == "A08" and visit.component(_LEFT_AT)):
        ward, bed = visit.component(_LOCATION), visit.component(_LOCATION, 3)
        if ward or bed:
            found.append(ContextEntry(kind="place", from_=when, code=ward, value=bed, note=note))
    return tuple(found)


def _disposed(
    visit: Row | None, when: str, note: str, dispositions: Mapping[str, str], *, told: ContextEntry | None
) -> list[ContextEntry]:
    """What a discharge says of death and care; PID-29 knows the time of death better."""
    code = visit.component(_DISPOSITION).strip() if visit else ""
    word = dispositions.get(code, "")
    if visit is None or word in ("", "nothing") or (word == "deceased" and told is not None):
        return []
    note, left_at = f"{note} PV1-36 {code}", moment_of(visit.component(_LEFT_AT)) or when
    if word == "deceased":
        return [ContextEntry(kind="deceased", from_=left_at, note=note)]
    return [ContextEntry(kind="care", from_=left_at, value=word, note=note)]


def _change(patient: Patient, entries: tuple[ContextEntry, ...], source: Source, at: str, raw: bytes) -> ContextChange:
    who = msgspec.structs.replace(patient, ward="", bed="")
    said = at or source.sha256  # without a time of its own every message is an event of its own
    digest = sha256(msgspec.json.encode((source.sender, source.message_type, said, who, entries))).hexdigest()
    return ContextChange(
        event_id=event_id("adt", digest, patient.id), patient=who, entries=entries, raw=raw,
        source=msgspec.structs.replace(source, raw_sha256=sha256(raw).hexdigest()),
    )  # fmt: skip
