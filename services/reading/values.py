"""OBX-2, OBX-5 and OBX-6 to a value as sent; numbers keep their digits, nothing is converted."""

from __future__ import annotations

import re

from schemas.patient_event import Absent, Coded, Coding, Quantity, Text, Value
from services.reading.fields import NULL, Field, Row

DOCUMENT = "document"
"""Reason of an OBX that carries a file (ED) or points to one (RP): kept in `raw`, never copied into the result."""

_NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)"
_PLAIN = re.compile(rf"(?P<comparator>[<>]=?)?\s*+(?P<number>{_NUMBER})", re.ASCII)
_COMPARATORS = {"": "", "=": "", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_CODED = frozenset({"CE", "CWE", "CNE", "CF"})
_FILES = frozenset({"ED", "RP"})


def read_value(row: Row) -> Value:
    """The value of an OBX. An unknown type is taken as the text that was sent."""
    kind = row.component(2).upper()
    raw = row.raw(5)
    if kind in _FILES and raw:
        return Absent(reason=DOCUMENT)
    if raw.strip() in (b"", NULL.encode()):
        return Absent(reason=raw.strip().decode("ascii"))
    repeats = [field for field in row.repeats(5) if field.data]
    if kind == "NM":
        return _number(_joined(repeats, row))
    if kind == "SN" and len(repeats) == 1:
        return _structured(repeats[0])
    if kind in _CODED:
        return _coded(repeats)
    return Text(text="\n".join(field.text() for field in repeats))


def _joined(repeats: list[Field], row: Row) -> str:
    """Repeats of a number are no number: put together as they were sent."""
    return row.dialect.repeat.decode("ascii").join(field.text() for field in repeats)


def _number(text: str) -> Value:
    found = _PLAIN.fullmatch(text.strip())
    if found is None:
        return Text(text=text)
    return Quantity(number=found["number"], comparator=found["comparator"] or "")


def _structured(field: Field) -> Value:
    """SN: comparator^number^separator^number. Ranges, ratios and `2+` have no single number and stay text."""
    comparator, first, separator, second = (field.component(number).strip() for number in range(1, 5))
    if comparator in _COMPARATORS and not separator and not second and re.fullmatch(_NUMBER, first, re.ASCII):
        return Quantity(number=first, comparator=_COMPARATORS[comparator])
    return Text(text=f"{comparator}{first}{separator}{second}".strip() or field.text())


def _coded(repeats: list[Field]) -> Value:
    codings = tuple(coding for field in repeats for coding in read_codings(field))
    if any(coding.code for coding in codings):
        return Coded(codings=codings)
    return Text(text="\n".join(_words(field) for field in repeats))


def _words(field: Field) -> str:
    """The text of a coded element without a code: CE-2, CE-5 or the original text, CWE-9."""
    return field.component(2) or field.component(5) or field.component(9) or field.text()


def read_codings(field: Field) -> tuple[Coding, ...]:
    """All codings of a CE, CWE or CNE: the first, the alternate, and from 2.7 the second alternate one."""
    triples = [(field.whole(at), field.whole(at + 1), field.whole(at + 2)) for at in (1, 4, 10)]
    return tuple(Coding(code=code, display=display, system=system) for code, display, system in triples if code)


def read_unit(row: Row) -> str:
    """OBX-6 as sent: the code, else its text. `10^9/L` is a power of ten with the component separator in it."""
    field = row.first(6)
    if field.component(1) in _POWER_BASES and not field.component(3):
        return field.text()
    return field.whole(1) or field.whole(2)


_POWER_BASES = frozenset({"10", "x10", "X10"})
