"""How finely a message may be cut. Bytes that are cheap to send must not become millions of objects to hold.

The limits are engineering defaults far above real reports (a year of one patient's results is some thousand segments);
documents do not count, a line break inside a text begins no segment.
"""

from __future__ import annotations

import re

from services.reading.outcome import SEGMENT_SEQUENCE_ERROR, Refusal

SEGMENTS = 20_000
PARTS = 400_000
"""Fields, repeats, components and subcomponents in all."""
_SEGMENT = re.compile(rb"[\r\n][ \t\0]*+[A-Z][A-Z0-9]{2}(?=[!-/:-@\[-`{-~\r\n]|\Z)")
_DELIMITERS = re.compile(rb"MSH([!-/:-@\[-`{-~])([!-/:-@\[-`{-~]{1,5})")
_SMALL = 64 * 1024
"""So short a message cannot exceed the limits by enough to matter."""


def too_fine(message: bytes) -> Refusal | None:
    """AR for a message of more segments or parts than any report has; None for all others. Linear, takes any bytes."""
    if len(message) <= _SMALL:
        return None
    if sum(1 for _ in _SEGMENT.finditer(message)) >= SEGMENTS:
        text = f"more than {SEGMENTS} segments in one message; send several messages"
        return Refusal(reason="too_fine", text=text, condition=SEGMENT_SEQUENCE_ERROR)
    if sum(message.count(mark) for mark in _marks(message)) > PARTS:
        return Refusal(reason="too_fine", text=f"more than {PARTS} fields, repeats and components in one message")
    return None


def _marks(message: bytes) -> set[bytes]:
    found = _DELIMITERS.search(message, 0, _SMALL)
    separator, encoding = (found[1], found[2]) if found else (b"|", b"^~\\&")
    at = [0, 1, 3]  # component, repeat, subcomponent; an escape character divides nothing
    return {separator, *(encoding[index : index + 1] for index in at if index < len(encoding))} - {b""}
