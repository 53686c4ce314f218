"""The `Refused` event of a message that can never be taken."""

from __future__ import annotations

from schemas.identity import event_id
from schemas.patient_event import Refused, Source
from services.reading.header import Header
from services.reading.outcome import Outcome, Refusal

RAW_LIMIT = 64 * 1024


def refuse(refusal: Refusal, message: bytes, source: Source, header: Header | None = None) -> Outcome:
    """The outcome with its event, which carries at most 64 KiB of the message."""
    event = Refused(
        event_id=event_id(source.sender, source.sha256, ""),
        source=source,
        reason=f"{refusal.reason}: {refusal.text}",
        field=refusal.location,
        raw=message[:RAW_LIMIT],
    )
    return Outcome(events=(event,), refusal=refusal, header=header)
