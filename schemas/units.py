"""Reported number and unit to the canonical value, by the allow-list of each analyte. Never guesses a unit.

Order of checks (clinical specification, analytes 2): code, unit, number, trap, hard limits, soft limits.
"""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import msgspec

from schemas.analytes import TABLE, Analyte, Limits, Trap, analyte
from schemas.errors import UnitRefused
from schemas.numbers import parse_number, product

ALIASES = MappingProxyType(TABLE.aliases)


class Converted(msgspec.Struct, frozen=True):
    """A value in the canonical unit: the exact product, not rounded."""

    value: Decimal
    unit: str
    quality: Literal["ACCEPT", "QUERY"]
    flags: tuple[str, ...] = ()


class Scale(msgspec.Struct, frozen=True):
    """How one unit of one analyte becomes canonical, worked out once."""

    unit: str
    """Canonical."""
    factor: Decimal
    traps: tuple[Trap, ...]
    hard: Limits | None
    soft: Limits | None
    flags: tuple[str, ...]


def _scales(row: Analyte) -> dict[str, Scale]:
    own = {row.unit: (Decimal(1), "")} if row.unit else {}
    accepted = {**own, **{unit.unit: (unit.factor, unit.flag) for unit in row.units}}
    return {
        name: Scale(
            row.unit, factor, tuple(trap for trap in row.traps if trap.unit == name), row.hard, row.soft,
            (flag,) if flag else (),
        )
        for name, (factor, flag) in accepted.items()
    }  # fmt: skip


_SCALES = {name: _scales(row) for name, row in TABLE.analyte.items()}
"""Analyte -> canonical spelling of an accepted unit -> scale."""


def canonical_spelling(unit: str) -> str:
    """UCUM spelling of an accepted alias; anything else as it is (UCUM is case-sensitive)."""
    return ALIASES.get(unit, unit)


def scales(name: str) -> MappingProxyType[str, Scale]:
    """Accepted units of an analyte. Raises UnknownAnalyte."""
    return MappingProxyType(_SCALES[analyte(name).id])


def scale_of(name: str, unit: str) -> Scale:
    """Raises UnitRefused `unit_missing` or `unit_not_allowed`, UnknownAnalyte."""
    known = _SCALES.get(name) or _SCALES[analyte(name).id]
    found = known.get(ALIASES.get(unit, unit))
    if found is not None:
        return found
    if not unit:
        raise UnitRefused("unit_missing", f"{name} came without a unit; accepted are {', '.join(known)}")
    raise UnitRefused("unit_not_allowed", f"{unit!r} is not accepted for {name}; accepted are {', '.join(known)}")


def convert(name: str, number: str, unit: str) -> Converted:
    """The canonical value of analyte `name`. Raises UnitRefused with the quarantine reason, UnknownAnalyte."""
    scale = scale_of(name, unit)
    return apply(scale, parse_number(number), name)


def apply(scale: Scale, number: Decimal, name: str) -> Converted:
    """`convert` after unit and number were read."""
    check_trap(scale, number, name)
    value = product(number, scale.factor)
    if outside(scale.hard, value, value):
        raise UnitRefused("outside_hard_limit", f"{name} {value} {scale.unit} is not possible")
    if outside(scale.soft, value, value):
        return Converted(value, scale.unit, "QUERY", (*scale.flags, "outside_soft_limit"))
    return Converted(value, scale.unit, "ACCEPT", scale.flags)


def check_trap(scale: Scale, number: Decimal, name: str) -> None:
    """Raises UnitRefused `looks_like_...` for a number that another unit explains."""
    for trap in scale.traps:
        if trap.holds(number):
            raise UnitRefused(trap.reason, f"{name} {number} {trap.unit} {trap.reason.replace('_', ' ')}")


def outside(limits: Limits | None, low: Decimal, high: Decimal | None) -> bool:
    """True when no value from `low` to `high` (None: infinite) lies within the inclusive limits."""
    if limits is None:
        return False
    too_high = limits.high is not None and low > limits.high
    return too_high or (limits.low is not None and high is not None and high < limits.low)
