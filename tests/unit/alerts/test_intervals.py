"""Arithmetic on intervals against what the corners of both say: the ends, and whether they can be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.intervals import difference, highest, lowest, median, ratio, size
from alerts.logic import Interval

INFINITY = Decimal("Infinity")
numbers = st.integers(1, 8).map(Decimal)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """Non-empty and above zero, open or closed, bounded or not, exact ones among them."""
    low = draw(numbers)
    high = draw(st.one_of(st.none(), numbers.filter(lambda n: n >= low)))
    if high == low:
        return Interval.exactly(low)
    return Interval(low, high, draw(st.booleans()), high is not None and draw(st.booleans()))


def ends(known: Interval) -> list[tuple[Decimal, bool]]:
    top = (INFINITY, False) if known.high is None else (known.high, known.high_closed)
    return [(known.low, known.low_closed), top]


def reached(
    operation: Callable[[Decimal, Decimal], Decimal], corners: Iterable[tuple[tuple[Decimal, bool], ...]]
) -> Interval:
    """From the lowest to the highest corner; an end belongs to it where a corner that gives it does."""
    values = [(operation(a, b), closed_a and closed_b) for (a, closed_a), (b, closed_b) in corners]
    low, high = min(value for value, _ in values), max(value for value, _ in values)
    return Interval(
        low, None if high == INFINITY else high,
        any(closed for value, closed in values if value == low),
        high != INFINITY and any(closed for value, closed in values if value == high),
    )  # fmt: skip


def quotient(a: Decimal, b: Decimal) -> Decimal:
    if b == INFINITY:
        return Decimal(0) if a != INFINITY else Decimal(1)  # some number inside: both run to infinity
    return a / b


@given(intervals(), intervals())
def test_ratio(first: Interval, second: Interval) -> None:
    assert ratio(first, second) == reached(quotient, product(ends(first), ends(second)))


def minus(a: Decimal, b: Decimal) -> Decimal:
    return Decimal(0) if a == b == INFINITY else a - b


@given(intervals(), intervals())
def test_difference(first: Interval, second: Interval) -> None:
    assert difference(first, second) == reached(minus, product(ends(first), ends(second)))


@given(intervals(), intervals())
def test_size(first: Interval, second: Interval) -> None:
    """Either way round it is the same, and its ends are those of the farthest and the nearest."""
    span = difference(first, second)
    both = [(abs(end), closed) for end, closed in ends(span)]
    crosses = span.low < 0 and (span.high is None or span.high > 0)
    high = max(end for end, _ in both)
    low = Decimal(0) if crosses else min(end for end, _ in both)
    assert size(span) == Interval(
        low, None if high == INFINITY else high,
        crosses or any(closed for end, closed in both if end == low),
        high != INFINITY and any(closed for end, closed in both if end == high),
    )  # fmt: skip
    assert size(span) == size(difference(second, first))


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (Interval(Decimal(2), Decimal(4)), Interval(Decimal(0), Decimal(8)), Interval(Decimal("0.25"), None, high_closed=False)),
        (Interval.exactly(Decimal(3)), Interval.exactly(Decimal(0)), Interval(Decimal(0), None, high_closed=False)),
        (Interval(Decimal(2), Decimal(4)), Interval(Decimal("0.5"), Decimal(1)), Interval(Decimal(2), Decimal(8))),
        (Interval.exactly(Decimal("0.5")), Interval.exactly(Decimal("0.25")), Interval.exactly(Decimal(2))),
        (Interval(Decimal(4), None, high_closed=False), Interval(Decimal(1), Decimal(2)), Interval(Decimal(2), None, high_closed=False)),
    ],
)  # fmt: skip
def test_a_divisor_that_may_be_zero_leaves_the_top_open(
    numerator: Interval, denominator: Interval, expected: Interval
) -> None:
    assert ratio(numerator, denominator) == expected


@given(st.lists(intervals(), min_size=1, max_size=4))
def test_lowest_and_highest(values: list[Interval]) -> None:
    def folded(pick: Callable[[Decimal, Decimal], Decimal]) -> Interval:
        found = values[0]
        for other in values[1:]:
            found = merged(pick, found, other)
        return found

    assert lowest(values) == folded(min)
    assert highest(values) == folded(max)


def merged(pick: Callable[[Decimal, Decimal], Decimal], one: Interval, other: Interval) -> Interval:
    """Of two: each end is the picked one; at equal ends it is reached by either for the outer side."""
    (low_a, closed_a), (high_a, top_a) = ends(one)
    (low_b, closed_b), (high_b, top_b) = ends(other)
    low, high = pick(low_a, low_b), pick(high_a, high_b)
    return Interval(
        low, None if high == INFINITY else high,
        _closed(pick is min, low, (low_a, closed_a), (low_b, closed_b)),
        high != INFINITY and _closed(pick is max, high, (high_a, top_a), (high_b, top_b)),
    )  # fmt: skip


def _closed(outer: bool, end: Decimal, *ends_of: tuple[Decimal, bool]) -> bool:
    """The minimum reaches its lowest end where any does; it reaches its top only where all that end there do."""
    closed = [is_closed for value, is_closed in ends_of if value == end]
    return any(closed) if outer else all(closed)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("3", "3 3"), ("1 9", "5 5"), ("1 2 9", "2 2"), ("9 1 2 4", "3 3"), ("1 2 3 8 9", "3 3"), ("1 2-6 9", "2 6"),
        ("1 2-6 9 9", "5.5 7.5"), ("1 2 4- 4-", "3 -"), ("1 2 4-", "2 2"), ("4-", "4 -"),
    ],
)  # fmt: skip
def test_median(values: str, expected: str) -> None:
    """`2-6` is from 2 to 6, `4-` from 4 on."""
    found = median([_interval(text) for text in values.split()])
    low, high = expected.split()
    assert (found.low, found.high) == (Decimal(low), None if high == "-" else Decimal(high))


def _interval(text: str) -> Interval:
    low, dash, high = text.partition("-")
    return Interval(Decimal(low), Decimal(high) if high else None) if dash else Interval.exactly(Decimal(low))
