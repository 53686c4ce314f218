"""Tumour lysis at its limits in time, and what only may be a criterion."""

from __future__ import annotations

import pytest

from alerts.alert import AlertState
from alerts.rules import tls
from tests.builders import alerts_of, context, fact, hours, judge, points, view

STARTED = context(fact("line_start", hours(0)))


def told(*results: object) -> AlertState | None:
    found = alerts_of(judge(tls.RULE, *results, context=STARTED), "TLS")
    return found[-1] if found else None


@pytest.mark.parametrize(("hour", "found"), [("34", True), ("34.1", False)])
def test_two_criteria_within_24_hours(hour: str, found: bool) -> None:
    assert (told(points("k", "10:6.3"), points("phos", f"{hour}:1.7")) is not None) is found


@pytest.mark.parametrize(("hour", "found"), [("-72", True), ("-72.1", False), ("168", True), ("168.1", False)])
def test_from_3_days_before_to_7_days_after_the_start(hour: str, found: bool) -> None:
    assert (told(points("k", f"{hour}:6.3"), points("phos", f"{hour}:1.7")) is not None) is found


@pytest.mark.parametrize(("hour", "condition"), [("178", "cleared"), ("177.9", "active")])
def test_it_ends_7_days_after_the_last_criterion(hour: str, condition: str) -> None:
    alert = told(points("k", f"10:6.3 {hour}:4.2"), points("phos", "10:1.7"))
    assert alert is not None
    assert alert.condition == condition


@pytest.mark.parametrize(("creatinine", "level"), [("106.5", "TLS_CLINICAL"), ("106.4", "TLS_LAB")])
def test_a_creatinine_rise_of_26_5(creatinine: str, level: str) -> None:
    alert = told(points("k", "10:6.3"), points("phos", "10:1.7"), points("creat", f"-1:80 10:{creatinine}"))
    assert alert is not None
    assert alert.level == level


def test_a_calcium_criterion_shows_the_adjusted_value() -> None:
    alert = told(points("k", "10:6.3"), points("ca", "10:1.60"), points("alb", "10:35"))
    assert alert is not None
    assert (alert.analyte, str(alert.value), alert.facts["beside"]) == ("ca_adj", "1.70", "k 6.3 mmol/L")
    assert alert.facts["criteria"] == "ca,k"


def test_of_three_criteria_no_single_one_is_said_to_decide() -> None:
    three = told(points("k", "10:6.3"), points("phos", "10:1.7"), points("urate", "10:520"))
    assert three is not None
    assert three.facts["criteria"] == "k,phos,urate"
    two = told(points("k", "10:6.3"), points("phos", "10:1.7"), points("urate", "10:400"))
    assert two is not None
    assert two.level == three.level == "TLS_LAB"


@pytest.mark.parametrize(("potassium", "truth", "missing"), [("6.3", "INDETERMINATE", ("k",)), ("5.9", "FALSE", ())])
def test_a_haemolysed_potassium_that_may_be_the_second_criterion_leaves_it_open(
    potassium: str, truth: str, missing: tuple[str, ...]
) -> None:
    specimen = [*points("k", f"10:{potassium}", specimen="S1"), *points("hi", "11:2.0", specimen="S1")]
    said = tls.RULE.judge(view(specimen, points("phos", "10:1.7"), context=STARTED))[-1]
    assert (said.truth, said.missing) == (truth, missing)
    assert said.clears == truth  # the phosphate is a criterion still


@pytest.mark.parametrize("lines", [(0,), (0, 150), (150, 0)])
def test_a_second_line_within_days_does_not_hide_a_pair_of_the_first(lines: tuple[int, ...]) -> None:
    started = context(*(fact("line_start", hours(line)) for line in lines))
    outcome = judge(tls.RULE, points("k", "70:6.2"), points("phos", "90:1.6"), context=started)
    assert [(a.level, a.condition) for a in alerts_of(outcome, "TLS")] == [("TLS_LAB", "active")]


@pytest.mark.parametrize("later", [None, 150, 330, 30 * 24])
def test_a_later_line_does_not_end_it_before_7_days(later: int | None) -> None:
    lines = [0] if later is None else [0, later]
    started = context(*(fact("line_start", hours(line)) for line in lines))
    potassium = points("k", "144:6.2 192:4.2 311.9:4.2 330:4.2")
    (alert,) = alerts_of(judge(tls.RULE, potassium, points("phos", "144:1.6"), context=started), "TLS")
    assert (alert.condition, alert.cleared_at) == ("cleared", hours(330))


def test_the_window_with_the_rise_of_creatinine_counts() -> None:
    started = context(fact("line_start", hours(0)), fact("line_start", hours(60)))
    values = [*points("k", "70:6.2"), *points("phos", "70:1.6"), *points("creat", "-1:80 50:110 70:112")]
    (alert,) = alerts_of(judge(tls.RULE, values, context=started), "TLS")
    assert alert.level == "TLS_CLINICAL"
