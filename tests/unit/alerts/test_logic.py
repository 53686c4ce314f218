"""Laws of the three-valued logic, and tests on intervals against a brute-force reading of the definition."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.logic import Interval, Operator, Truth, all_true, any_true, negate
from tests.builders import result, vectors

T, F, U = Truth.TRUE, Truth.FALSE, Truth.INDETERMINATE
truths = st.sampled_from(Truth)


def test_the_tables_of_kleene() -> None:
    assert [all_true([a, b]) for a, b in product((T, U, F), repeat=2)] == [T, U, F, U, U, F, F, F, F]
    assert [any_true([a, b]) for a, b in product((T, U, F), repeat=2)] == [T, T, T, T, U, U, T, U, F]
    assert [negate(a) for a in (T, U, F)] == [F, U, T]


def test_nothing_to_check_is_true_and_no_alternative_is_false() -> None:
    assert all_true([]) is T
    assert any_true([]) is F


@given(st.lists(truths), st.lists(truths))
def test_and_or_are_commutative_associative_and_dual(first: list[Truth], second: list[Truth]) -> None:
    both = first + second
    assert all_true(both) == all_true(second + first) == all_true([all_true(first), all_true(second)])
    assert any_true(both) == any_true(second + first) == any_true([any_true(first), any_true(second)])
    assert negate(all_true(both)) == any_true([negate(value) for value in both])


@given(st.lists(truths, min_size=1), st.data())
def test_learning_more_never_turns_a_decided_answer_round(values: list[Truth], data: st.DataObject) -> None:
    known = [data.draw(st.sampled_from([T, F])) if value is U else value for value in values]
    for fold in (all_true, any_true):
        assert fold(values) in (U, fold(known))


numbers = st.integers(0, 6).map(Decimal)
OPERATORS: dict[Operator, object] = {
    ">": Decimal.__gt__, ">=": Decimal.__ge__, "<": Decimal.__lt__, "<=": Decimal.__le__,
}  # fmt: skip


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """Non-empty ones, open or closed, bounded or not."""
    low = draw(numbers)
    high = draw(st.one_of(st.none(), numbers.filter(lambda n: n >= low)))
    if high == low:
        return Interval(low, high)
    return Interval(low, high, draw(st.booleans()), draw(st.booleans()))


def members(interval: Interval) -> list[Decimal]:
    """Quarter steps of the interval, far enough beyond every limit the test draws."""
    steps = [Decimal(n) / 4 for n in range(60)]
    return [
        n for n in steps
        if (n > interval.low or (n == interval.low and interval.low_closed))
        and (interval.high is None or n < interval.high or (n == interval.high and interval.high_closed))
    ]  # fmt: skip


@given(intervals(), st.sampled_from(sorted(OPERATORS)), numbers)
def test_an_interval_decides_what_all_its_values_agree_on(
    interval: Interval, operator: Operator, limit: Decimal
) -> None:
    answers = {OPERATORS[operator](value, limit) for value in members(interval)}  # type: ignore[operator]
    expected = {frozenset({True}): T, frozenset({False}): F}.get(frozenset(answers), U)
    assert interval.test(operator, limit) is expected


NAMES: dict[str, Operator] = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
PLAIN = [row for row in vectors("censored") if row["value_text"].lstrip("<>=").replace(".", "").isdigit()]


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: f"{row['id']} {row['value_text']} {row['test']}")
def test_every_censored_vector_that_is_a_plain_bound(row: dict[str, str]) -> None:
    word, limit = row["test"].split()
    interval = result(row["analyte"], row["value_text"]).interval
    assert interval is not None
    assert interval.test(NAMES[word], Decimal(limit)) == row["expected_truth"]


def test_there_are_such_vectors() -> None:
    assert len(PLAIN) > 10
