"""A light chain that falls by more than nine tenths in less than 14 days without therapy: ask for dilution."""

from __future__ import annotations

import pytest

from alerts.alert import Derived
from alerts.antigen_excess import antigen_excess
from alerts.context import Fact
from alerts.result import Result
from tests.builders import context, days, fact, points, result, view

OFF = fact("state", days(-100), value="off_treatment")


def found(*results: Result | list[Result], facts: tuple[Fact, ...] = (OFF,)) -> list[str]:
    return [one.value for one in antigen_excess(view(*results, context=context(*facts)))]


@pytest.mark.parametrize(
    ("values", "truths"),
    [
        ("0:1000 13.9:99.9", ["TRUE"]), ("0:1000 13.9:100", []), ("0:1000 14:50", []), ("0:1000 5:200 10:19", ["TRUE"]),
        ("0:>5000 7:400", ["TRUE"]), ("0:>5000 7:600", ["INDETERMINATE"]), ("0:1000 7:<50", ["TRUE"]), ("0:1000 7:0", ["TRUE"]),
        ("0:0 7:0", []), ("0:<0.6 7:<0.6", []),
    ],
)  # fmt: skip
def test_the_fall(values: str, truths: list[str]) -> None:
    assert found(points("flck", values, unit="d")) == truths


def test_other_platforms_are_not_compared_and_the_request_names_chain_and_time() -> None:
    first, other = result("flcl", "1000", days(0), method="A"), result("flcl", "50", days(7), method="B")
    assert found(first, other) == []
    (one,) = antigen_excess(view(points("flcl", "0:1000 7:50", unit="d"), context=context(OFF)))
    assert one == Derived(
        name="antigen_excess", analyte="flcl", value="TRUE", collected_at=days(7), flag="ask_for_dilution"
    )


@pytest.mark.parametrize(
    ("facts", "truths"),
    [
        ((), ["INDETERMINATE"]), ((OFF,), ["TRUE"]), ((fact("state", days(-9), value="smouldering"),), ["TRUE"]),
        ((fact("state", days(-9), value="on_treatment"),), []), ((OFF, fact("drug", days(5), value="dara")), []),
        ((OFF, fact("steroid", days(-50), days(-1))), ["TRUE"]), ((OFF, fact("plasma_exchange", days(3), days(3))), []),
        ((OFF, fact("dialysis", days(-50))), []), ((OFF, fact("dialysis", days(-50), value="no")), ["TRUE"]),
        ((OFF, fact("dialysis", days(-50)), fact("dialysis", days(-9), value="no")), ["TRUE"]),
        ((OFF, fact("dialysis", days(-50)), fact("dialysis", days(3), value="no")), []),
    ],
)  # fmt: skip
def test_therapy_explains_a_fall_and_unknown_therapy_leaves_it_open(facts: tuple[Fact, ...], truths: list[str]) -> None:
    assert found(points("flck", "0:1000 7:50", unit="d"), facts=facts) == truths
