"""MSH: delimiters, character set and who speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from services.reading.charset import Charset, decide
from services.reading.fields import Dialect, Row
from services.reading.segments import Segment, cut
from services.reading.timestamps import to_iso

_START = re.compile(
    rb"[ \t\0\r\n]*+(?:\xef\xbb\xbf)?+[ \t\0\r\n]*+MSH(?P<separator>[!-/:-@\[-`{-~])(?P<encoding>[^\r\n]{0,6})"
)
_DELIMITER = re.compile(rb"[!-/:-@\[-`{-~]")
_ENCODING_MIN, _ENCODING_MAX = 1, 5


class NotHl7(ValueError):
    """The bytes do not start with an MSH segment that says how to read them; the text says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """MSH as read, with the whole message. Components are the first ones (`MSH-3.1`)."""

    message: bytes
    row: Row
    segments: tuple[Segment, ...]
    dialect: Dialect
    charset: Charset
    application: str
    facility: str
    sent_at: str
    type: str
    trigger: str
    """Both in upper case, however they were sent: `oru^r01` means nothing else."""
    control_id: str
    environment: str
    version: str

    @property
    def sender(self) -> str:
        """MSH-3|MSH-4: who this is in event ids and the site file."""
        return f"{self.application}|{self.facility}"

    @property
    def message_type(self) -> str:
        """`ORU^R01`."""
        return f"{self.type}^{self.trigger}" if self.trigger else self.type


def read_header(message: bytes, default_charset: str) -> Header:
    """Raises NotHl7 when there is no usable MSH in front."""
    plain = _delimiters(message)
    segments = cut(message, plain.field)
    row = Row(segments[0], replace(plain, codec="iso-8859-1"))
    charset = decide(row.component(18), message, default_charset)
    dialect = replace(plain, codec=charset.codec)
    row = Row(segments[0], dialect)
    return Header(
        message=message,
        row=row,
        segments=tuple(segments),
        dialect=dialect,
        charset=charset,
        application=row.component(3),
        facility=row.component(4),
        sent_at=to_iso(row.component(7)),
        type=row.component(9, 1).upper(),
        trigger=row.component(9, 2).upper(),
        control_id=row.first(10).text(),
        environment=row.component(11),
        version=row.component(12),
    )


def _delimiters(message: bytes) -> Dialect:
    found = _START.match(message)
    if found is None:
        raise NotHl7("no MSH segment at the start; send HL7 v2 in ER7 (pipe) encoding")
    separator = found["separator"]
    encoding = found["encoding"].split(separator)[0]
    marks = [bytes([mark]) for mark in encoding]
    if not _ENCODING_MIN <= len(marks) <= _ENCODING_MAX or not all(map(_DELIMITER.fullmatch, marks)):
        raise NotHl7(r"MSH-2 must hold one to five encoding characters, usually ^~\&")
    if len({separator, *marks}) != len(marks) + 1:
        raise NotHl7("MSH-1 and MSH-2 use one character for two purposes")
    component, repeat, escape, subcomponent = (*marks[:4], b"", b"", b"")[:4]
    return Dialect(field=separator, component=component, repeat=repeat, escape=escape, subcomponent=subcomponent)
