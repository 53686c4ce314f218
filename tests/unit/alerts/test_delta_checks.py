"""A suspected specimen mismatch: what is compared with what, what ends it, what it holds, and that it never disturbs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import AlertState
from alerts.counterfactual import what_would_stop
from alerts.deciding import Decision, after_hold, unless_held
from alerts.delta_checks import checked
from alerts.evaluate import evaluate
from alerts.explaining import explain
from alerts.logic import Truth
from alerts.memo import Memo, ask_again
from alerts.result import Result
from alerts.rules import RULES, specimen_mismatch
from alerts.series import Series
from alerts.severity import Severity
from tests.builders import alerts_of, context, days, fact, hours, judge, points, result, view

SWAPPED = [*points("hb", "0:131 12:94"), *points("creat", "0:180 12:64"), *points("k", "0:4.1 12:6.2")]
"""A blood count and chemistry of somebody else, twelve hours after the patient's own."""


def failed(*results: Any, at: float = 12, **known: Any) -> list[str]:
    return [check.name for check in checked(view(*results, **known), hours(at)).failed]


def mismatch(*results: Any, **known: Any) -> list[AlertState]:
    return alerts_of(judge(specimen_mismatch.RULE, *results, **known), "SPECIMEN_MISMATCH")


def test_only_the_previous_result_counts_not_an_older_one() -> None:
    assert failed(points("hb", "0:130 6:101 12:99")) == []
    assert failed(points("hb", "0:100 6:131 12:99")) == ["hb"]


@pytest.mark.parametrize(
    ("name", "analyte", "inside", "beyond"),
    [
        ("hb", "hb", "0:100 24:130.1", "0:100 24.1:131"),
        ("creatinine", "creat", "0:200 24:99.9", "0:200 24.1:90"),
        ("albumin", "alb", "0:40 24:50.1", "0:40 24.1:51"),
        ("potassium", "k", "0:4.0 24:5.6", "0:4.0 24.1:6.0"),
        ("mcv", "mcv", "0:90 72:84.9", "0:90 72.1:80"),
    ],
)
def test_the_hours_are_inclusive(name: str, analyte: str, inside: str, beyond: str) -> None:
    at = float(inside.split()[1].split(":", maxsplit=1)[0])
    assert failed(points(analyte, inside), at=at) == [name]
    assert failed(points(analyte, beyond), at=float(beyond.split()[1].split(":", maxsplit=1)[0])) == []


@pytest.mark.parametrize(
    ("analyte", "story"),
    [("hb", "100 130"), ("hb", "130 100"), ("creat", "200 100"), ("creat", "100 300"), ("alb", "30 40"),
     ("k", "5.0 3.5"), ("mcv", "90 95"), ("mcv", "90 85")],
)  # fmt: skip
def test_exactly_at_the_limit_nothing_fails(analyte: str, story: str) -> None:
    before, now = story.split()
    assert failed(points(analyte, f"0:{before} 12:{now}")) == []


def test_critical_never_waits_nor_what_those_told_must_hear() -> None:
    for severity in Severity:
        alert = msgspec.structs.replace(mismatch(SWAPPED)[0], severity=severity)
        new = Decision(send=True, reason="first", reasons=("first",))
        held = unless_held(new, alert, held=True)
        assert held == (new if severity is Severity.CRITICAL else Decision(send=False, reason="held_specimen"))
        assert unless_held(new, alert, held=False) == new
        withdrawn = Decision(send=True, reason="retracted", only_told=True)
        assert unless_held(withdrawn, alert, held=True) == withdrawn
        quiet = Decision(send=False, reason="already_told")
        assert unless_held(quiet, alert, held=True) == quiet
        waited = after_hold(quiet, alert, over=False)
        assert (waited.send, waited.reason) == (
            (False, "info_only") if severity is Severity.INFO else (True, "hold_over")
        )


def test_an_isotype_is_compared_with_the_last_one_that_was_named() -> None:
    first = result("sife", at=hours(0), coded="positive:IgG-kappa")
    between = [result("sife", at=hours(5000), coded="negative"), result("sife", at=hours(6000), coded="positive")]
    other = result("sife", at=hours(9000), coded="positive:IgA-lambda")
    assert failed(first, between, other, at=9000) == ["m_isotype"]
    kept = result("sife", at=hours(9000), coded="positive:IgA-lambda+IgG-kappa")
    assert failed(first, between, kept, at=9000) == []
    assert failed(first, between, at=5000) == []


