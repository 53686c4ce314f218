"""The kidney limb of a light-chain escape says the condition that was really asked (relapse 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.condition import Quantity
from alerts.counterfactual import leaves
from alerts.logic import Interval, Truth
from alerts.myeloma.escape import kidney
from alerts.thresholds import default_pack


def _egfr(text: str) -> Quantity:
    return Quantity(name="egfr", interval=Interval.exactly(Decimal(text)), unit="mL/min/{1.73_m2}")


@pytest.mark.parametrize(("now", "truth"), [("75", Truth.TRUE), ("75.1", Truth.FALSE), ("100", Truth.FALSE)])
def test_the_fall_is_told_against_a_quarter_of_the_median(now: str, truth: Truth) -> None:
    (_, fall) = leaves(kidney(default_pack(), _egfr(now), Interval.exactly(Decimal(100))))
    assert (fall.name, fall.operator, fall.threshold) == ("egfr_fall_from_median", ">=", Decimal(25))
    assert (fall.actual, fall.truth) == (Interval.exactly(100 - Decimal(now)), truth)
    assert fall.unit == "mL/min/{1.73_m2}"


def test_a_bounded_median_is_still_compared_over_all_it_may_be() -> None:
    usual = Interval(Decimal(90), Decimal(100))
    truths = [kidney(default_pack(), _egfr(now), usual).truth for now in ("67", "70", "76")]
    assert truths == [Truth.TRUE, Truth.INDETERMINATE, Truth.FALSE]
