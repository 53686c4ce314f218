"""A value as sent to what is known of the quantity: canonical number, interval, coded word, or why there is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from alerts.logic import Interval
from alerts.result import Kind, Quality
from schemas.analytes import Analyte
from schemas.errors import UnitRefused
from schemas.numbers import parse_number, product
from schemas.patient_event import Absent, Coded, Quantity, Text, Value
from schemas.texts import NO_VALUE, Said, read_text
from schemas.units import Scale, apply, canonical_spelling, check_trap, outside, scale_of
from services.mapping.immunofixation import read_immunofixation

ZERO = Decimal(0)
ANYTHING = Interval(ZERO, None)
"""Nothing is known but that a quantity is not negative."""

Comparator = Literal["<", "<=", ">", ">="]


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a `Result` that comes from value, unit and analyte alone."""

    kind: Kind
    value: Decimal | None = None
    comparator: Comparator | None = None
    interval: Interval | None = None
    unit: str = ""
    coded: str = ""
    reason: str = ""
    quality: Quality = "ACCEPT"
    flags: tuple[str, ...] = ()
    factor: Decimal | None = None
    """Of the reported unit, for the reference range."""


def read_value(row: Analyte, value: Value, unit: str, loq: Decimal | None) -> Meaning:
    """Raises UnitRefused with the quarantine reason. `loq` is in the canonical unit, None when unknown."""
    if isinstance(value, Absent):
        return no_value(value.reason.strip('"') or "absent")
    if row.kind == "text":
        return no_value("comment")
    if row.kind == "immunofixation":
        return Meaning(kind="CODED", coded=_fixation(value))
    said = _said(value)
    if said.word:
        return _word(row, said.word, loq)
    if canonical_spelling(unit) in row.ratios or canonical_spelling(unit) in row.per_volume:
        return _not_comparable(said, canonical_spelling(unit))
    return _number(row, said, unit)


def no_value(reason: str) -> Meaning:
    """There is no value, and why."""
    return Meaning(kind="NO_VALUE", reason=reason, flags=("unparsed",) if reason == "unparsed" else ())


def _said(value: Quantity | Coded | Text) -> Said:
    if isinstance(value, Quantity):
        if value.comparator in ("", "<", "<=", ">", ">="):
            return Said(number=value.number.strip(), comparator=value.comparator)  # type: ignore[arg-type]  # checked in the line above
        raise UnitRefused("ambiguous_number", f"comparator {value.comparator!r} is not known")
    if isinstance(value, Text):
        return read_text(value.text)
    texts = (text for coding in value.codings for text in (coding.display, coding.code) if text)
    words = (said for said in map(read_text, texts) if said.word and said.word != "unparsed")
    return next(words, Said(word="unparsed"))


def _fixation(value: Quantity | Coded | Text) -> str:
    if isinstance(value, Quantity):
        return "indeterminate"
    if isinstance(value, Text):
        return read_immunofixation(value.text)
    read = {
        read_immunofixation(text) for coding in value.codings for text in (coding.display or coding.code,) if text
    } - {"indeterminate"}
    positive = sorted(name for name in read if name.startswith("positive:"))
    if "negative" in read and len(read) > 1:
        return "indeterminate"
    if positive:
        return "positive:" + "+".join(
            sorted({c for name in positive for c in name.removeprefix("positive:").split("+")})
        )
    return read.pop() if len(read) == 1 else "indeterminate"


def _word(row: Analyte, word: str, loq: Decimal | None) -> Meaning:
    if word in NO_VALUE:
        return no_value(word)
    known = loq if loq is not None else (row.loq.value if row.loq else None)
    interval = Interval(ZERO, known, low_closed=word != "trace", high_closed=False)
    kind: Kind = "CENSORED" if word == "not_quantifiable" else "QUALITATIVE"
    return Meaning(kind=kind, interval=interval, unit=row.unit, coded=word, reason=word)


def _number(row: Analyte, said: Said, unit: str) -> Meaning:
    scale = scale_of(row.id, unit)
    number = parse_number(said.number)
    if said.comparator:
        return _censored(row, scale, number, said.comparator)
    converted = apply(scale, number, row.id)
    return Meaning(
        kind="NUMERIC", value=converted.value, interval=Interval(converted.value, converted.value), unit=scale.unit,
        quality=converted.quality, flags=converted.flags, factor=scale.factor,
    )  # fmt: skip


def _censored(row: Analyte, scale: Scale, number: Decimal, comparator: Comparator) -> Meaning:
    """Trap and limits look at the bound: one that no possible value lies beyond is as wrong as a wrong number."""
    check_trap(scale, number, row.id)
    bound = product(number, scale.factor)
    interval = _interval(bound, comparator)
    if bound < ZERO or outside(scale.hard, interval.low, interval.high):
        raise UnitRefused("outside_hard_limit", f"{row.id} {comparator}{bound} {scale.unit} is not possible")
    query = outside(scale.soft, interval.low, interval.high)
    return Meaning(
        kind="CENSORED", value=bound, comparator=comparator, interval=interval, unit=scale.unit, factor=scale.factor,
        quality="QUERY" if query else "ACCEPT", flags=(*scale.flags, *(("outside_soft_limit",) if query else ())),
    )  # fmt: skip


def _interval(bound: Decimal, comparator: Comparator) -> Interval:
    closed = "=" in comparator
    if comparator.startswith("<"):
        return Interval(ZERO, bound, high_closed=closed)
    return Interval(bound, None, low_closed=closed)


def _not_comparable(said: Said, unit: str) -> Meaning:
    """Kept with its own unit and shown; of the canonical quantity nothing is known (analytes 2, NOT_FOR_IMWG)."""
    number = product(parse_number(said.number), Decimal(1))
    if number < ZERO:
        raise UnitRefused("outside_hard_limit", f"{number} {unit} is not possible")
    return Meaning(
        kind="NUMERIC", value=number, comparator=said.comparator or None, interval=ANYTHING, unit=unit,
        quality="NOT_FOR_IMWG", flags=("not_for_imwg",),
    )  # fmt: skip