def test_dialysis_explains_a_fall_unless_the_entry_says_no() -> None:
    fall = points("creat", "0:300 12:140")
    for start, end, value, expected in (
        (2, 6, "", []), (-5, 1, "", []), (12, 16, "", []), (-9, None, "", []), (13, 16, "", ["creatinine"]),
        (-9, -1, "", ["creatinine"]), (2, 6, "no", ["creatinine"]),
    ):  # fmt: skip
        entry = fact("dialysis", hours(start), None if end is None else hours(end), value=value)
        assert failed(fall, context=context(entry)) == expected, (start, end, value)


def test_a_preliminary_value_is_neither_checked_nor_compared_with() -> None:
    assert failed(points("hb", "0:130"), points("hb", "12:90", status="P")) == []
    assert failed(points("hb", "0:130"), points("hb", "6:90", status="P"), points("hb", "12:128")) == []


def test_a_haemolysed_potassium_or_a_date_without_a_time_leaves_it_open() -> None:
    low = points("hb", "0:130 12:90")
    haemolysed = result("k", "6.2", hours(12), flags=("haemolysed",))
    (open_,) = judge(specimen_mismatch.RULE, low, points("k", "0:4.1"), haemolysed).undetermined
    assert (open_.rule, open_.missing) == ("SPECIMEN_MISMATCH", ("k",))
    undated = [result("alb", "42", hours(0)), result("alb", "30", hours(12), flags=("date_only",))]
    (open_,) = judge(specimen_mismatch.RULE, low, undated).undetermined
    assert open_.missing == ("alb",)
    assert judge(specimen_mismatch.RULE, undated).undetermined == ()  # one alone is no mismatch either way


def test_what_is_known_against_the_earlier_value_leaves_it_open_too() -> None:
    """A potassium of a haemolysed tube is at most what was measured: a rise from it is certain, a fall is not."""
    low = points("hb", "0:130 12:90")
    undated = [result("alb", "42", hours(0), flags=("date_only",)), result("alb", "30", hours(12))]
    assert judge(specimen_mismatch.RULE, low, undated).undetermined[0].missing == ("alb",)
    haemolysed = result("k", "6.2", hours(0), flags=("haemolysed",))
    assert judge(specimen_mismatch.RULE, low, haemolysed, points("k", "12:4.1")).undetermined[0].missing == ("k",)
    assert failed(result("k", "4.0", hours(0), flags=("haemolysed",)), points("k", "12:6.0")) == ["potassium"]


def test_a_check_names_the_two_values_it_compared() -> None:
    (check,) = checked(view(points("hb", "0:130 6:129 12:90")), hours(12)).failed
    assert (check.now.at, check.before.at) == (hours(12), hours(6))


def test_a_bound_is_enough_where_every_value_of_it_fails() -> None:
    assert failed(points("hb", "0:130 12:<90")) == ["hb"]
    assert failed(points("hb", "0:130 12:<110")) == []
    assert checked(view(points("hb", "0:130 12:<110")), hours(12)).checks[0].node.truth is Truth.INDETERMINATE
    assert failed(points("creat", "0:300 12:<100")) == ["creatinine"]


def test_it_is_as_severe_as_what_it_holds_back_and_never_critical() -> None:
    (alert,) = mismatch(SWAPPED)
    assert (alert.severity, alert.facts["held"]) == ("HIGH", "HB_HALO,HB_DROP,K_HIGH")
    medium = [*points("alb", "0:42 12:31"), *points("k", "0:4.0 12:5.7")]
    (alert,) = mismatch(medium)
    assert (alert.severity, alert.facts["held"]) == ("MEDIUM", "K_HIGH")
    critical = [*points("alb", "0:42 12:31"), *points("k", "0:4.0 12:7.2")]
    (alert,) = mismatch(critical)
    assert (alert.severity, alert.facts) == ("MEDIUM", {"failed": "albumin,potassium", "offset": "0"})


def test_what_a_later_draw_adds_does_not_change_what_was_held_then() -> None:
    (alert,) = mismatch(SWAPPED, points("k", "40:6.9"))
    assert alert.facts["held"] == "HB_HALO,HB_DROP,K_HIGH"


def test_every_rule_that_can_say_less_than_critical_of_a_sample_can_be_held() -> None:
    critical_only = {"REN_LCCN", "HB_ACUTE", "TLS"}
    others = {rule.name for rule in RULES if rule.family not in ("specimen_mismatch", "overdue_test")} - critical_only
    assert {rule.name for rule in specimen_mismatch.HELD} == others


