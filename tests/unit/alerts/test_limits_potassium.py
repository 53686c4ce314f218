"""Potassium in haemolysed specimens, at the edges that the mutation check found untested."""

from __future__ import annotations

import pytest

from alerts.potassium import haemolysed_at, specimen_of
from alerts.rules import k_high, k_repeat, ren_aki
from tests.builders import alerts_of, judge, points, result, view
from tests.unit.alerts.test_open_questions import ADULT


@pytest.mark.parametrize(("specimen", "haemolysed"), [("S1", True), ("S2", False), ("", False)])
def test_an_index_of_another_time_counts_only_for_its_own_specimen(specimen: str, haemolysed: bool) -> None:
    seen = view(points("k", "0:6.2", specimen="S1"), points("hi", "1:2.0", specimen=specimen))
    assert specimen_of(seen, seen.series.points("k")[0]).haemolysed is haemolysed


def test_an_index_of_the_same_time_goes_before_one_of_the_specimen() -> None:
    seen = view(points("k", "0:6.2", specimen="S1"), points("hi", "0:0.1"), points("hi", "1:2.0", specimen="S1"))
    assert not specimen_of(seen, seen.series.points("k")[0]).haemolysed


@pytest.mark.parametrize(
    ("indices", "haemolysed"),
    [
        ({"S2": "2.0"}, False), ({"S1": "0.1", "S2": "2.0"}, False), ({"S1": "2.0", "S2": "0.1"}, True), ({"": "2.0"}, True),
        ({"": "0.1", "S2": "2.0"}, False),
    ],
)  # fmt: skip
def test_the_index_of_another_tube_of_the_draw_says_nothing_of_this_one(
    indices: dict[str, str], haemolysed: bool
) -> None:
    measured = [result("hi", value, specimen=name, slot=f"hi {name}") for name, value in indices.items()]
    seen = view(points("k", "0:6.9", specimen="S1"), measured)
    (point,) = seen.series.points("k")
    assert specimen_of(seen, point).haemolysed is haemolysed
    assert haemolysed_at(seen, point) is haemolysed
    told = judge(k_high.RULE, points("k", "0:6.9", specimen="S1"), measured).alerts
    assert [alert.rule for alert in told] == ([] if haemolysed else ["K_HIGH"])


@pytest.mark.parametrize(("value", "unusable"), [("5.9", False), ("6.1", True)])
def test_a_haemolysed_potassium_is_at_most_what_was_measured(value: str, unusable: bool) -> None:
    known = view(context=None).context
    (alert,) = judge(ren_aki.RULE, points("creat", "-100:80 0:130"), points("k", f"0:{value}"), points("hi", "0:2"),
                     context=type(known)(**ADULT)).alerts  # fmt: skip
    assert (alert.severity, "potassium_not_usable" in alert.flags) == ("MEDIUM", unusable)


def test_the_index_that_was_used_is_among_the_evidence() -> None:
    (alert,) = judge(k_repeat.RULE, points("k", "0:6.2"), points("hi", "0:2")).alerts
    assert len(alert.results) == 2
    assert alert.facts["haemolysis_index"] == "2"
    (unmeasured,) = judge(k_repeat.RULE, result("k", "6.2", comments=("hemoliziran",))).alerts
    assert "haemolysis_index" not in unmeasured.facts


def test_the_end_of_a_repeat_needs_two_sound_samples_12_hours_apart() -> None:
    first = [*points("k", "0:6.2"), *points("hi", "0:2")]
    for later, condition in (("12:4.2 24:4.2", "cleared"), ("12:4.2 23:4.2", "active"), ("12:4.2", "active")):
        (alert,) = alerts_of(judge(k_repeat.RULE, first, points("k", later)), "K_REPEAT")
        assert alert.condition == condition


def test_a_sound_high_potassium_ends_nothing_but_is_no_repeat_either() -> None:
    found = judge(k_repeat.RULE, points("k", "0:6.2 24:6.2 48:6.2"), points("hi", "0:2")).alerts
    assert [alert.condition for alert in found] == ["cleared"]
    assert found[0].slots == ("k@2026-03-01T08:00:00",)


@pytest.mark.parametrize(("index", "condition"), [("2", "cleared"), ("6", "active")])
def test_a_low_enough_haemolysed_potassium_ends_it_unless_the_index_withholds_it(index: str, condition: str) -> None:
    (alert,) = judge(k_high.RULE, points("k", "0:6.2 24:5.0"), points("hi", f"24:{index}")).alerts
    assert alert.condition == condition


def test_critical_by_its_number_says_no_other_reason() -> None:
    injury = points("creat", "-100:80 0:130")
    (with_it,) = judge(k_high.RULE, points("k", "0:6.2"), injury).alerts
    (alone,) = judge(k_high.RULE, points("k", "0:6.7"), injury).alerts
    assert (with_it.severity, with_it.facts.get("why")) == ("CRITICAL", "with_aki")
    assert (alone.severity, alone.facts.get("why")) == ("CRITICAL", None)
    (plain,) = judge(k_high.RULE, points("k", "0:6.2"), points("creat", "-100:80 0:81")).alerts
    assert (plain.severity, plain.facts.get("why")) == ("HIGH", None)
