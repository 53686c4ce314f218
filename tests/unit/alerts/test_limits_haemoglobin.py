"""Haemoglobin, potassium and counts at their limits in time and value: found by the mutation check."""

from __future__ import annotations

import pytest

from alerts.alert import AlertState
from alerts.rule import Rule
from alerts.rules import hb_acute, hb_drop, hb_halo, k_high, k_low, neut_low
from tests.builders import alerts_of, context, fact, hours, judge, points, result


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


@pytest.mark.parametrize(("hour", "told"), [("72", True), ("72.1", False)])
def test_a_fast_fall_is_from_the_highest_of_72_hours(hour: str, told: bool) -> None:
    assert (last(hb_acute.RULE, "hb", f"0:130 {hour}:100") is not None) is told


def test_what_the_laboratory_remarks_of_a_sample_stands_on_its_alert() -> None:
    for rule, analyte, value in ((k_high.RULE, "k", "6.8"), (k_low.RULE, "k", "2.3"), (neut_low.RULE, "neut", "0.3"),
                                 (hb_halo.RULE, "hb", "68")):  # fmt: skip
        (alert,) = judge(rule, result(analyte, value, flags=("date_only",))).alerts
        assert alert.flags == ("date_only",) or alert.facts["sample_flags"] == "date_only"


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
