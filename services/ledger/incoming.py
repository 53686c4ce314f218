"""From Kafka bytes to an event with its meaning; what cannot be read becomes a fault, never an exception. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from schemas.codec import decode_event
from schemas.errors import SchemaError
from schemas.patient_event import ContextChange, Event, Heartbeat, LabReport, PatientMerge, Refused
from services.ledger.record import Record
from services.mapping.mapped import Mapped
from services.mapping.report import map_report
from services.mapping.site import Site


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
    received_at: datetime = datetime.min.replace(tzinfo=UTC)

    def refused(self, error: Exception) -> Incoming:
        """The same record as a dead letter."""
        fault = Fault(error_class=type(error).__name__, reason=str(error).splitlines()[0] if str(error) else "")
        return msgspec.structs.replace(self, fault=fault)

    @property
    def sent_ids(self) -> tuple[str, ...]:
        """Patients it is about, as sent; none for a fault, a heartbeat or a refused message."""
        if self.fault is not None or not isinstance(self.event, LabReport | ContextChange | PatientMerge):
            return ()
        others = (self.event.retired.id,) if isinstance(self.event, PatientMerge) else ()
        return (self.event.patient.id, *others)

    @property
    def event_id(self) -> str:
        """Empty for faults and heartbeats."""
        return "" if self.event is None or isinstance(self.event, Heartbeat) else self.event.event_id


def read(record: Record, site: Site) -> Incoming:
    """Decode and map one record."""
    incoming = Incoming(record=record)
    try:
        event = decode_event(record.value)
        if isinstance(event, Heartbeat):
            return msgspec.structs.replace(incoming, event=event, received_at=moment(event.sent_at))
        incoming = msgspec.structs.replace(incoming, event=event, received_at=moment(event.source.received_at))
        _check(event)
        mapped = map_report(event, site) if isinstance(event, LabReport) else None
        return msgspec.structs.replace(incoming, mapped=mapped)
    except SchemaError as error:
        return incoming.refused(error)
    except Exception as error:  # noqa: BLE001 - one record must not stop a partition: kept whole as a dead letter, operations are paged
        return incoming.refused(error)


def _check(event: LabReport | ContextChange | PatientMerge | Refused) -> None:
    UUID(event.event_id)
    if not isinstance(event, Refused) and not event.patient.id:
        raise ValueError("an event of nobody: patient.id is empty")


def moment(text: str) -> datetime:
    """An instant that Halo itself wrote, UTC. ValueError when it is none."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return found.astimezone(UTC)
