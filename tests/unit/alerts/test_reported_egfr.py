"""A reported eGFR speaks for the kidney wherever there is no creatinine, in every rule that reads the eGFR (kidney 2, 3)."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from alerts.alert import AlertState, Evaluation
from alerts.memo import ask_again
from alerts.result import Result
from alerts.rule import Rule, View
from alerts.rules import lc_escape, ren_decline, ren_lccn
from alerts.series import Series
from tests.builders import alerts_of, context, days, fact, hours, judge, points, result, view

ADULT = context(sex="M", birth_date=date(1956, 3, 1))
MINOR = context(sex="M", birth_date=date(2012, 3, 1))
KAPPA = [*points("flck", "0:900"), *points("flcl", "0:5")]
M_AND_TYPE = context(fact("isotype", code="IgG-kappa"), sex="M", birth_date=date(1960, 1, 1))


def escape(kidney: list[Result]) -> AlertState:
    chains = [*points("flck", "0:50 100:50 200:160 230:170", unit="d"),
              *points("flcl", "0:10 100:10 200:10 230:10", unit="d")]  # fmt: skip
    serum = points("mspike", "0:12 200:12", unit="d")
    (alert,) = alerts_of(judge(lc_escape.RULE, chains, serum, kidney, context=M_AND_TYPE), "LC_ESCAPE")
    return alert


def cast(*more: list[Result]) -> Evaluation:
    return judge(ren_lccn.RULE, KAPPA, *more, context=ADULT)


@pytest.mark.parametrize(("value", "met"), [("30", True), ("39.9", True), ("40", False), ("70", False)])
@pytest.mark.parametrize("hour", [-1440, -24, 0, 24, 1440])
def test_cast_nephropathy_by_a_reported_egfr(value: str, met: bool, hour: int) -> None:
    found = alerts_of(cast(points("egfr", f"{hour}:{value}")), "REN_LCCN")
    assert [(a.severity, a.condition) for a in found] == ([("CRITICAL", "active")] if met else [])
    assert [(a.facts["egfr"], a.facts["equation"]) for a in found] == (
        [(f"{float(value):.0f}", "reported")] if met else []
    )


@pytest.mark.parametrize(("hour", "met"), [(-24, False), (24, False), (24.1, True), (-24.1, True)])
def test_a_creatinine_beside_it_is_believed_instead(hour: float, met: bool) -> None:
    """A normal creatinine more than a day away leaves the newer reported eGFR standing."""
    found = alerts_of(cast(points("egfr", "0:30"), points("creat", f"{hour}:80")), "REN_LCCN")
    assert [a.severity for a in found] == (["CRITICAL"] if met else [])


def test_a_reported_bound_leaves_cast_nephropathy_open() -> None:
    outcome = cast(points("egfr", "0:<60"))
    assert [(u.rule, u.possible) for u in outcome.undetermined] == [("REN_LCCN", ("CRITICAL",))]
    assert alerts_of(outcome, "REN_LCCN") == []


def test_cast_nephropathy_by_a_reported_egfr_ends_with_the_kidney_alert() -> None:
    """REN_HALO ends by eGFR and creatinine: a reported eGFR alone does not end it."""
    (alert,) = alerts_of(cast(points("egfr", "0:30 48:50 96:50")), "REN_LCCN")
    assert alert.condition == "active"
    (alert,) = alerts_of(cast(points("egfr", "0:30"), points("creat", "48:90 96:90")), "REN_LCCN")
    assert (alert.condition, alert.cleared_at) == ("cleared", hours(96))


def test_of_a_minor_a_low_reported_egfr_is_open() -> None:
    outcome = judge(ren_lccn.RULE, KAPPA, points("egfr", "0:30"), context=MINOR)
    assert [u.rule for u in outcome.undetermined] == ["REN_LCCN"]
    assert alerts_of(outcome, "REN_LCCN") == []


@pytest.mark.parametrize(
    ("kidney", "severity"),
    [("229:40", "HIGH"), ("229:59.9", "HIGH"), ("229:60", "MEDIUM"), ("100:90 229:67.5", "HIGH"), ("100:90 229:68", "MEDIUM"),
     ("169:40", "MEDIUM")],
)  # fmt: skip
def test_a_reported_egfr_raises_a_confirmed_escape(kidney: str, severity: str) -> None:
    alert = escape(points("egfr", kidney, unit="d"))
    assert (alert.level, alert.severity) == ("LC_ESCAPE", severity)
    assert ("egfr_unknown" in alert.flags) == (kidney == "169:40")


def test_a_creatinine_the_day_after_the_reported_egfr_decides_the_escape() -> None:
    reported = points("egfr", "230:40", unit="d")
    assert escape(reported).severity == "HIGH"
    assert escape([*reported, *points("creat", "231:80", unit="d")]).severity == "MEDIUM"


@pytest.mark.parametrize(
    ("reported", "met"),
    [("0:80 30:80 60:80 90:50 120:50", True), ("0:80 30:80 60:80 90:60 104:60", True), ("0:80 30:80 60:80 90:60 103:60", False),
     ("0:80 30:80 60:80 90:61 120:61", False)],
)  # fmt: skip
def test_a_decline_of_reported_egfr(reported: str, met: bool) -> None:
    found = alerts_of(judge(ren_decline.RULE, points("egfr", reported, unit="d"), context=ADULT), "REN_DECLINE")
    assert [(a.severity, a.analyte, a.facts["equation"]) for a in found] == (
        [("MEDIUM", "egfr", "reported")] if met else []
    )
    assert all("cross_method" not in a.flags for a in found)


def test_a_decline_against_our_own_egfr_says_that_methods_differ() -> None:
    own, reported = points("creat", "0:80 30:80 60:80", unit="d"), points("egfr", "90:50 120:50", unit="d")
    (alert,) = alerts_of(judge(ren_decline.RULE, own, reported, context=ADULT), "REN_DECLINE")
    assert "cross_method" in alert.flags


def test_of_a_minor_a_decline_is_open() -> None:
    outcome = judge(ren_decline.RULE, points("egfr", "0:80 30:80 60:80 90:50 120:50", unit="d"), context=MINOR)
    assert [(u.rule, u.missing) for u in outcome.undetermined] == [("REN_DECLINE", ("adult",))]


@pytest.mark.parametrize("rule", [ren_lccn.RULE, ren_decline.RULE, lc_escape.RULE], ids=lambda rule: rule.name)
@pytest.mark.parametrize("hour", [-24, -23, 0, 23, 24, 25])
def test_a_creatinine_that_comes_later_withdraws_it_in_the_quick_way_too(rule: Rule, hour: int) -> None:
    chains = [
        *points("flck", "0:50 100:50 200:900 230:900", unit="d"),
        *points("flcl", "0:10 100:10 200:10 230:10", unit="d"),
    ]
    first = [
        *chains,
        *points("mspike", "0:12 200:12", unit="d"),
        *points("egfr", "0:80 100:80 200:30 230:30", unit="d"),
    ]
    late = [result("creat", "80", days(230) + (hours(hour) - hours(0)))]
    series = Series().merge(first)
    memo = ask_again(_view(series), rule, None, None)
    assert memo.alerts
    after = series.merge(late)
    found, plain = ask_again(_view(after), rule, memo, series.reach(late)), ask_again(_view(after), rule, None, None)
    assert (found.alerts, found.undetermined) == (plain.alerts, plain.undetermined)
    assert (plain.alerts == memo.alerts) == (abs(hour) > 24) or rule is ren_lccn.RULE


def _view(series: Series) -> View:
    return msgspec.structs.replace(view(context=M_AND_TYPE), series=series)


@pytest.mark.parametrize(("sex", "condition"), [("", "active"), ("M", "cleared")])
def test_cast_nephropathy_does_not_end_while_the_kidney_is_left_open(sex: str, condition: str) -> None:
    """Sex unknown: the injury is over, but whether the eGFR is below 40 is not known."""
    known = context(sex=sex, birth_date=date(1956, 3, 1))
    chains = [*points("flck", "24:900"), *points("flcl", "24:5")]
    creatinine = points("creat", "0:100 24:160 100:120 220:120")
    outcome = judge(ren_lccn.RULE, chains, creatinine, context=known)
    (alert,) = alerts_of(outcome, "REN_LCCN")
    assert (alert.severity, alert.condition) == ("CRITICAL", condition)
    assert bool(outcome.undetermined) == (condition == "active")


def test_light_chains_that_fall_do_not_end_it_either_while_the_kidney_is_left_open() -> None:
    known = context(sex="", birth_date=date(1956, 3, 1))
    chains = [*points("flck", "24:900 220:300"), *points("flcl", "24:5 220:5")]
    (alert,) = alerts_of(
        judge(ren_lccn.RULE, chains, points("creat", "0:100 24:160 100:120 220:120"), context=known), "REN_LCCN"
    )
    assert alert.condition == "active"
