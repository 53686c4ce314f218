"""Calcium at its limits: what no vector stands on exactly, found by the mutation check."""

from __future__ import annotations

import pytest

from alerts.alert import AlertState
from alerts.result import Result
from alerts.rules import ca_high
from tests.builders import alerts_of, judge, points, result


def told(*results: Result | list[Result]) -> AlertState:
    (alert,) = alerts_of(judge(ca_high.RULE, *results), "CA_HIGH")
    return alert


@pytest.mark.parametrize(("albumin", "basis"), [("50", "PAYNE"), ("50.1", "TOTAL"), ("20", "PAYNE"), ("19.9", "TOTAL")])
def test_albumin_is_adjusted_for_from_20_to_50(albumin: str, basis: str) -> None:
    assert told(points("ca", "0:3.3"), points("alb", f"0:{albumin}")).facts["basis"] == basis


@pytest.mark.parametrize(("hour", "basis"), [("-24", "PAYNE"), ("-24.1", "TOTAL"), ("24", "PAYNE"), ("24.1", "TOTAL")])
def test_albumin_of_another_draw_counts_within_24_hours(hour: str, basis: str) -> None:
    assert told(points("ca", "0:3.3"), points("alb", f"{hour}:40")).facts["basis"] == basis


@pytest.mark.parametrize(("hour", "severity"), [("-168", "CRITICAL"), ("-168.1", "HIGH")])
def test_a_rise_is_over_the_lowest_of_7_days(hour: str, severity: str) -> None:
    assert told(points("ca_adj", f"{hour}:2.70 0:3.05")).severity == severity


@pytest.mark.parametrize(("protein", "asked"), [("96", True), ("95.9", False)])
def test_protein_may_bind_from_a_gap_of_60(protein: str, asked: bool) -> None:
    alert = told(points("ca", "0:2.90"), points("alb", "0:36"), points("tp", f"0:{protein}"))
    assert ("measure_ionised_first" in alert.flags) is asked


@pytest.mark.parametrize(
    ("m", "hour", "asked"), [("40", "0", True), ("39.9", "0", False), ("45", "-1440", True), ("45", "-1441", False)]
)
def test_an_m_protein_may_bind_from_40_known_from_60_days(m: str, hour: str, asked: bool) -> None:
    alert = told(points("ca_adj", "0:2.90"), points("mspike", f"{hour}:{m}"))
    assert ("measure_ionised_first" in alert.flags) is asked


@pytest.mark.parametrize(("calcium", "asked"), [("2.75", False), ("2.751", True)])
def test_binding_is_thought_of_above_2_75(calcium: str, asked: bool) -> None:
    alert = told(points("ca_adj", f"0:{calcium}"), points("mspike", "0:45"))
    assert ("measure_ionised_first" in alert.flags) is asked


@pytest.mark.parametrize(("hour", "severity"), [("720", "INFO"), ("720.1", "HIGH")])
def test_quiet_after_a_bound_calcium_lasts_30_days(hour: str, severity: str) -> None:
    known = [result("ica", "1.25"), *points("mspike", "0:45")]
    assert told(points("ca_adj", f"0:2.90 {hour}:2.95"), known).severity == severity


def test_kidney_injury_of_stage_1_is_enough() -> None:
    assert told(points("ca_adj", "0:3.05"), points("creat", "-100:80 0:121")).severity == "CRITICAL"
    assert told(points("ca_adj", "0:3.05"), points("creat", "-100:80 0:100")).severity == "HIGH"


@pytest.mark.parametrize(("ionised", "severities"), [("1.30", []), ("1.301", ["MEDIUM"]), ("1.29", [])])
def test_ionised_calcium_is_raised_above_1_30(ionised: str, severities: list[str]) -> None:
    found = alerts_of(judge(ca_high.RULE, result("ica", ionised)), "CA_HIGH")
    assert [alert.severity for alert in found] == severities


@pytest.mark.parametrize(("ionised", "severity"), [("1.30", "INFO"), ("1.301", "HIGH")])
def test_only_an_ionised_calcium_not_above_1_30_quiets_another_reading(ionised: str, severity: str) -> None:
    assert told(points("ca_adj", "0:2.90"), result("ica", ionised)).severity == severity


@pytest.mark.parametrize(("calcium", "condition"), [("2.60", "cleared"), ("2.601", "active")])
def test_it_ends_at_2_60_where_the_laboratory_calls_more_normal(calcium: str, condition: str) -> None:
    back = [r for hour in (24, 48) for r in points("ca_adj", f"{hour}:{calcium}", reference=("2.10", "2.65"))]
    assert told(points("ca_adj", "0:2.90"), back).condition == condition
