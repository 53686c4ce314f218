"""The kidney rules at their limits in time and value, both sides of each."""

from __future__ import annotations

from datetime import date

import pytest

from alerts.alert import AlertState
from alerts.kidney import aki_at
from alerts.rule import Rule
from alerts.rules import k_high, ren_aki, ren_decline, ren_halo, ren_lccn, ren_rise
from tests.builders import alerts_of, context, fact, hours, judge, points, view

ADULT = {"sex": "F", "birth_date": date(1958, 5, 17)}


def told(rule: Rule, *results: object, facts: tuple[object, ...] = ()) -> AlertState | None:
    found = alerts_of(judge(rule, *results, context=context(*facts, **ADULT)), rule.name)
    return found[-1] if found else None


def stages(creatinine: str) -> tuple[int, int]:
    """NHS and KDIGO, at the last creatinine."""
    seen = view(points("creat", creatinine), context=context(**ADULT))
    found = aki_at(seen, seen.series.points("creat")[-1])
    return found.nhs_stage, found.kdigo_stage


@pytest.mark.parametrize(("creatinine", "expected"), [
    ("-48:100 0:127", (1, 1)), ("-48.1:100 0:127", (0, 0)),
    ("-48:100 0:126", (0, 0)), ("-48:100 0:126.1", (1, 0)), ("-48:100 0:126.4", (1, 0)), ("-48:100 0:126.5", (1, 1)),
    ("-168:80 0:120", (1, 1)), ("-168.1:80 0:120", (1, 0)), ("-168:80 0:119.9", (0, 0)),
    ("-8760:80 0:120", (1, 0)), ("-8760.1:80 0:120", (0, 0)),
    ("-100:80 0:160", (2, 2)), ("-100:80 0:159.9", (1, 1)), ("-100:80 0:240", (3, 3)), ("-100:80 0:239.9", (2, 2)),
    ("-100:200 0:353.5", (1, 1)), ("-100:200 0:353.6", (1, 3)), ("-100:200 0:354", (1, 3)), ("-100:200 0:354.1", (3, 3)),
])  # fmt: skip
def test_stages_of_both_rules(creatinine: str, expected: tuple[int, int]) -> None:
    assert stages(creatinine) == expected


@pytest.mark.parametrize(("potassium", "severity"), [
    ("0:6.0", "MEDIUM"), ("0:6.1", "CRITICAL"), ("24:6.1", "CRITICAL"), ("24.1:6.1", "MEDIUM"), ("-24:6.1", "CRITICAL"),
    ("-24.1:6.1", "MEDIUM"),
])  # fmt: skip
def test_potassium_of_24_hours_either_way_makes_it_critical(potassium: str, severity: str) -> None:
    alert = told(ren_aki.RULE, points("creat", "-100:80 0:130"), points("k", potassium))
    assert alert is not None
    assert alert.severity == severity


@pytest.mark.parametrize(("hour", "severity"), [("168", "CRITICAL"), ("168.1", "HIGH")])
def test_kidney_injury_is_in_force_for_7_days(hour: str, severity: str) -> None:
    alert = told(k_high.RULE, points("creat", "-100:80 0:130"), points("k", f"{hour}:6.2"))
    assert alert is not None
    assert alert.severity == severity


@pytest.mark.parametrize(("years", "told_of"), [(18, True), (17, False)])
def test_adults_only(years: int, told_of: bool) -> None:
    known = context(birth_date=date(2026 - years, 3, 1), sex="F")
    found = judge(ren_aki.RULE, points("creat", "-100:80 0:130"), context=known)
    assert bool(found.alerts) is told_of


@pytest.mark.parametrize(("hour", "severity"), [("2160", "LOW"), ("2160.1", "HIGH")])
def test_kidney_function_is_known_to_be_low_for_90_days(hour: str, severity: str) -> None:
    alert = told(ren_halo.RULE, points("creat", f"0:180 24:90 48:90 {hour}:180"))
    assert alert is not None
    assert alert.severity == severity


@pytest.mark.parametrize(("egfr", "found"), [("39.9", True), ("40", False)])
def test_an_egfr_below_40(egfr: str, found: bool) -> None:
    assert (told(ren_halo.RULE, points("egfr", f"0:{egfr}")) is not None) is found


@pytest.mark.parametrize(("creatinine", "found", "imwg"), [("173", False, False), ("173.1", True, False), ("177", True, False),
                                                           ("177.1", True, True)])  # fmt: skip
def test_a_creatinine_above_173_and_the_reading_of_177(creatinine: str, found: bool, imwg: bool) -> None:
    young = context(birth_date=date(2004, 1, 1), sex="M")
    alerts = judge(ren_halo.RULE, points("creat", f"0:{creatinine}"), context=young).alerts
    assert bool(alerts) is found
    assert any("imwg177" in alert.flags for alert in alerts) is imwg


@pytest.mark.parametrize(("creatinine", "found"), [("261.8", True), ("261.7", False)])
def test_a_rise_of_176_8_since_therapy(creatinine: str, found: bool) -> None:
    alert = told(ren_rise.RULE, points("creat", f"-24:85 700:{creatinine}"), facts=(fact("line_start", hours(0)),))
    assert (alert is not None) is found


@pytest.mark.parametrize(("chain", "hour", "found"), [("500", "0", True), ("499.9", "0", False), ("900", "-1440", True),
                                                      ("900", "-1441", False)])  # fmt: skip
def test_light_chains_of_500_known_from_60_days(chain: str, hour: str, found: bool) -> None:
    alert = told(
        ren_lccn.RULE, points("creat", "-100:80 0:172"), points("flck", f"{hour}:{chain}"), points("flcl", f"{hour}:10")
    )
    assert (alert is not None) is found


@pytest.mark.parametrize(("second", "found"), [("5336", True), ("5335.9", False)])
def test_a_decline_is_seen_twice_14_days_apart(second: str, found: bool) -> None:
    alert = told(ren_decline.RULE, points("creat", f"0:70 1000:70 2000:70 5000:100 {second}:100"))
    assert (alert is not None) is found


@pytest.mark.parametrize(("calcium", "flagged"), [("2.75", False), ("2.76", True)])
def test_calcium_of_the_draw_is_noted_above_2_75(calcium: str, flagged: bool) -> None:
    alert = told(ren_aki.RULE, points("creat", "-100:80 0:130"), points("ca_adj", f"0:{calcium}"))
    assert alert is not None
    assert ("with_hypercalcaemia" in alert.flags, "calcium" in alert.facts) == (flagged, flagged)


@pytest.mark.parametrize(("hour", "found"), [("8760", True), ("8761", False)])
def test_the_usual_egfr_is_that_of_365_days(hour: str, found: bool) -> None:
    assert (told(ren_decline.RULE, points("creat", f"0:60 8400:100 {hour}:100")) is not None) is found
