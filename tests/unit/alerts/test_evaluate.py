"""`evaluate`: a pure function of the set of results, whatever their order; failures are reported, never swallowed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Evaluation
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rule import Judgement, Rule, View
from alerts.rules import RULES, ca_high, k_high
from alerts.series import Series
from schemas.identity import alert_id
from tests.builders import PATIENT, UNITS, alerts_of, hours, judge, points, result, view

_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")


def said(outcome: Evaluation) -> bytes:
    """What is compared byte for byte."""
    return _encoder.encode(outcome)


WILD = {
    "ca": ["2.2", "2.9", "3.5", "1.75"], "alb": ["22", "35", "40", "52"], "ica": ["0.95", "1.2", "1.6"],
    "creat": ["80", "130", "400", "<20"], "k": ["2.4", "4.5", "6.7"], "hb": ["68", "95", "130"], "tp": ["70", "115"],
    "mspike": ["8", "14", "42", "<1"], "visc": ["1.5", "4.2"], "igm": ["20", "65"], "plt": ["20", "200"],
    "flck": ["20", "900"], "flcl": ["15"],
}  # fmt: skip


@st.composite
def stories(draw: st.DrawFn) -> list[Result]:
    """Finals, corrections, deletions, preliminaries and repeats over a few days."""
    found: list[Result] = []
    for _ in range(draw(st.integers(1, 14))):
        analyte = draw(st.sampled_from(sorted(WILD)))
        at = hours(24 * draw(st.integers(0, 5)))
        status = draw(st.sampled_from("FFFFCADWPU"))
        value = draw(st.sampled_from(WILD[analyte])) if status in "FCAP" else None
        version = hours(24 * 6 + draw(st.integers(0, 3)))
        found.append(result(analyte, value, at, status=status, version=version, specimen=f"T{at:%d}"))
    return found


@settings(max_examples=60, deadline=None)
@given(stories(), st.randoms())
def test_any_order_and_any_batching_end_in_the_same_alerts_ids_and_texts(story: list[Result], chance: Any) -> None:
    plain = evaluate(view(story))
    assert plain.failed == {}
    shuffled = [*story, *story[: len(story) // 2]]
    chance.shuffle(shuffled)
    series = Series()
    while shuffled:
        size = chance.randint(1, len(shuffled))
        series, shuffled = series.merge(shuffled[:size]), shuffled[size:]
    known = view(story)
    again = evaluate(msgspec.structs.replace(known, series=series))
    assert said(again) == said(plain)


@settings(max_examples=30, deadline=None)
@given(stories())
def test_the_truth_of_every_tree_is_the_truth_of_its_alert_and_texts_are_short(story: list[Result]) -> None:
    for alert in evaluate(view(story)).alerts:
        assert alert.reasons.truth == "TRUE"
        assert alert.results
        assert all(0 < len(text) < 140 for text in alert.summary.values())


@settings(max_examples=30, deadline=None)
@given(stories())
def test_evaluating_twice_is_byte_identical_and_survives_json(story: list[Result]) -> None:
    one, two = evaluate(view(story)), evaluate(view(story))
    assert said(one) == said(two)
    assert msgspec.json.decode(said(one), type=Evaluation) == one


@pytest.mark.parametrize("analyte", sorted(UNITS))
def test_no_rule_stumbles_over_one_analyte_alone(analyte: str) -> None:
    assert evaluate(view(points(analyte, "0:5 30:<5 60:>20"))).failed == {}


def test_nobody_knows_anything_of_a_patient_without_results() -> None:
    assert evaluate(view()) == Evaluation(alerts=(), derived=(), undetermined=())


def test_the_alert_id_is_rule_patient_and_the_slot_that_opened_it() -> None:
    (alert,) = alerts_of(judge(ca_high.RULE, result("ca_adj", "2.9", slot="S9")), "CA_HIGH")
    assert alert.alert_id == alert_id("CA_HIGH", PATIENT, "S9")


def test_a_correction_keeps_the_id_and_regrades() -> None:
    first = result("ca_adj", "2.80", slot="S9")
    fixed = result("ca_adj", "3.45", slot="S9", status="C", version=hours(9))
    before, after = (alerts_of(judge(ca_high.RULE, *found), "CA_HIGH")[0] for found in ([first], [first, fixed]))
    assert before.alert_id == after.alert_id
    assert (before.severity, after.severity) == ("HIGH", "CRITICAL")


def test_a_correction_to_normal_leaves_no_alert() -> None:
    wrong = result("ca_adj", "3.6", slot="S9")
    fixed = result("ca_adj", "2.36", slot="S9", status="C", version=hours(9))
    assert judge(ca_high.RULE, wrong, fixed).alerts == ()


def test_two_episodes_opened_from_one_slot_have_two_ids() -> None:
    quiet = points("ca_adj", "24:2.4 48:2.4")
    twice = [result("ca_adj", "2.9", hours(0), slot="S9"), result("ca_adj", "2.9", hours(72), slot="S9")]
    first, second = alerts_of(judge(ca_high.RULE, *twice, *quiet), "CA_HIGH")
    assert first.alert_id == alert_id("CA_HIGH", PATIENT, "S9")
    assert second.alert_id != first.alert_id


def test_of_a_preliminary_sample_only_a_critical_alert_comes_and_it_says_so() -> None:
    assert judge(k_high.RULE, result("k", "6.2", status="P")).alerts == ()
    (alert,) = judge(k_high.RULE, result("k", "7.1", status="P")).alerts
    assert (alert.severity, alert.flags) == ("CRITICAL", ("preliminary",))
    assert (
        judge(k_high.RULE, *points("k", "0:7.1"), result("k", "4", hours(9), status="P")).alerts[0].cleared_at is None
    )


def test_the_change_since_the_sample_before_is_worked_out_for_every_rule() -> None:
    series = [*points("k", "0:4.1 24:5.0"), *points("k", "30:5.9", status="P"), *points("k", "48:7.0")]
    (alert,) = judge(k_high.RULE, series).alerts
    assert (alert.facts["change"], alert.facts["change_hours"]) == ("2.0", "24.0")
    assert ", +2.0 in 24 h," in alert.summary["en"]


def _broken(view: View) -> list[Judgement]:
    raise ArithmeticError(f"made up for {view.patient}")


def test_a_rule_that_raises_is_named_and_the_others_go_on() -> None:
    broken = Rule(name="BROKEN", family="anaemia", inputs=frozenset({"hb"}), judge=_broken, delivery="now")
    outcome = evaluate(view(result("ca_adj", "2.9")), (broken, ca_high.RULE))
    assert outcome.failed == {"BROKEN": f"ArithmeticError: made up for {PATIENT}"}
    assert [alert.rule for alert in outcome.alerts] == ["CA_HIGH"]


def test_only_the_newest_sample_leaves_a_question_open() -> None:
    assert [u.rule for u in judge(ca_high.RULE, points("ca", "0:2.4 24:2.4")).undetermined] == ["CA_HIGH"]
    answered = judge(ca_high.RULE, points("ca", "0:2.4 24:2.4"), points("alb", "24:40"))
    assert answered.undetermined == ()


def test_every_rule_is_listed_once_and_names_analytes_that_exist() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    known = set(UNITS) | {"sife", "uife", "spep_text", "upep_text", "u24_volume", "mpct", "wbc", "mcv", "alp"}
    for rule in RULES:
        assert rule.inputs <= known, rule.name
