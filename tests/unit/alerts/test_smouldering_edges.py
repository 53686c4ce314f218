"""Smouldering evolution beyond the vectors: the immunoglobulin's six-month limb, bounds in the window (relapse 8)."""

from __future__ import annotations

import pytest

from alerts.alert import Evaluation
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rules import myeloma_defining_event, smm_evolving_hb, smm_evolving_m
from tests.builders import context, days, fact, result, view
from tests.unit.alerts.relapse import series

RULES = (smm_evolving_m.RULE, smm_evolving_hb.RULE)
SMOULDERING = context(fact("state", code="smouldering"), fact("isotype", code="IgG-kappa"))


def _judged(**samples: str) -> Evaluation:
    results = [r for analyte, text in samples.items() for r in series(analyte, text)]
    outcome = evaluate(view(results, context=SMOULDERING), RULES)
    assert outcome.failed == {}
    return outcome


@pytest.mark.parametrize(
    ("immunoglobulin", "m", "met"),
    [
        ("0:40 180:45", "0:31 180:32", True),  # +12.5 % in six months, M at least 30
        ("0:40 180:45", "0:28 180:29.9", False),  # M below 30: only the year's 25 % counts
        ("0:40 184:45", "0:31 184:32", False),  # 184 d
        ("0:50 180:54.9", "0:31 180:31", False),  # +4.9
    ],
)
def test_the_immunoglobulin_too_has_a_six_month_limb_while_m_is_at_least_30(
    immunoglobulin: str, m: str, met: bool
) -> None:
    outcome = _judged(igg=immunoglobulin, mspike=m)
    assert [alert.rule for alert in outcome.alerts] == (["SMM_EVOLVING_M"] if met else [])
    assert outcome.undetermined == ()


def test_without_an_m_the_six_month_limb_stays_open_and_names_it() -> None:
    outcome = _judged(igg="0:40 180:45")
    assert outcome.alerts == ()
    assert [(u.rule, u.missing) for u in outcome.undetermined] == [("SMM_EVOLVING_M", ("mspike",))]
    assert _judged(igg="0:40 180:44").undetermined == ()


def test_the_lowest_of_the_window_is_what_all_its_bounds_leave() -> None:
    """`<8` and 6: the lowest is at most 6, so that 11 is a rise of 5 or more."""
    assert [a.rule for a in _judged(mspike="0:<8 90:6 180:11").alerts] == ["SMM_EVOLVING_M"]
    assert [a.rule for a in _judged(mspike="0:6 90:<8 180:11").alerts] == ["SMM_EVOLVING_M"]
    outcome = _judged(mspike="0:<8 180:11")
    assert (outcome.alerts, [u.rule for u in outcome.undetermined]) == ((), ["SMM_EVOLVING_M"])
    assert _judged(mspike="0:<8 90:6 180:10.9").alerts == ()


def test_the_involved_chain_is_that_of_the_draw() -> None:
    """Without an isotype; the first draw leans to kappa, the later one is plainly lambda."""
    known = context(fact("state", code="smouldering"))
    draws = series("flck", "0:34 90:3") + series("flcl", "0:20 90:450")
    (alert,) = evaluate(view(draws, context=known), (myeloma_defining_event.RULE,)).alerts
    assert (alert.analyte, alert.facts["ratio"]) == ("flcl", "150")


def test_one_band_is_no_lowest_value_of_the_total_but_its_rise_counts() -> None:
    def band(value: str) -> list[Result]:
        return [result("mspike", value, days(90), flags=("single_band",))]

    total = series("mspike", "0:32 180:33")
    for value, rules in (("20", []), ("40", ["SMM_EVOLVING_M"])):
        outcome = evaluate(view(total, band(value), context=SMOULDERING), RULES)
        assert [alert.rule for alert in outcome.alerts] == rules


def test_the_highest_haemoglobin_of_the_window_may_be_a_bound() -> None:
    assert [a.rule for a in _judged(hb="0:>130 90:128 180:125").alerts] == ["SMM_EVOLVING_HB"]
    assert [a.rule for a in _judged(hb="0:128 90:>130 180:125").alerts] == ["SMM_EVOLVING_HB"]


@pytest.mark.parametrize("analyte", ["mspike", "igg"])
@pytest.mark.parametrize(
    ("story", "rules"),
    [
        ("0:35 10:25 40:33", []),  # the fall of the exchange is no lowest value
        ("0:35 12.1:25 40:33", ["SMM_EVOLVING_M"]),  # more than 72 h after it
        ("0:25 10:35", ["SMM_EVOLVING_M"]),  # a rise seen after it counts
        ("10:25 40:33", []),  # nor the only one
    ],
)
def test_an_m_after_plasma_exchange_is_no_lowest_of_the_window(analyte: str, story: str, rules: list[str]) -> None:
    known = context(*SMOULDERING.facts, fact("plasma_exchange", days(9)))
    outcome = evaluate(view(series(analyte, story), context=known), RULES)
    assert (outcome.failed, [alert.rule for alert in outcome.alerts]) == ({}, rules)
    assert all(alert.severity == "MEDIUM" for alert in outcome.alerts)


def test_an_m_that_plasma_exchange_lowered_does_not_close_the_six_month_limb_of_the_immunoglobulin() -> None:
    known = context(*SMOULDERING.facts, fact("plasma_exchange", days(150)))
    for m, rules in (
        ("0:33 152:20", ["SMM_EVOLVING_M"]),
        ("0:33 152:20 170:29", []),
        ("0:20 152:31", ["SMM_EVOLVING_M"]),
    ):
        results = series("igg", "0:40 180:45") + series("mspike", m)
        assert [alert.rule for alert in evaluate(view(results, context=known), (smm_evolving_m.RULE,)).alerts] == rules
