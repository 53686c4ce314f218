"""Ids from data only, never from a clock or from arrival: uuid5 of one namespace and a JSON array of strings.

The array has no spaces and a missing part is "". Golden values stand in `schemas/examples/identity.json`.
"""

from __future__ import annotations

import hashlib
import uuid

import msgspec

NAMESPACE = uuid.UUID("8f6f7a52-6f0c-5a51-9d0e-48414c4f0001")
"""Halo's own; must never change, or every stored id would."""
_PREFIX = NAMESPACE.bytes


def stable_id(*parts: str) -> str:
    """The uuid5 of `parts`, as text (RFC 9562, 5.5).

    Written out: made several times for each result, and `uuid.uuid5` builds two objects on the way to the text.
    """
    digest = bytearray(hashlib.sha1(_PREFIX + msgspec.json.encode(parts), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def event_id(sender: str, message_sha256: str, patient: str) -> str:
    """[sender, sha256 of the source message, patient as sent]; never the control id, which senders reuse."""
    return stable_id(sender, message_sha256, patient)


def slot_id(
    patient: str, laboratory: str, order_key: str, code: str, system: str, sub_id: str, occurrence: str = ""
) -> str:
    """The same measurement through its corrections.

    `occurrence` is "" except where one order and code stands twice (told apart by specimen or collection time).
    """
    parts = (patient, laboratory, order_key, code, system, sub_id)
    return stable_id(*parts, occurrence) if occurrence else stable_id(*parts)


def result_id(slot: str, status: str, version_time: str, content_sha256: str) -> str:
    """One version of a measurement; the same id again is a redelivery."""
    return stable_id(slot, status, version_time, content_sha256)


def alert_id(rule: str, patient: str, anchor: str) -> str:
    """One episode: the rule, the patient and the slot of the sample that opened it."""
    return stable_id(rule, patient, anchor)
