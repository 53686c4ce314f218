"""From Kafka bytes to an event with its meaning; what cannot be read becomes a fault, never an exception. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from schemas.codec import decode_event
from schemas.errors import SchemaError
from schemas.patient_event import ContextChange, Event, Heartbeat, LabReport, PatientMerge, Refused
from schemas.realm import apart
from services.ledger.numbers import BY_SENDER, NOT_ALLOWED
from services.ledger.record import Record
from services.mapping.mapped import Mapped
from services.mapping.report import map_report
from services.mapping.site import Site
from services.mapping.times import read_time
from services.shared.context_event import time_fault

UTC_ZONE = ZoneInfo("UTC")


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a record goes to the dead letters."""

    error_class: str
    reason: str


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """One record, read. Exactly one of `event` and `fault` is there, except that a refused row keeps its event."""

    record: Record
    event: Event | None = None
    mapped: Mapped | None = None
    fault: Fault | None = None
    nobody: bool = False
    """Without a usable patient identifier: kept, and held whole."""
    unknown: str = ""
    """Why the identifier is none, as a reason of quarantine."""
    proposal: str = ""
    """Why a merge is only proposed; empty when it counts."""
    feed: str = ""
    """Name of the listed sender; empty where none is."""
    test: bool = False
    """Of the test realm: the event then is about the patient of that realm."""
    received_at: datetime = datetime.min.replace(tzinfo=UTC)

    @property
    def said_at(self) -> datetime:
        """When it said who somebody is and where; of history when it was sent: an old ward is left long ago."""
        if not isinstance(self.event, LabReport) or self.event.purpose != "history":
            return self.received_at
        sent = read_time(self.event.source.sent_at, UTC_ZONE)
        return self.received_at if sent is None else min(sent.at, self.received_at)

    def refused(self, error: Exception) -> Incoming:
        """The same record as a dead letter."""
        fault = Fault(error_class=type(error).__name__, reason=str(error).splitlines()[0] if str(error) else "")
        return msgspec.structs.replace(self, fault=fault)

    @property
    def sent_ids(self) -> tuple[str, ...]:
        """Patients it is about, as sent; none for a fault, a heartbeat or a refused message."""
        if (
            self.fault is not None
            or self.nobody
            or not isinstance(self.event, LabReport | ContextChange | PatientMerge)
        ):
            return ()
        others = (self.event.retired.id,) if isinstance(self.event, PatientMerge) else ()
        return (self.event.patient.id, *others)

    @property
    def event_id(self) -> str:
        """Empty for faults and heartbeats."""
        return "" if self.event is None or isinstance(self.event, Heartbeat) else self.event.event_id


def read(record: Record, site: Site) -> Incoming:
    """Decode and map one record."""
    try:
        event = decode_event(record.value)
    except SchemaError as error:
        return Incoming(record=record).refused(error)
    if isinstance(event, Heartbeat):
        return accept(event, site, record)
    test = not isinstance(event, Refused) and site.is_test(event)
    found = accept(apart(event) if test and not isinstance(event, Refused) else event, site, record)
    return msgspec.structs.replace(found, feed=site.feed_of(event.source), test=test)


NO_RECORD = Record(partition=0, offset=0, key=None, value=b"")


def accept(event: Event, site: Site, record: Record = NO_RECORD) -> Incoming:
    """Check and map one event."""
    incoming = Incoming(record=record, event=event)
    try:
        if isinstance(event, Heartbeat):
            return msgspec.structs.replace(incoming, received_at=moment(event.sent_at))
        incoming = msgspec.structs.replace(incoming, received_at=moment(event.source.received_at))
        UUID(event.event_id)
        _check_times(event)
        event = zoned(event, site)
        incoming = msgspec.structs.replace(incoming, event=event)
        nobody = _nobody(event, site)
        mapped = map_report(event, site) if isinstance(event, LabReport) else None
        unknown = "" if isinstance(event, Refused) else next(iter(whose(event, site)), "")
        return msgspec.structs.replace(
            incoming, mapped=mapped, nobody=nobody, unknown=unknown, proposal=_proposal(event, site)
        )
    except Exception as error:  # noqa: BLE001 - one record must not stop a partition: kept whole as a dead letter, operations are paged
        return incoming.refused(error)


Told = LabReport | ContextChange | PatientMerge | Refused


def zoned(event: Told, site: Site) -> Told:
    """With the sender's offset on what administration says without one (agreed behaviour 1): wards, deaths, merges."""
    zone = site.zone_of(event.source.sender)
    if isinstance(event, PatientMerge):
        return msgspec.structs.replace(event, at=_with_offset(event.at or event.source.sent_at, zone))
    if not isinstance(event, ContextChange) or zone == site.zone:
        return event
    entries = tuple(
        msgspec.structs.replace(entry, from_=_with_offset(entry.from_, zone), to=_with_offset(entry.to, zone))
        for entry in event.entries
    )
    return msgspec.structs.replace(event, entries=entries)


def _with_offset(text: str, zone: ZoneInfo) -> str:
    """A day stays a day; what is no time stays as it is."""
    if len(text) <= len("2026-03-01"):
        return text
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if found.tzinfo else found.replace(tzinfo=zone).isoformat()


def _check_times(event: Event) -> None:
    """A time that cannot be read, or lies beyond reason, makes a dead letter of the whole change."""
    for number, entry in enumerate(event.entries if isinstance(event, ContextChange) else ()):
        wrong = time_fault(entry)
        if wrong:
            raise ContextRefused(f"entries[{number}], {entry.kind}, {wrong}")


def _proposal(event: Event, site: Site) -> str:
    """A link is one; so is the merge of a sender that may not merge (the intake refuses it, agreed behaviour 1)."""
    if not isinstance(event, PatientMerge):
        return ""
    by_people = event.source.format == "halo"
    if not by_people and not site.may_merge(event.source):
        return NOT_ALLOWED
    return BY_SENDER if event.link else ""


def whose(event: LabReport | ContextChange | PatientMerge, site: Site) -> list[str]:
    """Why the patients of an event are nobody; empty when they are somebody."""
    people = (event.patient, event.retired) if isinstance(event, PatientMerge) else (event.patient,)
    return [wrong for patient in people if (wrong := site.refuses_identity(patient.id, event.source.sender))]


def _nobody(event: LabReport | ContextChange | PatientMerge | Refused, site: Site) -> bool:
    """True for an event whose identifier names no patient: kept, quarantined as a whole, no record is made.

    What people themselves say of nobody is a mistake of ours.
    """
    if isinstance(event, Refused):
        return False
    wrong = whose(event, site)
    if wrong and not isinstance(event, LabReport) and event.source.format not in ("hl7v2", "fhir"):
        raise IdentityRefused(f"{type(event).__name__} names no patient: {', '.join(wrong)}")
    return bool(wrong)


class IdentityRefused(ValueError):
    """Context or a merge of an identifier that the site file does not take."""


class ContextRefused(ValueError):
    """A change of context with a time that nobody can read."""


def moment(text: str) -> datetime:
    """An instant that Halo itself wrote, UTC. ValueError when it is none."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return found.astimezone(UTC)
