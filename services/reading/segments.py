"""One HL7 v2 message cut into segments, each with its place in the bytes.

A segment ends at CR, LF or CRLF, and only where the next line looks like a segment (three capitals or digits and the
field separator): a line break that a sender left inside a text belongs to that text, so that no field after it is
lost. Lines of nothing but blanks and control bytes are no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.reading.charset import BOM

_LINE = re.compile(rb"[^\r\n]+")
_MARK = re.compile(rb"[ \t\0]*+(?:" + BOM + rb")?+[ \t\0]*+")
_BLANK = bytes(range(0x21))


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """`raw[offset : offset + length]` is `data`; numbers count from 1."""

    number: int
    name: str
    offset: int
    length: int
    data: bytes


def cut(message: bytes, separator: bytes) -> list[Segment]:
    """The segments of `message`, in order; text before the first one is left out. Takes any bytes."""
    found: list[Segment] = []
    for start, end in _spans(message, separator):
        data = message[start:end]
        name = data[:3].decode("ascii")
        found.append(Segment(number=len(found) + 1, name=name, offset=start, length=end - start, data=data))
    return found


def _spans(message: bytes, separator: bytes) -> Iterator[tuple[int, int]]:
    shape = re.compile(rb"[A-Z][A-Z0-9]{2}(?=" + re.escape(separator) + rb"|[\r\n]|\Z)")
    start = -1
    end = 0
    for line in _LINE.finditer(message):
        at = _after_mark(message, line)
        if shape.match(message, at):
            if start >= 0:
                yield start, end
            start, end = at, line.end()
        elif message[at : line.end()].strip(_BLANK):
            end = line.end()
    if start >= 0:
        yield start, end


def _after_mark(message: bytes, line: re.Match[bytes]) -> int:
    """Where the text of a line starts: behind a byte-order mark and blanks that some senders put before MSH."""
    found = _MARK.match(message, line.start(), line.end())
    return found.end() if found else line.start()