def test_the_repeat_is_not_suspected_in_its_turn_whichever_it_agrees_with() -> None:
    own = [*points("hb", "15:130"), *points("creat", "15:178"), *points("k", "15:4.2")]
    (alert,) = mismatch(SWAPPED, own)
    assert alert.slots == ("hb@2026-03-01T20:00:00",)
    same = [*points("hb", "15:95"), *points("creat", "15:66"), *points("k", "15:6.1")]
    (alert,) = mismatch(SWAPPED, same)
    assert alert.slots == ("hb@2026-03-01T20:00:00",)
    third = [*points("hb", "15:60"), *points("creat", "15:20"), *points("k", "15:3.0")]
    (alert,) = mismatch(SWAPPED, third)
    assert len(alert.slots) == 2


def test_a_draw_after_the_answered_one_is_checked_as_ever() -> None:
    own = [*points("hb", "15:130"), *points("creat", "15:178"), *points("k", "15:4.2")]
    again = [*points("hb", "20:92"), *points("creat", "20:62"), *points("k", "20:6.0")]
    (alert,) = mismatch(SWAPPED, own, again)
    assert alert.slots == ("hb@2026-03-01T20:00:00", "hb@2026-03-02T04:00:00")


def test_two_draws_that_repeat_it_end_it_and_others_do_not_count() -> None:
    first, second = points("hb", "15:130"), points("hb", "36:128")
    assert mismatch(SWAPPED, first)[0].condition == "active"
    assert mismatch(SWAPPED, first, points("alb", "36:40"))[0].condition == "active"
    (alert,) = mismatch(SWAPPED, first, second)
    assert (alert.condition, alert.cleared_at) == ("cleared", hours(36))


def test_a_correction_to_what_was_before_takes_it_back() -> None:
    wrong = [result("hb", "131", hours(0)), result("hb", "94", hours(12), slot="H"), *points("creat", "0:180 12:64")]
    assert len(mismatch(wrong)) == 1
    fixed = result("hb", "130", hours(12), slot="H", status="C", version=hours(30))
    assert mismatch(wrong, fixed) == []
    gone = result("hb", None, hours(12), slot="H", status="W", version=hours(30))
    assert mismatch(wrong, gone) == []


def test_the_counterfactual_is_true_with_two_failed_checks_and_silent_with_three() -> None:
    (alert,) = mismatch(points("hb", "0:131 12:94"), points("alb", "0:42 12:31"))
    assert [(w.name, w.operator, w.threshold) for w in what_would_stop(alert.reasons)] == [
        ("hb_change", ">", Decimal(30)), ("albumin_change", ">", Decimal(10)),
    ]  # fmt: skip
    assert mismatch(points("hb", "0:131 12:101"), points("alb", "0:42 12:31")) == []
    assert what_would_stop(mismatch(SWAPPED)[0].reasons) == []


def test_every_alert_of_the_draw_says_so_critical_ones_too_and_later_ones_no_longer() -> None:
    alerts = evaluate(view(SWAPPED, points("ca_adj", "12:3.6"))).alerts
    of_the_draw = {a.rule: a for a in alerts if a.sampled_at == hours(12) and a.rule != "SPECIMEN_MISMATCH"}
    assert {"CA_HIGH", "HB_ACUTE", "HB_HALO", "K_HIGH"} <= of_the_draw.keys()
    assert of_the_draw["CA_HIGH"].severity is Severity.CRITICAL
    for alert in of_the_draw.values():
        assert "specimen_mismatch_suspected" in alert.flags
        assert alert.facts["delta_checks"] == "hb,creatinine,potassium"
        assert "specimen mismatch suspected" in alert.summary["en"]
        assert "sum na zamenjavo vzorca" in alert.summary["sl"]
        said = explain(alert)["sentences"]
        assert (
            "Specimen mismatch suspected: too far from the sample before are Haemoglobin, Creatinine, Potassium."
            in (said["en"])
        )
        assert any(line.startswith("Sum na zamenjavo vzorca") for line in said["sl"])
    (repeat,) = alerts_of(evaluate(view(SWAPPED, points("k", "15:6.3"))), "K_HIGH")
    assert (repeat.sampled_at, repeat.flags) == (hours(15), ())


def test_one_failed_check_is_a_note_and_no_alert_of_its_own() -> None:
    found = evaluate(view(points("k", "0:4.4 12:6.2")))
    assert [(a.rule, a.flags) for a in found.alerts] == [("K_HIGH", ("delta_check",))]


def test_a_thousand_draws_that_each_contradict_all_before_them_are_no_trouble() -> None:
    times = range(1000)
    rising = [one for name, step in (("hb", 31), ("alb", 11))
              for one in points(name, " ".join(f"{2 * t}:{step * (t + 1)}" for t in times))]  # fmt: skip
    assert failed(rising, at=1998) == ["hb", "albumin"]
    assert failed(rising, at=1976) == []  # every thirteenth has only suspected ones to be compared with in its 24 h


