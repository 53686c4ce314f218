"""Hyperviscosity at every limit of the rule pack: on it the level, just below it a lower one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.alert import AlertState
from alerts.result import Result
from alerts.rules import hv
from alerts.thresholds import default_pack
from tests.builders import alerts_of, context, fact, hours, judge, points

PACK = default_pack()
LEVELS = ("", "HV_CHECK", "HV_HIGH", "HV_CRITICAL")
KEYS = [key for key in PACK.limits if key.startswith(("hv.check_", "hv.high_", "hv.critical_"))]
ANALYTE = {"viscosity": "visc"}


def told(*results: list[Result], facts: tuple[object, ...] = ()) -> AlertState | None:
    found = alerts_of(judge(hv.RULE, *results, context=context(*facts)), "HV")
    return found[-1] if found else None


def level(name: str, value: Decimal) -> str:
    if name == "gap":
        alert = told(points("tp", f"0:{value + 40}"), points("alb", "0:40"))
    else:
        alert = told(points(ANALYTE.get(name, name), f"0:{value}"))
    return alert.level if alert else ""


@pytest.mark.parametrize("key", KEYS)
def test_on_the_limit_the_level_and_just_below_the_one_before(key: str) -> None:
    grade, name = key.removeprefix("hv.").split("_", 1)
    expected = f"HV_{grade.upper()}"
    limit = PACK[key]
    assert level(name, limit) == expected
    assert level(name, limit - Decimal("0.01")) == LEVELS[LEVELS.index(expected) - 1]


@pytest.mark.parametrize(("platelets", "hour", "expected"), [
    ("49.9", "0", "CRITICAL"), ("50", "0", "HIGH"), ("49", "-168", "CRITICAL"), ("49", "-168.1", "HIGH"), ("49", "24", "CRITICAL"),
    ("49", "24.1", "HIGH"),
])  # fmt: skip
def test_few_platelets_of_the_last_7_days_make_it_critical(platelets: str, hour: str, expected: str) -> None:
    alert = told(points("visc", "0:4.2"), points("plt", f"{hour}:{platelets}"))
    assert alert is not None
    assert alert.severity == expected


@pytest.mark.parametrize(("hour", "condition"), [("72", "active"), ("72.1", "cleared")])
def test_a_fall_counts_only_72_hours_after_an_exchange(hour: str, condition: str) -> None:
    alert = told(points("visc", f"-10:4.2 {hour}:2.9"), facts=(fact("plasma_exchange", hours(0)),))
    assert alert is not None
    assert alert.condition == condition


@pytest.mark.parametrize(("hour", "condition"), [("64.1", "active"), ("88", "active"), ("88.1", "cleared")])
def test_an_exchange_of_which_the_day_is_known_may_have_been_at_its_end(hour: str, condition: str) -> None:
    exchange = fact("plasma_exchange", hours(-8), begun_by=hours(16))
    alert = told(points("visc", f"-240:3.5 {hour}:2.8"), facts=(exchange,))
    assert alert is not None
    assert alert.condition == condition


@pytest.mark.parametrize(("viscosity", "condition"), [("3.0", "active"), ("2.99", "cleared")])
def test_it_ends_below_3(viscosity: str, condition: str) -> None:
    alert = told(points("visc", f"0:4.2 24:{viscosity}"))
    assert alert is not None
    assert alert.condition == condition
