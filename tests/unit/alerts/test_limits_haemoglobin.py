"""Haemoglobin, potassium and counts at their limits in time and value: found by the mutation check."""

from __future__ import annotations

import pytest

from alerts.alert import AlertState
from alerts.rule import Rule
from alerts.rules import hb_acute, hb_drop, hb_halo, hb_imwg
from tests.builders import alerts_of, context, fact, hours, judge, points, result, view


def last(rule: Rule, analyte: str, values: str, *facts: object) -> AlertState | None:
    found = alerts_of(judge(rule, points(analyte, values), context=context(*facts)), rule.name)
    return found[-1] if found else None


@pytest.mark.parametrize(("hour", "severity"), [("2160", "LOW"), ("2160.1", "HIGH")])
def test_a_low_haemoglobin_is_known_for_90_days(hour: str, severity: str) -> None:
    alert = last(hb_halo.RULE, "hb", f"0:98 24:106 48:106 {hour}:97")
    assert alert is not None
    assert alert.severity == severity


@pytest.mark.parametrize(("hour", "condition"), [("336", "active"), ("336.1", "cleared")])
def test_a_recovery_counts_only_14_days_after_a_transfusion(hour: str, condition: str) -> None:
    alert = last(hb_halo.RULE, "hb", f"-24:96 {hour}:106 400:106", fact("transfusion", hours(0)))
    assert alert is not None
    assert alert.condition == condition


@pytest.mark.parametrize(("hour", "told"), [("2160", True), ("2160.1", False)])
def test_the_reference_of_a_drop_is_90_days_old_at_most(hour: str, told: bool) -> None:
    assert (last(hb_drop.RULE, "hb", f"0:130 {hour}:110") is not None) is told


@pytest.mark.parametrize(("hour", "told"), [("672", False), ("672.1", True)])
def test_a_value_up_to_28_days_after_a_transfusion_is_no_reference(hour: str, told: bool) -> None:
    alert = last(hb_drop.RULE, "hb", f"{hour}:130 900:110", fact("transfusion", hours(0)))
    assert (alert is not None) is told


GIVEN_THAT_DAY = fact("transfusion", hours(-8), begun_by=hours(16))
"""Only the day is known: at any time from 00:00 to 24:00."""


@pytest.mark.parametrize(("hour", "condition"), [("336", "active"), ("352", "active"), ("352.1", "cleared")])
def test_a_transfusion_of_which_the_day_is_known_may_have_been_at_its_end(hour: str, condition: str) -> None:
    alert = last(hb_halo.RULE, "hb", f"-240:95 {hour}:106 360:106", GIVEN_THAT_DAY)
    assert alert is not None
    assert alert.condition == condition


@pytest.mark.parametrize(("hour", "told"), [("664", True), ("680", True), ("688", True), ("688.1", False)])
def test_a_value_that_may_be_lifted_by_a_transfusion_lowers_no_reference(hour: str, told: bool) -> None:
    """110 alone gives a fall of 22; with 95, taken when the transfusion is surely 28 days ago, the mean falls by 14.5."""
    assert (last(hb_drop.RULE, "hb", f"-300:110 {hour}:95 900:88", GIVEN_THAT_DAY) is not None) is told


@pytest.mark.parametrize(("story", "told"), [
    ("664:130 900:110", False), ("664.1:130 900:110", True), ("0:110 24:88", True), ("16:110 24:88", False),
])  # fmt: skip
def test_a_value_that_may_be_outside_the_28_days_still_shows_a_fall(story: str, told: bool) -> None:
    assert (last(hb_drop.RULE, "hb", story, GIVEN_THAT_DAY) is not None) is told


@pytest.mark.parametrize(("hour", "told"), [("72", True), ("72.1", False)])
def test_a_fast_fall_is_from_the_highest_of_72_hours(hour: str, told: bool) -> None:
    assert (last(hb_acute.RULE, "hb", f"0:130 {hour}:100") is not None) is told


