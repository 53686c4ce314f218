"""A number as a laboratory writes it, to an exact Decimal (clinical specification, analytes 2 and life cycle 3)."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

from schemas.errors import UnitRefused

LONGEST = 32
"""Characters; a longer number is no measurement, and its exact product would not fit EXACT."""
EXACT = Context(prec=2 * LONGEST, traps=[InvalidOperation, Overflow, Inexact])
"""Multiplies without rounding; what would need rounding raises instead."""
_SHAPE = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_AMONG_WORDS = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)?(?![\d]|[.,]\d)", re.ASCII)
_SEPARATED = re.compile(r"[+-]?\d[\d.,]*", re.ASCII)


def is_number(text: str) -> bool:
    """True for digits with at most one separator."""
    return len(text) <= LONGEST and _SHAPE.fullmatch(text) is not None


def is_number_like(text: str) -> bool:
    """True for anything of digits and separators, readable or not."""
    return is_number(text) or _SEPARATED.fullmatch(text) is not None


def parse_number(text: str) -> Decimal:
    """One comma and no full stop is a decimal comma. Raises UnitRefused `ambiguous_number` for anything else."""
    if not is_number(text):
        raise UnitRefused("ambiguous_number", f"{text[:80]!r} cannot be read as one number in one way only")
    return Decimal(text.replace(",", "."))


def first_number(text: str) -> str:
    """The first plain number among words, with at most one separator; "" where there is none.

    `3.95 H`, `2.9*` and `>3.5 mmol/L` hold one, a date and `H2` do not. It is never a value, only a reason to ask.
    """
    found = _AMONG_WORDS.search(text)
    return found[0] if found and is_number(found[0]) else ""


def readings(text: str) -> tuple[Decimal, ...]:
    """Every number that an ambiguous text might mean; only for judging how urgent it is to ask."""
    forms = {text, text.replace(",", ""), text.replace(".", ""), text.replace(",", "", text.count(",") - 1)}
    return tuple(sorted({Decimal(form.replace(",", ".")) for form in forms if is_number(form)}))


def product(number: Decimal, factor: Decimal) -> Decimal:
    """Exact, in plain digits without trailing zeros, so that 3.90 g/dL and 39 g/L are the same value and text."""
    value = EXACT.normalize(EXACT.multiply(number, factor))
    if not value:
        return _ZERO
    return EXACT.quantize(value, _ONE) if value.as_tuple().exponent > 0 else value  # type: ignore[operator]  # finite: only NaN and infinity have letters


_ZERO = Decimal(0)
_ONE = Decimal(1)
