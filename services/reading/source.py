"""Who sent a message, when and in which bytes."""

from __future__ import annotations

from hashlib import sha256

from schemas.patient_event import Source
from services.reading.header import Header


def make_source(
    message: bytes, received_at: str, *, peer: str = "", header: Header | None = None, digest: str = ""
) -> Source:
    """`header` is None for what could not be read; `digest` is given where `message` is only the start of it."""
    whole = digest or sha256(message).hexdigest()
    if header is None:
        return Source(format="hl7v2", sender=peer, received_at=received_at, peer=peer, sha256=whole, raw_sha256=whole)
    return Source(
        format="hl7v2",
        sender=header.sender,
        received_at=received_at,
        message_id=header.control_id,
        message_type=header.message_type,
        sent_at=header.sent_at,
        charset=header.charset.label,
        environment=header.environment,
        sha256=whole,
        raw_sha256=whole,
        peer=peer,
    )
