"""Known chronic: beside an accepted baseline a fixed limit gives way to change, never for CRITICAL."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import AlertState
from alerts.chronic import accepted, read
from alerts.condition import Node
from alerts.context import Context, Fact
from alerts.evaluate import evaluate
from alerts.explaining import explain
from alerts.result import Result
from alerts.rule import Rule, View
from alerts.rules import hb_halo, hb_imwg, k_high, k_low, neut_low, plt_low, ren_aki, ren_halo
from alerts.series import Series
from alerts.thresholds import default_pack
from schemas.patient_event import ContextEntry
from services.ledger.context import build, rank
from tests.unit.alerts.made import START, at, lab, patient

PACK = default_pack()


def chronic(analyte: str, value: str, unit: str, start: float | None = 0, end: float | None = None) -> Fact:
    begin, stop = (None if hour is None else at(hour) for hour in (start, end))
    return Fact(kind="chronic_baseline", code=analyte, value=value, unit=unit, start=begin, end=stop)


def asked(rule: Rule, results: list[Result], *facts: Fact, context: Context | None = None) -> list[AlertState]:
    view = View(
        patient="MADE|1", series=Series().merge(results), context=context or patient(*facts), pack=PACK, as_of=at(9999)
    )
    return list(evaluate(view, (rule,), derived=False).alerts)


def severity(rule: Rule, analyte: str, value: str, *facts: Fact, **more: object) -> str:
    found = asked(rule, [lab(analyte, value, 24, **more)], *facts)
    return str(found[0].severity) if found else ""


CREATININE, HB = chronic("creat", "220", "umol/L"), chronic("hb", "85", "g/L")
POTASSIUM, LOW_POTASSIUM = chronic("k", "5.8", "mmol/L"), chronic("k", "2.8", "mmol/L")
NEUTROPHILS, PLATELETS = chronic("neut", "0.8", "10*9/L"), chronic("plt", "40", "10*9/L")


@pytest.mark.parametrize(("rule", "analyte", "value", "baseline", "without", "beside"), [
    (ren_halo.RULE, "creat", "220", CREATININE, "HIGH", ""),
    (ren_halo.RULE, "creat", "246.4", CREATININE, "HIGH", ""),
    (ren_halo.RULE, "creat", "246.5", CREATININE, "HIGH", "HIGH"),
    (ren_halo.RULE, "creat", "180", CREATININE, "HIGH", ""),
    (ren_halo.RULE, "creat", "180", chronic("creat", "90", "umol/L"), "HIGH", "HIGH"),
    (ren_halo.RULE, "creat", ">240", CREATININE, "HIGH", "HIGH"),
    (ren_halo.RULE, "creat", "220", chronic("creat", "2.4887", "mg/dL"), "HIGH", ""),
    (hb_halo.RULE, "hb", "84", HB, "HIGH", ""),
    (hb_halo.RULE, "hb", "80", HB, "HIGH", ""),
    (hb_halo.RULE, "hb", "79", HB, "HIGH", "HIGH"),
    (hb_halo.RULE, "hb", "69", HB, "CRITICAL", "CRITICAL"),
    (hb_halo.RULE, "hb", "86", chronic("hb", "96", "g/L"), "HIGH", "HIGH"),
    (hb_halo.RULE, "hb", "86.1", chronic("hb", "96", "g/L"), "HIGH", ""),
    (hb_halo.RULE, "hb", "65", chronic("hb", "68", "g/L"), "CRITICAL", "CRITICAL"),
    (k_high.RULE, "k", "6.0", POTASSIUM, "MEDIUM", ""),
    (k_high.RULE, "k", "6.1", POTASSIUM, "HIGH", "HIGH"),
    (k_high.RULE, "k", "6.6", chronic("k", "6.5", "mmol/L"), "CRITICAL", "CRITICAL"),
    (k_low.RULE, "k", "2.8", LOW_POTASSIUM, "HIGH", ""),
    (k_low.RULE, "k", "2.5", LOW_POTASSIUM, "HIGH", "HIGH"),
    (k_low.RULE, "k", "2.4", LOW_POTASSIUM, "CRITICAL", "CRITICAL"),
    (k_low.RULE, "k", "2.8", POTASSIUM, "HIGH", "HIGH"),
    (neut_low.RULE, "neut", "0.7", NEUTROPHILS, "MEDIUM", ""),
    (neut_low.RULE, "neut", "0.49", NEUTROPHILS, "HIGH", "HIGH"),
    (plt_low.RULE, "plt", "30", PLATELETS, "MEDIUM", ""),
    (plt_low.RULE, "plt", "24", PLATELETS, "CRITICAL", "CRITICAL"),
])  # fmt: skip
def test_beside_a_baseline_only_change_and_a_further_limit_alert(
    rule: Rule, analyte: str, value: str, baseline: Fact, without: str, beside: str
) -> None:
    assert severity(rule, analyte, value) == without
    assert severity(rule, analyte, value, baseline) == beside


def test_the_imwg_limb_too_whatever_the_other_limb_says_of_the_baseline() -> None:
    for baseline in ("105", "95"):
        kept = severity(hb_imwg.RULE, "hb", "104", chronic("hb", baseline, "g/L"), reference_low=Decimal(130))
        assert (kept, baseline) == ("", baseline)
    assert severity(hb_imwg.RULE, "hb", "104", reference_low=Decimal(130)) == "MEDIUM"
    moved = severity(hb_imwg.RULE, "hb", "104", chronic("hb", "114", "g/L"), reference_low=Decimal(136))
    assert moved == "MEDIUM"


@pytest.mark.parametrize(("start", "end", "expected"), [
    (24, None, ""), (24.1, None, "HIGH"), (0, 24, ""), (0, 23.9, "HIGH"), (None, None, ""),
])  # fmt: skip
def test_a_baseline_holds_from_its_date_to_its_end_both_included(
    start: float | None, end: float | None, expected: str
) -> None:
    assert severity(ren_halo.RULE, "creat", "225", chronic("creat", "220", "umol/L", start, end)) == expected


def test_the_newest_accepted_by_then_counts_and_earlier_samples_keep_theirs() -> None:
    facts = (chronic("creat", "200", "umol/L", 0), chronic("creat", "260", "umol/L", 100))
    found = asked(ren_halo.RULE, [lab("creat", "230", 24), lab("creat", "230", 124), lab("creat", "230", 150)], *facts)
    assert [(alert.sampled_at, str(alert.severity), alert.condition) for alert in found] == [
        (at(24), "HIGH", "cleared")
    ]
    assert found[0].cleared_at == at(150)


def test_a_change_from_the_baseline_is_new_although_the_limit_was_crossed_all_along() -> None:
    """Without the baseline the 90 days before would make it LOW, a trend."""
    results = [lab("creat", "220", 24), lab("creat", "222", 200), lab("creat", "250", 400)]
    assert [str(alert.severity) for alert in asked(ren_halo.RULE, results, CREATININE)] == ["HIGH"]


def test_back_at_the_baseline_on_two_samples_ends_the_episode() -> None:
    results = [lab("creat", value, hour) for value, hour in (("250", 24), ("224", 48), ("221", 72))]
    found = asked(ren_halo.RULE, results, CREATININE)
    assert [(alert.condition, alert.cleared_at) for alert in found] == [("cleared", at(72))]


def test_rules_on_change_are_untouched() -> None:
    results = [lab("creat", "220", 0), lab("creat", "340", 24)]
    assert asked(ren_aki.RULE, results, CREATININE) == asked(ren_aki.RULE, results)


def test_the_evidence_names_the_baseline_and_the_number_it_takes() -> None:
    alert = asked(ren_halo.RULE, [lab("creat", "250", 24)], CREATININE)[0]
    assert "beyond_accepted_baseline" in alert.flags
    assert (alert.facts["accepted_baseline"], alert.facts["accepted_from"]) == ("220", "2026-03-01")
    leaf = next(node for node in _leaves(alert.reasons) if node.name == "creat_against_accepted_baseline")
    assert (leaf.operator, leaf.threshold, leaf.limit) == (">=", Decimal("246.5"), "steps.creat")
    assert "accepted baseline 220" in leaf.method
    told = explain(alert)["sentences"]
    assert "accepted baseline" in " ".join(told["en"])
    assert "sprejet" in " ".join(told["sl"])
    assert "accepted baseline" in alert.summary["en"]


def test_what_cannot_be_read_is_refused_in_words_and_is_no_baseline() -> None:
    wrong = [
        (chronic("ca", "2.9", "mmol/L"), "takes no accepted baseline"), (chronic("creat", "220", ""), "unit"),
        (chronic("creat", "many", "umol/L"), "number"), (chronic("creat", "2.5", "umol/L"), "creat"),
    ]  # fmt: skip
    for fact, said in wrong:
        with pytest.raises(ValueError, match=said):
            read(fact)
    assert accepted(Context(facts=(CREATININE, chronic("creat", "x", "umol/L", 5))), "creat", at(9)) == read(CREATININE)


@given(st.decimals("60", "700", places=1), st.decimals("60", "700", places=1), st.decimals("60", "700", places=1))
def test_a_worse_value_is_never_less_severe_beside_a_baseline(base: Decimal, one: Decimal, two: Decimal) -> None:
    fact = chronic("creat", str(base), "umol/L")
    better, worse = sorted((one, two))
    order = ["", "LOW", "HIGH"]
    found = [order.index(severity(ren_halo.RULE, "creat", str(value), fact)) for value in (better, worse)]
    assert found == sorted(found)


def _leaves(node: Node) -> list[Node]:
    return [leaf for child in node.children for leaf in _leaves(child)] if node.children else [node]


@pytest.mark.parametrize(("zone", "day"), [("Europe/Ljubljana", "2026-03-01"), ("America/Chicago", "2026-03-01")])
def test_the_day_that_is_named_is_the_day_that_was_said(zone: str, day: str) -> None:
    said = ContextEntry(kind="chronic_baseline", from_="2026-03-01", code="creat", value="220", unit="umol/L")
    facts = build([(rank(START, "e"), 0, said)], {}, ZoneInfo(zone)).facts
    alert = asked(ren_halo.RULE, [lab("creat", "250", 24)], *facts)[0]
    assert alert.facts["accepted_from"] == day
    told = explain(alert)["sentences"]
    assert any(line.startswith("Accepted baseline: 220") and "1 Mar" in line for line in told["en"])
    assert any(line.startswith("Sprejeto izhodišče: 220") and "1. 3." in line for line in told["sl"])


ACCEPTED_HB, ACCEPTED_K = chronic("hb", "92", "g/L"), chronic("k", "2.8", "mmol/L")


@pytest.mark.parametrize(("rule", "analyte", "story", "baseline", "cleared"), [
    (k_low.RULE, "k", "2.4 2.8", ACCEPTED_K, 48), (k_low.RULE, "k", "2.4 3.2 3.2 3.4", ACCEPTED_K, 48),
    (k_low.RULE, "k", "2.4 2.6", ACCEPTED_K, 48), (k_low.RULE, "k", "2.4 2.5", ACCEPTED_K, None),
    (k_low.RULE, "k", "2.4 3.2", chronic("k", "3.2", "mmol/L"), None),  # accepts nothing
    (hb_halo.RULE, "hb", "80 92 92", ACCEPTED_HB, 72), (hb_halo.RULE, "hb", "80 102 102", ACCEPTED_HB, 72),
    (hb_halo.RULE, "hb", "80 102 82 102", ACCEPTED_HB, None), (hb_halo.RULE, "hb", "80 102 91", ACCEPTED_HB, 72),
    (hb_halo.RULE, "hb", "80 102 >101", ACCEPTED_HB, 72), (hb_halo.RULE, "hb", "80 102", ACCEPTED_HB, None),
    (ren_halo.RULE, "creat", "260 225 225", CREATININE, 72), (ren_halo.RULE, "creat", "260 170 170", CREATININE, 72),
    (ren_halo.RULE, "creat", "260 170 250 170", CREATININE, None),
    (k_high.RULE, "k", "6.4 5.6", chronic("k", "5.8", "mmol/L"), 48),
    (neut_low.RULE, "neut", "0.3 0.9 0.9", NEUTROPHILS, 72), (plt_low.RULE, "plt", "20 48 48", PLATELETS, 72),
])  # fmt: skip
def test_whatever_is_short_of_the_step_ends_the_episode_as_the_baseline_itself_does(
    rule: Rule, analyte: str, story: str, baseline: Fact, cleared: float | None
) -> None:
    results = [lab(analyte, value, 24 * day) for day, value in enumerate(story.split(), start=1)]
    found = asked(rule, results, context=patient(baseline, age=50))
    assert [alert.cleared_at for alert in found] == [cleared and at(cleared)]


def test_short_of_the_step_does_not_count_while_a_transfusion_or_haemolysis_lifts_the_value() -> None:
    given = Fact(kind="transfusion", start=at(30))
    for value in ("92", "102"):
        results = [lab("hb", "80", 24), lab("hb", value, 48), lab("hb", value, 72)]
        assert [alert.condition for alert in asked(hb_halo.RULE, results, ACCEPTED_HB, given)] == ["active"]
    for value in ("2.8", "3.2"):
        haemolysed = [lab("k", "2.4", 24), lab("k", value, 48, flags=("haemolysed",))]
        assert [alert.condition for alert in asked(k_low.RULE, haemolysed, ACCEPTED_K)] == ["active"]


def test_an_unknown_egfr_does_not_keep_a_creatinine_below_the_baseline_from_ending_the_episode() -> None:
    results = [lab("creat", value, hour) for value, hour in (("260", 24), ("170", 48), ("170", 72))]
    found = asked(ren_halo.RULE, results, context=Context(facts=(CREATININE,)))
    assert [alert.cleared_at for alert in found] == [at(72)]


@given(st.decimals("2.0", "4.0", places=1), st.decimals("2.0", "4.0", places=1), st.decimals("2.0", "2.9", places=1))
def test_a_better_value_clears_whenever_a_worse_one_does(one: Decimal, two: Decimal, base: Decimal) -> None:
    worse, better = sorted((one, two))
    ends = []
    for value in (worse, better):
        found = asked(k_low.RULE, [lab("k", "2.0", 24), lab("k", str(value), 48)], chronic("k", str(base), "mmol/L"))
        ends.append(bool(found) and found[0].condition == "cleared")
    assert ends == sorted(ends)
