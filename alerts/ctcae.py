"""CTCAE grades of laboratory values, versions 5.0 and 6.0 ([R:28]; clinical specification, ctcae).

A grade is a derived value, not an alert. The limits stand in the rule pack as `ctcae_v5.hb_low_2`: grade 2 begins
beyond that limit. Grade 1 begins at the laboratory's own limit of normal unless the pack has one for it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Operator, Truth
from alerts.thresholds import Pack

Version = Literal["v5", "v6"]
Direction = Literal["high", "low"]
VERSIONS: tuple[Version, ...] = ("v5", "v6")
GRADES = (1, 2, 3, 4)


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """One value to be graded."""

    analyte: str
    interval: Interval
    low: Decimal | None
    high: Decimal | None
    """Limits of normal: the laboratory's, else the defaults of the specification; None when unknown."""
    baseline: Interval | None = None
    """Creatinine only: the median of more than 168 h and up to 365 d before."""


def defined(pack: Pack, analyte: str, direction: Direction, version: Version) -> bool:
    """Whether this version grades the analyte in this direction."""
    return any(f"ctcae_{version}.{analyte}_{direction}_{grade}" in pack.limits for grade in GRADES)


def grade(pack: Pack, value: Graded, direction: Direction, version: Version) -> str:
    """`0` (within limits) to `4`; `INDETERMINATE` when a missing limit or a censored value leaves it open."""
    truths = {grade: _reaches(pack, value, direction, version, grade) for grade in GRADES}
    certain = max((g for g, truth in truths.items() if truth is TRUE), default=0)
    open_above = any(truth is INDETERMINATE and g > certain for g, truth in truths.items())
    return "INDETERMINATE" if open_above else str(certain)


def _reaches(pack: Pack, value: Graded, direction: Direction, version: Version, number: int) -> Truth:
    """Beyond the first limit of the grade; FALSE when this grade has no laboratory limb."""
    key = f"ctcae_{version}.{value.analyte}_{direction}_{number}"
    operator: Operator = ">" if direction == "high" else "<"
    if value.analyte == "creat":
        return _creatinine(pack, value, version, number)
    if key in pack.limits:
        return value.interval.test(operator, pack[key])
    if number > 1:
        return FALSE
    normal = value.high if direction == "high" else value.low
    return INDETERMINATE if normal is None else value.interval.test(operator, normal)


def _creatinine(pack: Pack, value: Graded, version: Version, number: int) -> Truth:
    """Multiples of the upper limit; grades 2 and 3 also of the baseline (version 6: only if that is below normal)."""
    factor = pack[f"ctcae_{version}.creat_high_{number}"]
    by_limit = INDETERMINATE if value.high is None else value.interval.test(">", value.high * factor)
    by_baseline = _over_baseline(value, factor, version) if number in (2, 3) else FALSE
    if TRUE in (by_limit, by_baseline):
        return TRUE
    # Without a limit of normal only grade 1 stays open: a value that is not beyond its baseline is not graded higher.
    return by_limit if number == 1 or value.high is not None else by_baseline


def _over_baseline(value: Graded, factor: Decimal, version: Version) -> Truth:
    if value.baseline is None or value.baseline.exact is None:
        return FALSE
    if version == "v6" and (value.low is None or value.baseline.exact >= value.low):
        return FALSE
    return value.interval.test(">", value.baseline.exact * factor)
