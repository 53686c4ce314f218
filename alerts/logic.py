"""Logic with three values, and numbers known only as an interval.

A test on an interval is TRUE if every value in it passes, FALSE if none does, else INDETERMINATE (clinical
specification, result life cycle 3). INDETERMINATE is never silently FALSE.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec

Operator = Literal[">", ">=", "<", "<="]


class Truth(StrEnum):
    """Kleene's strong three-valued logic."""

    TRUE = "TRUE"
    FALSE = "FALSE"
    INDETERMINATE = "INDETERMINATE"


def all_true(values: list[Truth]) -> Truth:
    """AND: one FALSE decides, else one INDETERMINATE spoils."""
    if Truth.FALSE in values:
        return Truth.FALSE
    return Truth.INDETERMINATE if Truth.INDETERMINATE in values else Truth.TRUE


def any_true(values: list[Truth]) -> Truth:
    """OR: one TRUE decides, else one INDETERMINATE spoils."""
    if Truth.TRUE in values:
        return Truth.TRUE
    return Truth.INDETERMINATE if Truth.INDETERMINATE in values else Truth.FALSE


def negate(value: Truth) -> Truth:
    """NOT: INDETERMINATE stays what it is."""
    return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(value, Truth.INDETERMINATE)


class Interval(msgspec.Struct, frozen=True):
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
        if operator == ">":
            return _above(self, limit, strict=True)
        if operator == ">=":
            return _above(self, limit, strict=False)
        return negate(_above(self, limit, strict=operator == "<="))


def _above(interval: Interval, limit: Decimal, *, strict: bool) -> Truth:
    """TRUE when every value is above the limit (or on it, when not strict), FALSE when none is."""
    low, high = interval.low, interval.high
    if low > limit or (low == limit and (not interval.low_closed or not strict)):
        return Truth.TRUE
    if high is None:
        return Truth.INDETERMINATE
    if high < limit or (high == limit and (strict or not interval.high_closed)):
        return Truth.FALSE
    return Truth.INDETERMINATE
