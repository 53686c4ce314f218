"""`patient-events.v1`: everything that can happen to a patient's record, as intake saw it.

Values, codes and units stay exactly as sent; meaning is given later by `services.mapping`. One Kafka record is one
event of one patient, keyed by `Patient.id`. Encoded as JSON (see `schemas.codec`); producers are strict, consumers
ignore fields they do not know, and fields are only ever added with a default (FULL_TRANSITIVE).

Times are ISO 8601 text as the sender gave them, reformatted only: with an offset where one was sent, without where
none was ("2026-03-01T10:00:00"), and shortened where less was sent ("2026-03-01" is a date-only time). Times that Halo
itself takes (`received_at`) are UTC with "Z".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Purpose = Literal["live", "history"]
"""`history` never notifies, whatever the feed's state."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of an event; absent text is the empty string, never null."""


class Identifier(_Part, frozen=True):
    """One repeat of PID-3, or one FHIR `Patient.identifier`."""

    value: str
    authority: str = ""
    type: str = ""

    @property
    def of_person(self) -> bool:
        """Not the number of a visit or an account: those are counted by themselves, and may look like a patient's."""
        return self.type.strip().upper() not in _OF_A_VISIT


_OF_A_VISIT = frozenset({"VN", "AN", "ANC", "AND", "ANT"})
"""Types of HL7 table 0203."""


def naming(identifiers: Iterable[Identifier]) -> list[Identifier]:
    """Those that may name the patient: the numbers of a visit only where there is nothing else."""
    usable = [item for item in identifiers if item.value]
    return [item for item in usable if item.of_person] or usable


class Patient(_Part, frozen=True):
    """Who the event is about, as sent."""

    id: str
    """`authority|value`; authority is PID-3.4, else the sending facility. The Kafka key."""
    identifiers: tuple[Identifier, ...] = ()
    family: str = ""
    given: str = ""
    birth_date: str = ""
    sex: str = ""
    """HL7 table 0001 as sent (F, M, O, U, ...), empty when not sent."""
    ward: str = ""
    bed: str = ""
    facility: str = ""
    service: str = ""
    """Hospital service (PV1-10)."""
    diagnoses: tuple[str, ...] = ()
    """Codes of the diagnoses (DG1-3.1)."""


class Source(_Part, frozen=True):
    """The message that carried the event."""

    format: Literal["hl7v2", "fhir", "csv", "ndjson", "halo"]
    sender: str
    """MSH-3|MSH-4 for HL7 v2; token or host name otherwise."""
    received_at: str
    message_id: str = ""
    message_type: str = ""
    sent_at: str = ""
    charset: str = ""
    environment: str = ""
    """MSH-11: P, T or D."""
    sha256: str = ""
    """Of the whole source message, as received (hex). Part of the event id."""
    raw_sha256: str = ""
    """Of `raw`; differs from `sha256` only in messages of several patients."""
    peer: str = ""


class Coding(_Part, frozen=True):
    """A code in a code system, as sent; `LN` and `http://loinc.org` both mean LOINC."""

    code: str
    system: str = ""
    display: str = ""


class Quantity(_Part, frozen=True, tag="quantity"):
    """A number as sent, digits untouched; the comparator is `<`, `<=`, `>`, `>=` or empty."""

    number: str
    comparator: str = ""


class Coded(_Part, frozen=True, tag="coded"):
    """A coded answer (CE, CWE, CNE, `valueCodeableConcept`)."""

    codings: tuple[Coding, ...]


class Text(_Part, frozen=True, tag="text"):
    """Free text (ST, TX, FT, `valueString`); numbers and comparators inside are read by mapping."""

    text: str


class Absent(_Part, frozen=True, tag="absent"):
    """No value at all; `reason` is the sender's (`dataAbsentReason`, `""`), empty when none was given."""

    reason: str = ""


Value = Quantity | Coded | Text | Absent


class Where(_Part, frozen=True):
    """Where in `raw` a result stands: segment number from 1, byte offset and length of that segment."""

    segment: int
    offset: int
    length: int


