"""The `Refused` event of a message that can never be taken."""

from __future__ import annotations

from hashlib import sha256

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


def refuse_unread(refusal: Refusal, message: bytes, received_at: str, *, peer: str = "", digest: str = "") -> Outcome:
    """As `refuse`, for bytes without a header; `digest` where `message` is only the start of them."""
    return refuse(refusal, message, _source(message, received_at, peer, digest))


def _source(message: bytes, received_at: str, peer: str, digest: str) -> Source:
    whole = digest or sha256(message).hexdigest()
    return Source(format="hl7v2", sender=peer, received_at=received_at, peer=peer, sha256=whole, raw_sha256=whole)
