"""The part of a message that is about one patient, byte for byte, and where its results stand in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from schemas.patient_event import Where
from services.reading.fhir.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """`places` by entry number of the message; segments are counted within `raw`."""

    raw: bytes
    places: dict[int, Where]


def whole(message: Message) -> Cut:
    """All of it, as received."""
    return Cut(
        raw=message.data,
        places={
            piece.number: Where(segment=piece.number, offset=piece.place.offset, length=piece.place.length)
            for piece in message.pieces
        },
    )


def cut(message: Message, numbers: Collection[int]) -> Cut:
    """A Bundle of these entries alone: its frame is made anew, its entries are the bytes that were sent."""
    kind = message.bundle.type if message.bundle else ""
    raw = bytearray(b'{"resourceType":"Bundle","type":"' + kind.encode("ascii", "ignore") + b'","entry":[')
    places: dict[int, Where] = {}
    for segment, piece in enumerate((one for one in message.pieces if one.number in numbers), start=1):
        raw += b"," if segment > 1 else b""
        inside = piece.place.offset - piece.entry.offset
        places[piece.number] = Where(segment=segment, offset=len(raw) + inside, length=piece.place.length)
        raw += message.data[piece.entry.offset : piece.entry.offset + piece.entry.length]
    return Cut(raw=bytes(raw + b"]}"), places=places)
