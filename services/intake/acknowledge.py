"""Acknowledgements (HL7 v2 chapter 2, section 2.9): original mode, and enhanced mode where MSH-15 asks for it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from services.reading.fields import Dialect
from services.reading.header import Header
from services.reading.outcome import TABLE, TEXTS, Refusal

Code = Literal["AA", "AE", "AR"]

_ENHANCED = {"AA": "CA", "AE": "CE", "AR": "CR"}
_ASKS = frozenset({"AL", "ER", "SU"})
_WITH_STRUCTURE = (2, 4)
_WITH_CODED_ERROR = (2, 5)
_FRAME_BYTES = b"\x0b\x1c\r\n"
"""Would break the answer's frame or segments if a sender's field that is echoed held them."""
_DEFAULT_VERSION = "2.5.1"


def acknowledge(
    header: Header | None,
    code: Code,
    *,
    now: datetime,
    own_id: str,
    text: str = "",
    refusal: Refusal | None = None,
) -> bytes:
    """The answer, without its frame: delimiters, version and character set of the message that is answered.

    `header` is None for bytes that are no HL7: the answer then has Halo's defaults and an empty MSA-2.
    """
    dialect = header.dialect if header else Dialect()
    version = (header.version if header else "") or _DEFAULT_VERSION
    segments = [_msh(header, dialect, version, now, own_id), _msa(header, dialect, code, text)]
    if refusal is not None:
        segments.append(_err(refusal, dialect, version))
    return b"".join(segment.translate(None, _FRAME_BYTES) + b"\r" for segment in segments)


def wants_silence(header: Header | None) -> bool:
    """MSH-15 and MSH-16 both NE."""
    return header is not None and {header.row.component(15), header.row.component(16)} == {"NE"}


def _msh(header: Header | None, dialect: Dialect, version: str, now: datetime, own_id: str) -> bytes:
    fields = [b""] * 19
    fields[0] = b"MSH"
    fields[2] = dialect.component + dialect.repeat + dialect.escape + dialect.subcomponent
    fields[7] = now.strftime("%Y%m%d%H%M%S+0000").encode()
    fields[9] = dialect.component.join(_own_type(header, version))
    fields[10] = own_id.encode()
    fields[11] = header.row.raw(11) if header else b"P"
    fields[12] = header.row.raw(12) if header and header.version else version.encode()
    if header is None:
        fields[3] = b"HALO"
    else:
        fields[3], fields[4] = header.row.raw(5), header.row.raw(6)
        fields[5], fields[6] = header.row.raw(3), header.row.raw(4)
        fields[18] = header.row.raw(18)
    return dialect.field.join([fields[0], *fields[2:]]).rstrip(dialect.field)


def _own_type(header: Header | None, version: str) -> list[bytes]:
    trigger = header.row.component(9, 2) if header else ""
    if not trigger:
        return [b"ACK"]
    parts = [b"ACK", _escaped(trigger, header.dialect if header else Dialect())]
    return [*parts, b"ACK"] if _number(version) >= _WITH_STRUCTURE else parts


def _msa(header: Header | None, dialect: Dialect, code: Code, text: str) -> bytes:
    enhanced = header is not None and header.row.component(15) in _ASKS
    control_id = header.row.raw(10) if header else b""
    parts = [b"MSA", (_ENHANCED[code] if enhanced else code).encode(), control_id, _escaped(text, dialect)]
    return dialect.field.join(parts).rstrip(dialect.field)


def _err(refusal: Refusal, dialect: Dialect, version: str) -> bytes:
    """From 2.5 on ERR-2 to ERR-8, before that ERR-1 (segment, sequence, field, condition)."""
    location = [part.encode() for part in refusal.location.split("^")] if refusal.location else []
    condition = [refusal.condition.encode(), TEXTS.get(refusal.condition, "").encode(), TABLE.encode()]
    if _number(version) >= _WITH_CODED_ERROR:
        parts = [b"ERR", b"", dialect.component.join(location), dialect.component.join(condition), b"E"]
        return dialect.field.join([*parts, b"", b"", b"", _escaped(refusal.text, dialect)])
    padded = [*location, b"", b"", b""][:3]
    return dialect.field.join(
        [b"ERR", dialect.component.join([*padded, (dialect.subcomponent or b" ").join(condition)])]
    )


def _number(version: str) -> tuple[int, ...]:
    """`2.5.1` as (2, 5, 1); what is no version counts as the oldest."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})*", version):
        return (0,)
    return tuple(int(part) for part in version.split("."))


def _escaped(text: str, dialect: Dialect) -> bytes:
    """`text` with the sender's delimiters escaped; a dialect without an escape character gets blanks instead."""
    names = zip(
        (dialect.field, dialect.component, dialect.repeat, dialect.escape, dialect.subcomponent), "FSRET", strict=True
    )
    table: dict[str, str | int | None] = {mark.decode("ascii"): _escape(name, dialect) for mark, name in names if mark}
    return text.translate(str.maketrans({**table, "\r": " ", "\n": " "})).encode(dialect.codec, "replace")


def _escape(name: str, dialect: Dialect) -> str:
    mark = dialect.escape.decode("ascii")
    return f"{mark}{name}{mark}" if mark else " "
