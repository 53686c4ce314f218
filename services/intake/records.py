"""Events as Kafka records: key, value and headers (CloudEvents in binary mode, W3C trace context)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import quote

from schemas.codec import encode_event
from schemas.patient_event import ContextChange, Event, Heartbeat, LabReport, PatientMerge, Refused
from services.shared.kafka import MAX_MESSAGE_BYTES

MAX_VALUE_BYTES = MAX_MESSAGE_BYTES - 64 * 1024
"""Leaves room for key, headers and the batch's own frame."""

_TYPES = {
    LabReport: "lab_report",
    ContextChange: "context_change",
    PatientMerge: "patient_merge",
    Refused: "refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is handed to the producer."""

    event_id: str
    key: bytes | None
    """The patient id as sent; None (any partition) where nobody is named."""
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def to_record(event: Event) -> Record:
    """One event, one record. Heartbeats are the clock's and are not made here."""
    if isinstance(event, Heartbeat):
        raise TypeError("a heartbeat names its partition; the clock produces it")
    patient = "" if isinstance(event, Refused) else event.patient.id
    return Record(
        event_id=event.event_id,
        key=patient.encode() or None,
        value=encode_event(event),
        headers=_headers(event),
    )


def _headers(event: LabReport | ContextChange | PatientMerge | Refused) -> tuple[tuple[str, bytes], ...]:
    source = event.source
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event.event_id,
        "ce_type": f"halo.{_TYPES[type(event)]}.v1",
        "ce_source": f"urn:halo:intake:{quote(source.sender, safe='')}",
        "ce_time": source.received_at,
        "content-type": "application/json",
        "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
    }
    return tuple((name, value.encode()) for name, value in headers.items())