VALUES = {
    "hb": ["68", "95", "130"], "creat": ["60", "130", "400", "<20"], "alb": ["25", "40"], "k": ["2.4", "4.5", "6.7"],
    "mcv": ["80", "92"], "sife": ["positive:IgG-kappa", "positive:IgA-lambda", "negative"], "ca_adj": ["2.4", "2.9"],
    "hi": ["0.1", "6"], "plt": ["20", "45", "200"], "mspike": ["8", "14"],
}  # fmt: skip


@st.composite
def draws(draw: st.DrawFn) -> list[list[Result]]:
    """Reports of a few draws within days, arriving in any order, some corrected or withdrawn."""
    return [draw(st.lists(_version(), min_size=1, max_size=5)) for _ in range(draw(st.integers(1, 8)))]


@st.composite
def _version(draw: st.DrawFn) -> Result:
    analyte, status = draw(st.sampled_from(sorted(VALUES))), draw(st.sampled_from("FFFFFFCDWP"))
    at, value = hours(6 * draw(st.integers(0, 9))), draw(st.sampled_from(VALUES[analyte]))
    valued = status in "FCP"
    number = value if valued and analyte != "sife" else None
    coded = value if valued and analyte == "sife" else ""
    return result(
        analyte, number, at, coded=coded, status=status, version=hours(100 + draw(st.integers(0, 4))),
        flags=draw(st.sampled_from([(), (), (), ("haemolysed",), ("date_only",)])),
    )  # fmt: skip


KNOWN = (context(), context(fact("dialysis", hours(10), hours(14)), fact("line_start", hours(0))))


@settings(max_examples=150, deadline=None)
@given(draws(), st.sampled_from(KNOWN))
def test_the_quick_way_equals_the_plain_way_and_order_and_repeats_change_nothing(
    found: list[list[Result]], known: Any
) -> None:
    everything = [one for batch in found for one in batch]
    plain = evaluate(view(everything, context=known))
    assert plain.failed == {}
    backwards = evaluate(view(list(reversed(everything)), everything[:3], context=known))
    assert msgspec.json.encode(backwards) == msgspec.json.encode(plain)
    said = [alert for rule in RULES if not getattr(rule, "timed", False) for alert in _quick(found, rule, known).alerts]
    timed = {rule.name for rule in RULES if getattr(rule, "timed", False)}
    expected = [alert for alert in plain.alerts if alert.rule not in timed]
    assert sorted(said, key=lambda a: (a.rule, a.opened_at, a.alert_id)) == expected


def _quick(found: list[list[Result]], rule: Any, known: Any) -> Memo:
    series, memo = Series(), None
    for batch in found:
        since = series.reach(batch)
        series = series.merge(batch)
        memo = ask_again(msgspec.structs.replace(view(context=known), series=series), rule, memo, since)
    assert memo is not None
    return memo


@settings(max_examples=150, deadline=None)
@given(draws())
def test_it_is_never_critical_and_its_tree_says_what_it_says(found: list[list[Result]]) -> None:
    for alert in mismatch(*found):
        assert alert.severity in ("LOW", "MEDIUM", "HIGH")
        assert alert.reasons.truth is Truth.TRUE
        assert len(alert.facts["failed"].split(",")) >= 2
        assert all(0 < len(text) < 140 for text in alert.summary.values())
        for without in what_would_stop(alert.reasons):
            assert len(alert.facts["failed"].split(",")) == 2, without


@pytest.mark.parametrize(("taken_back", "fails"), [
    ({"value": "no"}, True), ({"code": "no"}, True), ({"value": " No "}, True), ({"code": "false"}, True),
    ({"value": "haemodialysis"}, False),
])  # fmt: skip
def test_dialysis_that_was_taken_back_explains_no_fall(taken_back: dict[str, str], fails: bool) -> None:
    known = context(fact("dialysis", days(-400)), fact("dialysis", days(-100), **taken_back))
    draws = [*points("creat", "0:300 20:140"), *points("hb", "0:95 20:130")]
    assert failed(draws, at=20, context=known) == (["hb", "creatinine"] if fails else ["hb"])
    assert len(mismatch(draws, context=known)) == int(fails)


@pytest.mark.parametrize(("no", "expected"), [
    ((-5, 5), []), ((5, 9), []), ((-5, 12), ["creatinine"]), ((5, None), []), ((0, None), ["creatinine"]),
])  # fmt: skip
def test_dialysis_at_any_time_between_the_two_explains_a_fall(
    no: tuple[float, float | None], expected: list[str]
) -> None:
    start, end = no
    entry = fact("dialysis", hours(start), None if end is None else hours(end), value="no")
    known = context(fact("dialysis", days(-400)), entry)
    assert failed(points("creat", "0:300 12:140"), context=known) == expected