class ReportedResult(_Part, frozen=True):
    """One OBX or one FHIR Observation (component), as sent."""

    code: tuple[Coding, ...]
    status: str
    """OBX-11 as sent, or the FHIR status word."""
    value: Value
    where: Where
    laboratory: str = ""
    """OBX-23.1, OBX-15.1 or MSH-4, the first that is there."""
    filler_order: str = ""
    placer_order: str = ""
    accession: str = ""
    specimen: str = ""
    specimen_conditions: tuple[str, ...] = ()
    """SPM-24 codes, for example HEM."""
    sub_id: str = ""
    collected_at: str = ""
    """SPM-17, else OBR-7, else OBX-14 (the site file may change the order)."""
    collected_from: str = ""
    """The field it came from, for example `OBR-7`."""
    collection_times: dict[str, str] = {}
    """By field, where several were sent and say different things: a laboratory may want another order of them."""
    analysed_at: str = ""
    """OBX-19."""
    reported_at: str = ""
    """OBR-22, or FHIR `issued`."""
    updated_at: str = ""
    """FHIR `meta.lastUpdated` of the resource: counts in place of the message's own time."""
    version_id: str = ""
    unit: str = ""
    value_type: str = ""
    reference_range: str = ""
    method: str = ""
    flags: tuple[str, ...] = ()
    """OBX-8 repeats."""
    comments: tuple[str, ...] = ()
    """NTE texts that follow the OBX, and those of its OBR."""
    part: str = ""
    """Which of several reports in one record it stands in (rows of a file); one report says nothing of another."""
    parent_order: str = ""
    """OBR-29: the order that this one came out of, as a susceptibility out of a culture."""
    parent_result: str = ""
    """OBR-26 as sent: the result of that order."""
    contradicts: str = ""
    """What its own PID says otherwise than the first PID of this number in the message (`family name and sex`): it may
    be somebody else's and is held as `identity_conflict`. Empty where fewer than two of the three differ."""


class LabReport(_Part, frozen=True, tag="lab_report"):
    """All results of one source message about one patient."""

    event_id: str
    patient: Patient
    source: Source
    raw: bytes
    """The message; of several patients, its header segments plus this patient's group, byte for byte."""
    results: tuple[ReportedResult, ...]
    purpose: Purpose = "live"


class ContextEntry(_Part, frozen=True):
    """One line of a patient's context. `from_` is written `from` in JSON and CSV."""

    kind: Literal[
        "sex", "birth_date", "place", "enrolment", "care", "deceased", "state", "monitoring_interval", "patient_type",
        "isotype", "line_start", "drug", "transfusion", "dialysis", "plasma_exchange", "infusion", "steroid",
        "growth_factor", "chronic_baseline", "symptom", "modifier", "verdict", "marrow", "imaging",
    ]  # fmt: skip
    from_: str = msgspec.field(default="", name="from")
    to: str = ""
    code: str = ""
    value: str = ""
    unit: str = ""
    note: str = ""


class ContextChange(_Part, frozen=True, tag="context_change"):
    """What people and administration know of the patient; gates and informs the rules."""

    event_id: str
    patient: Patient
    source: Source
    entries: tuple[ContextEntry, ...]
    raw: bytes = b""


class PatientMerge(_Part, frozen=True, tag="patient_merge"):
    """`retired` is the same person as `patient` (ADT A40), or, with `undo`, is not after all. Re-keys nothing."""

    event_id: str
    patient: Patient
    retired: Patient
    source: Source
    undo: bool = False
    raw: bytes = b""
    link: bool = False
    """Only proposed (ADT A24): a person confirms it before anything is merged."""
    at: str = ""
    """When it was done, as the sender says (EVN-6, else EVN-2); empty: when it was sent."""


class Refused(_Part, frozen=True, tag="refused"):
    """A message that intake answered with AR: produced before the answer, so that refusals are counted and seen."""

    event_id: str
    source: Source
    reason: str
    field: str = ""
    raw: bytes = b""
    """At most 64 KiB of it."""


class Heartbeat(_Part, frozen=True, tag="heartbeat"):
    """One a partition every 10 s: the age of the last one committed is the true health of the partition."""

    partition: int
    sent_at: str


Event = LabReport | ContextChange | PatientMerge | Refused | Heartbeat
