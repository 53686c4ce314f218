"""How urgent it is to ask about a value in quarantine: HIGH or CRITICAL if it were read in any allowed unit.

A reading counts when it is a possible value; so does the reported unit itself when the value is beyond its hard
limits (analytes 2, `steward_page`). This judges only how soon a person must look: nothing is evaluated from it.
"""

from __future__ import annotations

from decimal import Decimal, DecimalException
from typing import Literal

from schemas.analytes import Analyte, Urgent
from schemas.errors import UnitRefused
from schemas.numbers import first_number, product, readings
from schemas.patient_event import Quantity, Text, Value
from schemas.texts import read_text
from schemas.units import Scale, apply, canonical_spelling, scales

UNPARSED = "unparsed"
"""Reason of a result whose words are in no list."""
Looks = Literal["", "HIGH", "CRITICAL"]


def would_be(row: Analyte, value: Value, unit: str, reason: str = "") -> Looks:
    """The highest severity any reading would have on its own."""
    found = {severity for severity, _ in _found(row, value, unit, reason)}
    return "CRITICAL" if "CRITICAL" in found else "HIGH" if found else ""


def looks_in(row: Analyte, value: Value, unit: str, reason: str, looks: Looks) -> tuple[str, ...]:
    """The units in which it would be so severe, to be asked about; in the order of the analyte's table."""
    return tuple(dict.fromkeys(name for severity, name in _found(row, value, unit, reason) if severity == looks))


def _found(row: Analyte, value: Value, unit: str, reason: str) -> list[tuple[str, str]]:
    """Severity and unit of every reading that is urgent on its own."""
    if not row.urgent:
        return []
    spelling = canonical_spelling(unit)
    known = scales(row.id)
    in_doubt = reason in _UNIT_IN_DOUBT or spelling not in known
    return [
        (limit.severity, name)
        for number in _numbers(value)
        for name, scale in (known.items() if in_doubt else ((spelling, known[spelling]),))
        for limit in row.urgent
        if _meets(limit, scale, number, row.id, impossible=reason == "outside_hard_limit" and name == spelling)
    ]


_UNIT_IN_DOUBT = frozenset(
    {
        "unit_missing",
        "unit_not_allowed",
        "outside_hard_limit",
        "looks_like_mg_dl",
        "looks_like_g_dl",
        "looks_like_umol_l",
    }
)


def _numbers(value: Value) -> tuple[Decimal, ...]:
    """Of a bound the bound itself: `>6.5` is at least as urgent as 6.5 and nobody knows by how much.

    Of words that are in no list the first number in them: `3.95 H` is no value, and somebody must look all the same.
    """
    if isinstance(value, Quantity):
        return readings(value.number.strip())
    if not isinstance(value, Text):
        return ()
    said = read_text(value.text)
    return readings(first_number(value.text) if said.word == UNPARSED else said.number)


def _meets(limit: Urgent, scale: Scale, number: Decimal, name: str, *, impossible: bool) -> bool:
    try:
        canonical = product(number, scale.factor) if impossible else apply(scale, number, name).value
    except (UnitRefused, DecimalException):
        return False
    if limit.operator == ">":
        return canonical > limit.value
    if limit.operator == ">=":
        return canonical >= limit.value
    return canonical < limit.value if limit.operator == "<" else canonical <= limit.value
