"""What a draw in doubt holds back is what every rule, asked from the start at the time of the draw, would say of it."""

from __future__ import annotations

from datetime import datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.context import Fact
from alerts.preliminary import only_critical
from alerts.result import Result
from alerts.rule import Judgement, View
from alerts.rules.specimen_mismatch import HELD, held_back
from alerts.severity import Severity
from tests.builders import context, hours, result, view
from tests.unit.alerts.test_streams import FACTS, KNOWN, _draw_of_either, _results


def from_the_start(seen: View, at: datetime) -> list[tuple[str, Judgement]]:
    """Without taking anything up."""
    then = msgspec.structs.replace(seen, series=seen.series.until(at), memo={})
    measured = [rule for rule in HELD if any(then.series.at(name, at) for name in rule.inputs)]
    said = [(rule.name, only_critical(then, one)) for rule in measured for one in rule.judge(then) if one.at == at]
    return [(name, one) for name, one in said if one.severity in (Severity.LOW, Severity.MEDIUM, Severity.HIGH)]


def check(results: list[Result], facts: list[Fact]) -> None:
    seen = view(results, context=context(*facts, **KNOWN))
    for at in sorted({one.collected_at for one in results}):
        assert held_back(seen, at) == from_the_start(seen, at)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(_draw_of_either(), _results()), min_size=2, max_size=8),
    st.lists(st.sampled_from(FACTS), max_size=3),
)
def test_what_is_held_back_is_taken_up_as_from_the_start(reports: list[list[Result]], facts: list[Fact]) -> None:
    check([one for report in reports for one in report], facts)


def test_a_haemolysis_index_that_comes_after_the_draw_is_not_known_at_the_draw() -> None:
    potassium = [result("k", "5.8", hours(n), specimen=f"S{n}") for n in (0, 200, 400)]
    check(
        [*potassium, result("hi", "6", hours(500), specimen="S0"), result("hi", "6", hours(500), specimen="S200")], []
    )


def test_an_albumin_after_the_draw_is_not_known_at_the_draw() -> None:
    calcium = [result("ca", value, hours(n)) for n, value in ((0, "2.5"), (20, "2.9"), (40, "2.7"))]
    check(
        [*calcium, result("alb", "30", hours(21)), result("creat", "80", hours(20)), result("hb", "90", hours(20))], []
    )
