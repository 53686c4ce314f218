"""What the engine adds to every alert: change since the sample before, where a difference means anything."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.completing import complete
from alerts.condition import fact
from alerts.intervals import ratio
from alerts.logic import Interval, Truth
from alerts.result import Result
from alerts.rule import Judgement
from tests.builders import hours, result, view


def change(*results: Result) -> str | None:
    """The change that the headline of the newest of them shows."""
    last = results[-1]
    judged = Judgement(
        at=last.collected_at, slot=last.slot, truth=Truth.TRUE, node=fact("made_up", Truth.TRUE), analyte=last.analyte,
        value=last.value, unit=last.unit,
    )  # fmt: skip
    return complete(view(list(results)), judged).facts.get("change")


def test_a_measured_zero_is_a_value_to_compare_with() -> None:
    assert change(result("mspike", "9", hours(0)), result("mspike", "0", hours(24)), result("mspike", "5", hours(48))) == "5"  # fmt: skip
    assert change(result("neut", "1.5", hours(0)), result("neut", "0", hours(24))) == "-1.5"


def test_a_bound_is_no_value_to_compare_with() -> None:
    assert change(result("mspike", "9", hours(0)), result("mspike", "<1", hours(24)), result("mspike", "5", hours(48))) == "-4"  # fmt: skip


def test_values_of_one_time_are_never_compared_with_each_other() -> None:
    assert change(result("creat", "138", hours(0), slot="a"), result("creat", "150", hours(0), slot="b")) is None


@pytest.mark.parametrize("analyte", ["flck", "flcl", "flc_ratio"])
def test_light_chains_of_another_platform_are_another_series(analyte: str) -> None:
    first, other = result(analyte, "100", hours(0), method="A"), result(analyte, "300", hours(24), method="B")
    again = result(analyte, "120", hours(48), method="A")
    assert change(first, other) is None
    assert change(first, other, again) == "20"


def test_creatinine_of_another_method_is_compared() -> None:
    assert change(result("creat", "80", hours(0), method="A"), result("creat", "95", hours(24), method="B")) == "15"


def test_division_by_a_measured_zero_leaves_the_quotient_open() -> None:
    zero, many = Decimal(0), Decimal(500)
    assert ratio(Interval.exactly(many), Interval.exactly(zero)) == Interval(zero, None, high_closed=False)
