"""What the API says: opaque patient ids only, numbers as exact decimal text, times in UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from alerts.severity import Severity
from schemas.patient_event import ContextEntry
from services.board.records import AlertRow, PatientRow, Trend


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """The present state of an alert."""

    alert_id: UUID
    patient: str
    """Opaque id."""
    version: int
    family: str
    rule: str
    level: str
    severity: Severity
    condition: str
    response: str
    flags: list[str]
    opened_at: datetime
    regraded_at: datetime
    cleared_at: datetime | None
    sampled_at: datetime
    analyte: str
    value: Decimal | None
    unit: str
    summary: dict[str, str]
    rule_pack: str
    rule_pack_status: str
    """`draft`: written by rules nobody approved for clinical use."""
    late: bool
    superseded_by: UUID | None
    code: str
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledgement_expires_at: datetime | None
    held_until: datetime | None
    """Its people wait so long because the specimen is in doubt; of a specimen mismatch: others wait so long."""
    changed_at: datetime
    feed: str
    """Sender of the deciding sample, as the site file names it: of a silent one nothing is sent; empty without one."""


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is and where."""

    patient: str
    family: str
    given: str
    birth_date: str
    sex: str
    ward: str
    bed: str
    place_at: datetime | None
    incomplete: dict[str, str]
    unwatched: str
    """Why nothing is sent: `not_enrolled`, `deceased`, `care_palliative_no_bloods`, `care_moved`, `care_declined`,
    `test_realm`."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Every trend of a patient."""

    patient: str
    series: list[Trend]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Where a deciding result stands in the message."""

    result_id: str
    analyte: str
    segment: int
    offset: int
    length: int


class SourceMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message behind the alert; `raw` is base64 of the bytes kept."""

    event_id: UUID
    format: str
    sender: str
    message_id: str
    message_type: str
    received_at: datetime
    sha256: str
    charset: str
    raw: bytes
    deciding: list[Segment]


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version that was read, and what is being done."""

    version: int
    note: str = ""


class Comment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note for the alert's log."""

    note: str


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why what waits goes out now."""

    note: str = ""


class NumberSearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hospital number, exactly."""

    number: str


class ContextLine(ContextEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is known, with its time; a misspelt name is refused."""

    def plain(self) -> ContextEntry:
        """As the stream carries it."""
        return ContextEntry(**msgspec.structs.asdict(self))


class Context(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be added to a patient's context."""

    entries: list[ContextLine]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The change as the stream knows it."""

    event_id: str
    entries: int


def alert(row: AlertRow) -> Alert:
    """Without the internal id."""
    fields = msgspec.structs.asdict(row)
    return Alert(patient=row.public_id, **{name: fields[name] for name in Alert.__struct_fields__ if name in fields})


def patient(row: PatientRow) -> Patient:
    """Without the internal id."""
    fields = msgspec.structs.asdict(row)
    named = {name: fields[name] for name in Patient.__struct_fields__ if name in fields}
    return Patient(patient=row.public_id, **named)
