"""Fields, repeats, components and escape sequences of one segment (HL7 v2 chapter 2, sections 2.5 to 2.7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.reading.segments import Segment

Owner = TypeVar("Owner")
Value = TypeVar("Value")


class _Once(Generic[Owner, Value]):
    """A property worked out when first asked for, without the lock of `cached_property`, dear in each field."""

    def __init__(self, work: Callable[[Owner], Value]) -> None:
        self._work, self._name = work, work.__name__

    def __get__(self, instance: Owner, _owner: type[Owner]) -> Value:
        value = instance.__dict__[self._name] = self._work(instance)
        return value


UNREADABLE = "\ufffd"
NULL = '""'
"""HL7's "delete this value"; for Halo it is no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The delimiters of MSH-1 and MSH-2 and the codec of the text. An empty delimiter is not used by the sender."""

    field: bytes = b"|"
    component: bytes = b"^"
    repeat: bytes = b"~"
    escape: bytes = b"\\"
    subcomponent: bytes = b"&"
    codec: str = "utf-8"

    def text(self, data: bytes) -> str:
        """`data` decoded and with its escape sequences resolved. A NUL, which no text may hold, shows as unreadable."""
        decoded = data.decode(self.codec, "replace")
        mark = self.escape.decode("ascii")
        if mark and mark in decoded:
            escaped = f"{re.escape(mark)}([^{re.escape(mark)}\r\n]*){re.escape(mark)}"
            decoded = re.sub(escaped, self._resolve, decoded)
        return decoded.replace("\0", UNREADABLE) if "\0" in decoded else decoded

    def _resolve(self, found: re.Match[str]) -> str:
        code = found[1]
        delimiters = {"F": self.field, "S": self.component, "R": self.repeat, "E": self.escape, "T": self.subcomponent}
        if code in delimiters:
            return delimiters[code].decode("ascii")
        if code in _PLAIN:
            return _PLAIN[code]
        if code[:1] == "X":
            return self._hexadecimal(code[1:]) or found[0]
        return _formatting(code, found[0])

    def _hexadecimal(self, digits: str) -> str:
        try:
            return bytes.fromhex(digits).decode(self.codec)
        except ValueError:  # also UnicodeDecodeError: kept as sent
            return ""


_PLAIN = {"H": "", "N": "", "P": "#", ".br": "\n", ".ce": "\n", ".fi": "", ".nf": ""}
_COUNTED = re.compile(r"\.(sp|sk|in|ti)([+-]?\d{0,4})")


def _formatting(code: str, as_sent: str) -> str:
    """The FT commands that move the pen; what is not known is kept as sent."""
    found = _COUNTED.fullmatch(code)
    if found is None:
        return as_sent
    count = min(abs(int(found[2])) if found[2].strip("+-") else 1, _MAX_SPACE)
    return {"sp": "\n", "sk": " "}.get(found[1], "") * count


_MAX_SPACE = 100


def _cut(data: bytes, delimiter: bytes) -> list[bytes]:
    return data.split(delimiter) if delimiter else [data]


@dataclass(frozen=True)
class Field:
    """One repeat of a field."""

    data: bytes
    dialect: Dialect

    def component(self, number: int) -> str:
        """First subcomponent of component `number` (from 1); "" when absent or null."""
        if not (whole := self._component(number)):
            return ""
        part = _cut(whole, self.dialect.subcomponent)[0]
        return _not_null(self.dialect.text(part))

    def subcomponent(self, number: int, sub: int) -> str:
        """Subcomponent `sub` of component `number`, both from 1."""
        parts = _cut(self._component(number), self.dialect.subcomponent)
        return _not_null(self.dialect.text(parts[sub - 1])) if sub <= len(parts) else ""

    def whole(self, number: int) -> str:
        """Component `number` with its subcomponents and their separators as sent (`12345-6&IMP` stays so)."""
        part = self._component(number)
        return _not_null(self.dialect.text(part)) if part else ""

    def text(self) -> str:
        """The whole repeat as one text."""
        return _not_null(self.dialect.text(self.data))

    def _component(self, number: int) -> bytes:
        return self._components[number - 1] if number <= len(self._components) else b""

    @_Once
    def _components(self) -> list[bytes]:
        return _cut(self.data, self.dialect.component)


def _not_null(text: str) -> str:
    return "" if text == NULL else text


@dataclass(frozen=True)
class Row:
    """One segment by fields, numbered as the standard does (MSH-1 is the separator itself)."""

    segment: Segment
    dialect: Dialect

    @_Once
    def _fields(self) -> list[bytes]:
        parts = self.segment.data.split(self.dialect.field)
        return [parts[0], self.dialect.field, *parts[1:]] if self.segment.name in _SELF_SEPARATED else parts

    def raw(self, number: int) -> bytes:
        """Field `number` as sent, all repeats."""
        return self._fields[number] if number < len(self._fields) else b""

    def repeats(self, number: int) -> list[Field]:
        """Every repeat of the field, empty ones too; an absent field is one empty repeat."""
        return [Field(part, self.dialect) for part in _cut(self.raw(number), self.dialect.repeat)]

    def first(self, number: int) -> Field:
        """The first repeat."""
        return Field(_cut(self.raw(number), self.dialect.repeat)[0], self.dialect)

    def component(self, number: int, component: int = 1) -> str:
        """Shorthand for the first repeat's component; most fields of a result are empty and cost nothing."""
        return self.first(number).component(component) if self.raw(number) else ""


_SELF_SEPARATED = frozenset({"MSH", "FHS", "BHS"})
