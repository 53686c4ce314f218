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


def test_the_newer_criterion_is_shown_the_older_beside_it() -> None:
    alert = told(points("k", "10:6.3"), points("phos", "20:1.7"))
    assert alert is not None
    assert (alert.analyte, alert.facts["beside"]) == ("phos", "k 6.3 mmol/L")
    assert alert.sampled_at == hours(20)


def test_a_preliminary_calcium_is_a_criterion() -> None:
    """Both are CRITICAL, and CRITICAL comes of preliminary values too."""
    alert = told(points("k", "10:6.3"), points("ca", "10:1.60", status="P"), points("alb", "10:40"))
    assert alert is not None
    assert alert.facts["criteria"] == "ca,k"


def test_haemolysis_does_not_make_a_calcium_unusable() -> None:
    specimen = [*points("ca_adj", "10:1.60", specimen="S1"), *points("hi", "10:2.0", specimen="S1")]
    alert = told(specimen, points("urate", "10:520", specimen="S2"))
    assert alert is not None
    assert alert.facts["criteria"] == "ca,urate"


@pytest.mark.parametrize(
    ("creatinine", "level"),
    [
        ("-90:60 0:80 10:106.5", "TLS_CLINICAL"), ("-90:60 0:80 10:106.4", "TLS_LAB"), ("5:80 7:90 10:106.5", "TLS_CLINICAL"),
        ("5:80 7:60 10:106.4", "TLS_LAB"), ("10:190", "TLS_LAB"),
    ],
)  # fmt: skip
def test_the_rise_is_from_the_last_creatinine_up_to_the_start_else_from_the_first(creatinine: str, level: str) -> None:
    alert = told(points("k", "10:6.3"), points("phos", "10:1.7"), points("creat", creatinine))
    assert alert is not None
    assert alert.level == level


@pytest.mark.parametrize(
    ("values", "truth", "missing"),
    [
        ({"k": "10:6.3", "phos": "10:1.7"}, "INDETERMINATE", ("line_start",)), ({"k": "10:6.3", "phos": "34.1:1.7"}, "FALSE", ()),
        ({"k": "10:6.3 20:4.2", "phos": "10:1.7"}, "FALSE", ()),
        ({"k": "10:6.3", "phos": "10:1.7", "creat": "30:150"}, "INDETERMINATE", ("line_start",)),
    ],
)  # fmt: skip
def test_without_a_known_start_a_pair_is_asked_about_where_it_is_and_with_a_creatinine(
    values: dict[str, str], truth: str, missing: tuple[str, ...]
) -> None:
    said = tls.RULE.judge(view(*(points(name, text) for name, text in values.items())))[-1]
    assert (said.truth, said.missing) == (truth, missing)
    assert said.facts == {}


def test_without_a_known_start_it_is_over_7_days_after_the_newest_criterion() -> None:
    last = [one.clears for one in tls.RULE.judge(view(points("k", "10:6.3 177.9:4.2 178:4.2")))]
    assert last == ["FALSE", "FALSE", "TRUE"]


def test_a_creatinine_tells_of_the_newest_pair_in_the_window() -> None:
    alert = told(points("k", "10:6.3 60:6.4"), points("phos", "10:1.7 60:1.8"), points("creat", "-1:80 70:90"))
    assert alert is not None
    assert alert.facts["beside"] in ("k 6.4 mmol/L", "phos 1.8 mmol/L")


def test_a_creatinine_outside_the_window_tells_nothing() -> None:
    said = tls.RULE.judge(
        view(points("k", "160:6.3"), points("phos", "160:1.7"), points("creat", "169:200"), context=STARTED)
    )
    assert [one.truth for one in said] == ["TRUE", "FALSE"]


def test_nothing_met_is_said_by_name() -> None:
    said = tls.RULE.judge(view(points("k", "10:6.3"), context=STARTED))[-1]
    assert (said.truth, said.node.name if said.node else "") == ("FALSE", "tls_lab")