def test_a_transfusion_and_drugs_are_told_with_a_low_haemoglobin() -> None:
    given = (fact("transfusion", hours(-50)), fact("transfusion", hours(-100)), fact("transfusion", hours(1)))
    drugs = (fact("drug", hours(-200), code="lenalidomide"), fact("drug", hours(-200), value="aspirin"),
             fact("drug", hours(-200), hours(-100), code="melphalan"))  # fmt: skip
    alert = last(hb_halo.RULE, "hb", "0:95", *given, *drugs)
    assert alert is not None
    assert (alert.facts["transfusion"], alert.facts["drugs"]) == ("2026-02-27", "aspirin,lenalidomide")
    unknown = last(hb_halo.RULE, "hb", "0:95")
    assert unknown is not None
    assert (unknown.facts["transfusion"], "drugs" in unknown.facts) == ("unknown", False)


def imwg(*values: object) -> AlertState:
    found = [result("hb", value, hours(hour), reference=("125", "155")) for hour, value in values]
    return alerts_of(judge(hb_imwg.RULE, found), "HB_IMWG")[-1]


def test_far_below_the_lower_limit_ends_on_two_samples_12_hours_apart() -> None:
    assert imwg((0, "104"), (24, "106"), (36, "106")).condition == "cleared"
    assert imwg((0, "104"), (24, "106"), (35, "106")).condition == "active"
    assert imwg((0, "104"), (24, "106"), (36, "104")).condition == "active"


def test_below_100_the_other_rule_speaks_and_the_end_says_so() -> None:
    handed_over = imwg((0, "104"), (24, "96"), (36, "96"))
    assert (handed_over.condition, handed_over.clear_cause) == ("cleared", "below_hb_halo")
    assert imwg((0, "104"), (24, "106"), (36, "106")).clear_cause == ""


def test_a_bound_beside_a_known_lower_limit_lacks_the_haemoglobin_itself() -> None:
    said = hb_imwg.RULE.judge(view(result("hb", ">100", reference=("125", "155"))))[-1]
    assert (said.truth, said.missing) == ("INDETERMINATE", ("hb",))


def test_drugs_and_transfusions_of_the_moment_are_told_and_a_drug_without_a_name_is_not() -> None:
    given = (fact("transfusion", hours(24)), fact("drug", hours(0)), fact("drug", hours(30), code="melphalan"))
    alert = last(hb_halo.RULE, "hb", "24:95", *given)
    assert alert is not None
    assert (alert.facts["transfusion"], "drugs" in alert.facts) == ("2026-03-02", False)
    (found,) = judge(
        hb_imwg.RULE, result("hb", "104", hours(24), reference=("125", "155")), context=context(*given)
    ).alerts
    assert (found.facts["transfusion"], found.facts["lln"]) == ("2026-03-02", "125")


def test_a_fall_to_a_bound_has_no_numbers_in_its_text() -> None:
    (exact,) = judge(hb_drop.RULE, points("hb", "0:130 24:100")).alerts
    assert (exact.facts["reference"], exact.facts["fall"]) == ("130", "30")
    (bound,) = judge(hb_drop.RULE, points("hb", "0:>140 24:100")).alerts
    assert "reference" not in bound.facts
    said = hb_drop.RULE.judge(view(points("hb", "0:130")))[-1]
    assert (said.truth, said.node.name, said.node.truth) == (
        "FALSE", "no_haemoglobin_in_the_prior_90_days", "FALSE",
    )  # fmt: skip
    assert said.node.results


def test_a_bound_that_fell_has_no_numbers_either() -> None:
    (bound,) = judge(hb_drop.RULE, points("hb", "0:130 24:<100")).alerts
    assert ("reference" in bound.facts, "fall" in bound.facts) == (False, False)


@pytest.mark.parametrize(("baseline", "told"), [("106", False), ("113", False), ("114", True)])
def test_far_below_the_lower_limit_gives_way_to_an_accepted_baseline_unless_it_fell_from_it(
    baseline: str, told: bool
) -> None:
    known = context(fact("chronic_baseline", hours(0), code="hb", value=baseline, unit="g/L"))
    found = judge(hb_imwg.RULE, result("hb", "104", hours(24), reference=("135", "155")), context=known).alerts
    assert bool(found) is told
