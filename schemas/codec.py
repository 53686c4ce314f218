"""Bytes to events and back: JSON by msgspec, decoded from raw bytes (never by Faust's own codecs)."""

from __future__ import annotations

import msgspec

from schemas.errors import UndecodableEvent
from schemas.patient_event import Event

_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """One JSON object without a newline, so that a file of them is NDJSON."""
    return _encoder.encode(event)


def decode_event(data: bytes) -> Event:
    """Raises UndecodableEvent with the place of the fault; unknown fields are ignored."""
    try:
        return _decoder.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UndecodableEvent(str(error)) from error
    except UnicodeDecodeError as error:
        raise UndecodableEvent(f"not UTF-8: {error}") from error
