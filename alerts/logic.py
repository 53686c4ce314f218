"""Logic with three values, and numbers known only as an interval.

A test on an interval is TRUE if every value in it passes, FALSE if none does, else INDETERMINATE (clinical
specification, result life cycle 3). INDETERMINATE is never silently FALSE.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Literal

import msgspec

Operator = Literal[">", ">=", "<", "<="]


class Truth(StrEnum):
    """Kleene's strong three-valued logic."""

    TRUE = "TRUE"
    FALSE = "FALSE"
    INDETERMINATE = "INDETERMINATE"


TRUE, FALSE, INDETERMINATE = Truth
"""The same under short names: looking a member up in its class is dear where it is asked hundreds of times a report."""


def all_true(values: Iterable[Truth]) -> Truth:
    """AND: one FALSE decides, else one INDETERMINATE spoils."""
    found = TRUE
    for value in values:
        if value is FALSE:
            return FALSE
        if value is INDETERMINATE:
            found = INDETERMINATE
    return found


def any_true(values: Iterable[Truth]) -> Truth:
    """OR: one TRUE decides, else one INDETERMINATE spoils."""
    found = FALSE
    for value in values:
        if value is TRUE:
            return TRUE
        if value is INDETERMINATE:
            found = INDETERMINATE
    return found


def negate(value: Truth) -> Truth:
    """NOT: INDETERMINATE stays what it is."""
    if value is TRUE:
        return FALSE
    return TRUE if value is FALSE else INDETERMINATE


_COMPARISON = {">": gt, ">=": ge, "<": lt, "<=": le}


def compares(number: Decimal, operator: Operator, limit: Decimal) -> bool:
    """Whether an exact number passes."""
    passes: bool = _COMPARISON[operator](number, limit)
    return passes


class Interval(msgspec.Struct, frozen=True, gc=False):
    """A quantity known exactly (both ends equal and closed) or between two ends; `high` None is infinite."""

    low: Decimal
    high: Decimal | None
    low_closed: bool = True
    high_closed: bool = True

    @classmethod
    def exactly(cls, value: Decimal) -> Interval:
        """A number without a comparator."""
        return cls(value, value)

    @property
    def exact(self) -> Decimal | None:
        """The number, or None when only an interval is known."""
        return self.low if self.low == self.high else None

    def test(self, operator: Operator, limit: Decimal) -> Truth:
        """Compare every value of the interval with `limit`, in the same unit."""
        if self.low is self.high and self.low_closed and self.high_closed:  # an exact number, as nearly always
            return TRUE if _COMPARISON[operator](self.low, limit) else FALSE
        if operator == ">":
            return _above(self, limit, strict=True)
        if operator == ">=":
            return _above(self, limit, strict=False)
        return negate(_above(self, limit, strict=operator == "<="))


def _above(interval: Interval, limit: Decimal, *, strict: bool) -> Truth:
    """TRUE when every value is above the limit (or on it, when not strict), FALSE when none is."""
    low, high = interval.low, interval.high
    if low > limit or (low == limit and (not interval.low_closed or not strict)):
        return TRUE
    if high is None:
        return INDETERMINATE
    if high < limit or (high == limit and (strict or not interval.high_closed)):
        return FALSE
    return INDETERMINATE
