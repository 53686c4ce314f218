"""Hyperviscosity at every limit of the rule pack: on it the level, just below it a lower one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.alert import AlertState
from alerts.counterfactual import leaves
from alerts.result import Result
from alerts.rules import hv
from alerts.thresholds import default_pack
from tests.builders import alerts_of, context, fact, hours, judge, points, view

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


@pytest.mark.parametrize(("grade", "limits"), [
    ("check", "viscosity 3.0 igm 30 iga 50 igg 60 igg3 40 gap 60 tp 110"),
    ("high", "viscosity 4.0 igm 60 iga 70 igg3 50 igg 100 tp 120"), ("critical", "viscosity 5.0"),
])  # fmt: skip
def test_the_numbers_are_those_of_the_clinical_table(grade: str, limits: str) -> None:
    words = limits.split()
    stated = {f"hv.{grade}_{name}": Decimal(number) for name, number in zip(words[::2], words[1::2], strict=True)}
    assert {key: PACK[key] for key in KEYS if key.startswith(f"hv.{grade}_")} == stated
    assert {PACK.limit(key).operator for key in stated} == {">="}


@pytest.mark.parametrize(("days_ago", "level"), [("60", ""), ("60.01", "HV_CHECK")])
def test_a_protein_of_the_last_60_days_is_better_than_total_protein(days_ago: str, level: str) -> None:
    for better in ("igg", "mspike"):
        alert = told(points(better, f"-{days_ago}:10", unit="d"), points("tp", "0:112"), points("alb", "0:60"))
        assert (alert.level if alert else "") == level


@pytest.mark.parametrize(
    ("begins", "ends", "level"),
    [
        ("0", "", "HV_CRITICAL"), ("-5", "-1", "HV_HIGH"), ("-5", "0", "HV_CRITICAL"), ("23.9", "", "HV_CRITICAL"),
        ("24", "24", "HV_HIGH"), ("24", "", "HV_HIGH"),
    ],
)  # fmt: skip
def test_a_symptom_belongs_to_the_draw_before_it_up_to_the_next(begins: str, ends: str, level: str) -> None:
    """The next draw is of any analyte of the rule, and a symptom entered at that time is its own."""
    symptom = fact("symptom", hours(begins), hours(ends) if ends else None, code="bleeding")
    alert = told(points("visc", "0:4.2"), points("igg", "24:59"), facts=(symptom,))
    assert alert is not None
    assert alert.level == level
    assert alert.facts.get("symptoms", "") == ("bleeding" if level == "HV_CRITICAL" else "")


def test_symptoms_are_named_sorted_by_code_else_value_else_as_such() -> None:
    entered = (fact("symptom", hours(0), code="headache"), fact("symptom", hours(0), value="bleeding"), fact("symptom"))
    alert = told(points("visc", "0:4.2"), facts=entered)
    assert alert is not None
    assert alert.facts["symptoms"] == "bleeding,headache,symptom"


@pytest.mark.parametrize(
    ("drawn", "shown", "triggers"),
    [
        ({"igg": "100", "visc": "4.2"}, "visc", "igg,viscosity"), ({"igg": "100", "visc": "3.9"}, "igg", "igg"),
        ({"mspike": "66", "igg": "30"}, "mspike", "iga"), ({"tp": "121"}, "tp", "total_protein"),
        ({"tp": "121", "iga": "71"}, "iga", "iga,total_protein"), ({"mspike": "110"}, "mspike", "iga"),
    ],
)  # fmt: skip
def test_the_text_shows_what_decided(drawn: dict[str, str], shown: str, triggers: str) -> None:
    """Viscosity before proteins; the M-protein where it counted as the immunoglobulin of its isotype."""
    alert = told(
        *(points(name, f"0:{value}") for name, value in drawn.items()), facts=(fact("isotype", code="IgA-kappa"),)
    )
    assert alert is not None
    assert (alert.analyte, alert.facts["triggers"]) == (shown, triggers)


def test_a_critical_viscosity_alone_is_its_only_trigger() -> None:
    """The protein is high beside it, but neither a symptom nor few platelets make that critical."""
    alert = told(points("visc", "0:5.2"), points("igm", "0:65"), points("plt", "0:180"))
    assert alert is not None
    assert (alert.level, alert.facts["triggers"]) == ("HV_CRITICAL", "viscosity")


def test_albumin_of_the_specimen_of_the_total_protein_is_taken_before_a_nearer_one() -> None:
    own, other = points("alb", "1:45", specimen="S1"), points("alb", "0:30", specimen="S2")
    alert = told(points("tp", "0:100", specimen="S1"), own, other)
    assert alert is None, "100 - 45 is below 60; with the other albumin it would not be"


def tree(*results: list[Result]) -> list[tuple[str, ...]]:
    """The leaves of a question that stays open or a draw that does not alert: truth, name, unit, number of results."""
    judged = [one for one in hv.RULE.judge(view(*results)) if one.node is not None]
    return [(str(n.truth), n.name, n.unit, str(len(n.results))) for n in leaves(judged[-1].node)]


def test_what_total_protein_cannot_say_stands_in_the_tree() -> None:
    assert ("FALSE", "total_protein_too_low_for_the_gap", "", "1") in tree(points("tp", "0:74.9"))
    assert ("INDETERMINATE", "tp_minus_albumin", "g/L", "1") in tree(points("tp", "0:75"))
    assert ("FALSE", "tp_minus_albumin", "g/L", "2") in tree(points("tp", "0:75"), points("alb", "1:40"))
    assert ("FALSE", "immunoglobulin_or_m_known", "", "1") in tree(points("tp", "0:112"), points("igg", "-24:9"))
