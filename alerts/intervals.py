"""Arithmetic on quantities of which only an interval may be known (`<18`, `>5000`); exact for exact numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter

from alerts.logic import Interval

_MINUS_INFINITY, _INFINITY = Decimal("-Infinity"), Decimal("Infinity")
_low = attrgetter("low")


def ratio(numerator: Interval, denominator: Interval) -> Interval:
    """Every quotient that is possible; a divisor that may be zero leaves the upper end open to infinity."""
    if _exact(numerator) and _exact(denominator) and denominator.low > 0:
        return Interval.exactly(numerator.low / denominator.low)
    unbounded = numerator.high is None or denominator.low <= 0
    top = denominator.high
    low = Decimal(0) if top is None or top == 0 else numerator.low / top
    high = None if numerator.high is None or denominator.low <= 0 else numerator.high / denominator.low
    return Interval(
        low,
        high,
        numerator.low_closed and denominator.high_closed,
        not unbounded and numerator.high_closed and denominator.low_closed,
    )


def difference(first: Interval, second: Interval) -> Interval:
    """Every value that `first - second` may have."""
    if _exact(first) and _exact(second):
        return Interval.exactly(first.low - second.low)
    low = _MINUS_INFINITY if second.high is None else first.low - second.high
    high = None if first.high is None else first.high - second.low
    return Interval(low, high, first.low_closed and second.high_closed, first.high_closed and second.low_closed)


def size(span: Interval) -> Interval:
    """How far from nothing, whatever the sign."""
    if span.low >= 0:
        return span
    down = None if span.low == Decimal("-Infinity") else -span.low
    if span.high is not None and span.high <= 0:
        return Interval(-span.high, down, span.high_closed, span.low_closed)
    tops = [(span.high, span.high_closed), (down, span.low_closed)]
    known = [(top, closed) for top, closed in tops if top is not None]
    high, closed = max(known) if len(known) == len(tops) else (None, False)
    return Interval(Decimal(0), high, True, closed)


def _exact(known: Interval) -> bool:
    """One number at both ends; what is not seen at a glance goes the long way to the same end."""
    return known.low is known.high and known.low_closed and known.high_closed


def lowest(values: Sequence[Interval]) -> Interval:
    """The minimum of the quantities; at least one must be given."""
    if len(values) == 1 and values[0].high is not None:
        return values[0]
    if all(map(_exact, values)):
        return min(values, key=_low)
    low, open_low = min((v.low, not v.low_closed) for v in values)
    tops = [(v.high, v.high_closed) for v in values if v.high is not None]
    high, high_closed = min(tops) if tops else (None, False)
    return Interval(low, high, not open_low, high_closed)


def highest(values: Sequence[Interval]) -> Interval:
    """The maximum of the quantities; at least one must be given."""
    if len(values) == 1 and values[0].high is not None:
        return values[0]
    if all(map(_exact, values)):
        return max(values, key=_low)
    low, open_low = max((v.low, not v.low_closed) for v in values)
    if any(v.high is None for v in values):
        return Interval(low, None, not open_low, high_closed=False)
    high, high_closed = max((v.high, v.high_closed) for v in values if v.high is not None)
    return Interval(low, high, not open_low, high_closed)


def median(values: Sequence[Interval]) -> Interval:
    """The middle one, of an even number the mean of the middle two; at least one must be given."""
    lows, highs = [v.low for v in values], [_INFINITY if v.high is None else v.high for v in values]
    low = _middle(sorted(lows))
    high = low if lows == highs else _middle(sorted(highs))
    return Interval(low, None if high == _INFINITY else high)


def _middle(ordered: Sequence[Decimal]) -> Decimal:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
