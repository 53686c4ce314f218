"""ADT that joins or parts patients: PID and MRG (A40 and its elder brothers, A47), two PID (A24, A37).

A merge retires the identifiers of MRG-1: results under them are the survivor's from then on. A link (A24) only proposes
it: the standard keeps linked records apart, so a person confirms. One that is sent again is the same event.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise

import msgspec

from schemas.identity import event_id
from schemas.patient_event import Event, Identifier, Patient, PatientMerge, Source
from services.reading.adt import NO_PID, PID_EMPTY, happened_at, nobody
from services.reading.fields import Row
from services.reading.header import Header
from services.reading.message_types import LINKS, MERGES, UNLINKS
from services.reading.outcome import REQUIRED_FIELD_MISSING, Refusal
from services.reading.patients import Choose, Group, groups, identifiers_of, patient_of

JOINS = MERGES | LINKS | UNLINKS


def read_merges(message: bytes, header: Header, source: Source, choose: Choose) -> tuple[Event, ...] | Refusal:
    """Every merge, link or parting of the message; a Refusal when somebody is not named: then none of them is taken."""
    found = groups(message, header)
    patients = [patient_of(group, header, choose) for group in found]
    if not found or not all(patient.id for patient in patients):
        return nobody(PID_EMPTY if found else NO_PID)
    if header.trigger in MERGES:
        pairs = list(_retired(found, patients, header, choose))
        if len({patient.id for patient, _ in pairs}) < len({patient.id for patient in patients}):
            return _no_merge()
    else:
        pairs = list(pairwise(patients))
        if not pairs:
            return _one_only()
    at = happened_at(header)
    return tuple(_event(message, header, source, one, other, at) for one, other in pairs if one.id != other.id)


def _retired(
    found: list[Group], patients: list[Patient], header: Header, choose: Choose
) -> Iterator[tuple[Patient, Patient]]:
    """Survivor and retired; several identifiers of one authority in MRG-1 are several records."""
    for group, patient in zip(found, patients, strict=True):
        for segment in group.segments:
            if segment.name == "MRG":
                named = identifiers_of(Row(segment, header.dialect), 1, header)
                for retired in _records(named, choose):
                    yield patient, Patient(id=retired, identifiers=named)


def _records(named: tuple[Identifier, ...], choose: Choose) -> list[str]:
    chosen = choose(named)
    authority = chosen.partition("|")[0]
    alike = [f"{item.authority}|{item.value}" for item in named if chosen and item.authority == authority]
    return list(dict.fromkeys(alike))


def _no_merge() -> Refusal:
    text = "no identifier to merge: MRG-1 must name who is retired, behind the PID of the survivor"
    return Refusal(reason="no_merge_id", text=text, condition=REQUIRED_FIELD_MISSING, location="MRG^1^1")


def _one_only() -> Refusal:
    text = "a link names two patients; there is one PID"
    return Refusal(reason="no_merge_id", text=text, condition=REQUIRED_FIELD_MISSING, location="PID^2^3")


def _event(
    message: bytes, header: Header, source: Source, survivor: Patient, retired: Patient, at: str
) -> PatientMerge:
    undo, link = header.trigger in UNLINKS, header.trigger in LINKS
    said = (source.sender, survivor.id, retired.id, undo, link, at or source.sha256)
    return PatientMerge(
        event_id=event_id("merge", sha256(msgspec.json.encode(said)).hexdigest(), survivor.id),
        patient=survivor, retired=retired, source=source, undo=undo, link=link, raw=message, at=at,
    )  # fmt: skip
