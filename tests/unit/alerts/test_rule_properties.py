"""Properties of every rule, on each golden course: order, corrections, monotony, missing data, what would have stopped it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import Decimal

import msgspec
import pytest

from alerts.alert import AlertState
from alerts.condition import Node
from alerts.counterfactual import Without, leaves, what_would_stop
from alerts.evaluate import evaluate
from alerts.logic import Interval, Truth
from alerts.preliminary import only_critical
from alerts.result import Result
from alerts.rule import Judgement, Rule, View
from alerts.rules import RULES
from alerts.series import Series
from alerts.severity import Severity
from alerts.thresholds import default_pack
from schemas.units import convert
from tests.builders import UNITS, days, view
from tests.golden.courses import COURSES, Course

BY_NAME = {rule.name: rule for rule in RULES}
each_course = pytest.mark.parametrize("course", COURSES, ids=[course.name for course in COURSES])
OF_SAMPLES = [course for course in COURSES if not BY_NAME[course.rule].timed]
of_a_sample = pytest.mark.parametrize("course", OF_SAMPLES, ids=[course.name for course in OF_SAMPLES])
"""A late test is about a sample that is not there."""


def seen(course: Course, results: Iterable[Result] | None = None) -> View:
    """The course, or the same person with other results, looked at at the same time."""
    found = course.results if results is None else list(results)
    now = {} if course.as_of is None else {"as_of": course.as_of}
    return view(found, context=course.known, **now)


def judged(course: Course, results: Iterable[Result], rule: Rule | None = None) -> list[Judgement]:
    """All judgements of the course's rule over other results."""
    found = seen(course, results)
    return [only_critical(found, judgement) for judgement in (rule or BY_NAME[course.rule]).judge(found)]


def alerts(course: Course, results: Iterable[Result]) -> list[AlertState]:
    """The alerts of the course's rule over other results."""
    outcome = evaluate(seen(course, results))
    assert outcome.failed == {}
    return [alert for alert in outcome.alerts if alert.rule == course.rule]


def deciding(course: Course) -> AlertState:
    """The alert that the course stands for."""
    return alerts(course, course.results)[-1]


def at_the_draw(course: Course, alert: AlertState) -> list[Result]:
    """Numbers of the draw that decided."""
    return [r for r in course.results if r.collected_at == alert.sampled_at and r.value is not None]


def with_value(course: Course, old: Result, value: Decimal, interval: Interval | None = None) -> list[Result]:
    """The course with one number changed."""
    new = msgspec.structs.replace(
        old, value=value, interval=interval or Interval.exactly(value), result_id=f"{old.result_id}x"
    )
    return [new if r is old else r for r in course.results]


@each_course
def test_a_judgement_says_a_level_only_when_met_and_what_is_missing_only_when_open(course: Course) -> None:
    for rule in RULES:
        for one in judged(course, course.results, rule):
            met, unknown = one.truth is Truth.TRUE, one.truth is Truth.INDETERMINATE
            assert not (unknown and one.clears is Truth.TRUE), (rule.name, "open, and yet it clears")
            assert (one.level != "", one.severity is not None) == (met, met), (rule.name, one)
            assert (one.missing != (), one.possible != ()) == (unknown, unknown), (rule.name, one)
            assert list(one.possible) == sorted(set(one.possible), key=lambda s: s.rank), (rule.name, one.possible)
            assert not met or one.node.truth is Truth.TRUE, rule.name
            slots = {r.slot for r in course.results if r.collected_at <= one.at}
            assert one.slot in slots or (rule.timed and not met), (rule.name, one)


@each_course
def test_order_and_duplicates_do_not_matter(course: Course) -> None:
    plain = evaluate(seen(course))
    chance = random.Random(course.name)
    for _ in range(3):
        mixed = [*course.results, *chance.sample(course.results, len(course.results) // 2 + 1)]
        chance.shuffle(mixed)
        series = Series()
        for one in mixed:
            series = series.merge([one])
        assert evaluate(msgspec.structs.replace(seen(course), series=series)) == plain


@of_a_sample
def test_a_correction_and_its_correction_lead_back_to_the_first_state(course: Course) -> None:
    """Apart from the ids of the versions, which name the last one."""
    before = alerts(course, course.results)
    for old in at_the_draw(course, before[-1]):
        if old.value is None or old.status == "P":
            continue  # what follows a preliminary value is a final one, not its correction
        late = max(r.version_time for r in course.results)
        first, second = (msgspec.structs.replace(
            old, value=value, interval=Interval.exactly(value), status=type(old.status)("C"), version_time=time,
            received_at=time, result_id=f"{old.result_id}{n}", comparator=None, kind="NUMERIC",
        ) for n, (value, time) in enumerate([(old.value * 3 + 1, late + (days(1) - days(0))),
                                             (old.value, late + (days(2) - days(0)))]))  # fmt: skip
        after = alerts(course, [*course.results, first, second])
        assert [_state(a) for a in after] == [_state(a) for a in before], old.analyte


def _state(alert: AlertState) -> dict[str, object]:
    """Without ids of results, and without the remark that the value was corrected."""
    said = msgspec.structs.asdict(alert)
    said["flags"] = tuple(flag for flag in alert.flags if flag != "corrected")
    said["facts"] = {name: fact for name, fact in alert.facts.items() if name != "sample_flags"}
    said["summary"] = {}
    said["reasons"] = [(leaf.name, leaf.truth, leaf.threshold, leaf.actual) for leaf in leaves(alert.reasons)]
    return {name: value for name, value in said.items() if name != "results"}


WORSE = {"up": [Decimal(n) for n in ("1.05", "1.3", "2", "4")], "down": [Decimal(n) for n in ("0.95", "0.8", "0.5")]}
GIVEN_OVER = {"HB_IMWG": "HB_HALO", "K_REPEAT": "K_HIGH"}
"""Below 100 g/L HB_HALO speaks instead."""


@of_a_sample
def test_a_worse_value_never_lowers_the_severity_within_a_rule(course: Course) -> None:
    alert = deciding(course)
    direction = default_pack().worsening[course.rule].direction
    for old in at_the_draw(course, alert):
        if old.analyte != alert.analyte and not (alert.analyte == "ca_adj" and old.analyte == "ca"):
            continue
        for factor in WORSE["up" if course.rule == "TLS" else direction]:
            assert old.value is not None
            changed = with_value(course, old, old.value * factor)
            rank = {one.at: one.severity.rank if one.severity else -1 for one in judged(course, changed)}
            if rank[alert.sampled_at] < _rank(course, alert) and course.rule in GIVEN_OVER:
                rank = {one.at: one.severity.rank if one.severity else -1
                        for one in judged(course, changed, BY_NAME[GIVEN_OVER[course.rule]])}  # fmt: skip
            assert rank[alert.sampled_at] >= _rank(course, alert), f"{old.analyte} x {factor}"


def _rank(course: Course, alert: AlertState) -> int:
    ranks = [one.severity for one in judged(course, course.results) if one.at == alert.sampled_at]
    return max(severity.rank for severity in ranks if severity)


@of_a_sample
def test_knowing_less_of_a_value_never_makes_an_alert_false(course: Course) -> None:
    """Each number of the patient in turn known only within bounds that hold it: met or open, never not met."""
    alert = deciding(course)
    for old in course.results:
        if old.value is None:
            continue
        for interval in (Interval(old.value / 2, old.value * 2), Interval(old.value / 2, None), Interval(Decimal(0), old.value * 2)):  # fmt: skip
            wide = msgspec.structs.replace(
                old, interval=interval, kind="CENSORED", comparator=">", result_id=f"{old.result_id}x"
            )
            changed = [wide if r is old else r for r in course.results]
            said = {one.at: one for one in judged(course, changed)}.get(alert.sampled_at)
            assert said is None or said.truth is not Truth.FALSE, f"{old.analyte} {old.collected_at} in {interval}"
            assert said is None or said.truth is Truth.TRUE or said.clears is not Truth.TRUE, "open, and yet it clears"


@of_a_sample
def test_what_would_have_stopped_it_would_have(course: Course) -> None:
    """Each number of the draw moved by steps: wherever a quantity is on the side where "no alert" was said, none is."""
    alert = deciding(course)
    said = what_would_stop(alert.reasons)
    for old in at_the_draw(course, alert):
        assert old.value is not None
        for step in range(-60, 61):
            changed = judged(course, with_value(course, old, old.value * (100 + step) / 100))
            for one in changed:
                if one.at == alert.sampled_at and one.truth is Truth.TRUE:
                    broken = [w for w in said if _beyond(one.node, w)]
                    assert not broken, f"{old.analyte} at {100 + step} %: {broken}"


def _beyond(node: Node, without: Without) -> bool:
    """The quantity stands on the side where no alert was promised."""
    values = [leaf.actual for leaf in leaves(node) if leaf.name == without.name]
    return bool(values) and all(
        v is not None and v.test(without.operator, without.threshold) is Truth.FALSE for v in values
    )


def test_every_rule_is_asked() -> None:
    assert {course.rule for course in COURSES} == set(BY_NAME)
    assert {severity.rank for severity in Severity} == set(range(5))
    assert set(UNITS)


SCALES = {
    **dict.fromkeys(("hb", "alb", "tp", "mspike"), ("g/dL", Decimal(10))),
    **dict.fromkeys(("igg", "iga", "igm", "igg3"), ("mg/dL", Decimal("0.01"))),
    **dict.fromkeys(("flck", "flcl"), ("mg/dL", Decimal(10))),
}  # fmt: skip
"""Other units of the same quantity, and how many canonical units one of them is."""


@each_course
def test_the_unit_of_a_result_changes_nothing(course: Course) -> None:
    """Each number sent in another unit becomes the same number, and so the same alerts with the same texts."""
    assert evaluate(seen(course, [_in_other_unit(r) for r in course.results])) == evaluate(seen(course))


def _in_other_unit(old: Result) -> Result:
    if old.value is None or old.analyte not in SCALES:
        return old
    unit, scale = SCALES[old.analyte]
    said = convert(old.analyte, f"{old.value / scale:f}", unit)
    assert (said.value, said.unit) == (old.value, old.unit)
    exponent = int(old.value.as_tuple().exponent)
    value = said.value.quantize(Decimal(1).scaleb(exponent))
    return msgspec.structs.replace(
        old, value=value, interval=old.interval if old.comparator else Interval.exactly(value)
    )


COUNTED = {"TLS", "SPECIMEN_MISMATCH", "K_REPEAT"}
"""Two findings of several, and haemolysis that somebody measured: what nobody measured is no finding (blood counts)."""


@of_a_sample
def test_taking_another_value_away_never_makes_an_alert_false(course: Course) -> None:
    alert = deciding(course)
    others = {r.analyte for r in course.results if r.collected_at == alert.sampled_at} - {alert.analyte}
    if course.rule in COUNTED:
        others = set()
    for analyte in others:
        left = [r for r in course.results if r.analyte != analyte]
        truth = {one.at: one.truth for one in judged(course, left)}
        assert truth.get(alert.sampled_at) is not Truth.FALSE, analyte


@pytest.mark.parametrize("course", [c for c in COURSES if BY_NAME[c.rule].timed], ids=lambda course: course.name)
def test_a_test_that_is_later_is_never_less_severe(course: Course) -> None:
    ranks = []
    for later in range(0, 200, 10):
        assert course.as_of is not None
        found = evaluate(view(course.results, context=course.known, as_of=course.as_of + (days(later) - days(0))))
        ranks += [max(alert.severity.rank for alert in found.alerts if alert.rule == course.rule)]
    assert ranks == sorted(ranks)


BESIDE_THE_FLAGS = {"CA_HIGH", "CA_LOW", "REN_AKI", "TLS", "SPECIMEN_MISMATCH"}
"""Their flags are exactly those of the specification; remarks of the sample stand in the fact `sample_flags`."""


@of_a_sample
def test_what_is_remarked_of_a_sample_stands_on_its_alert(course: Course) -> None:
    at = deciding(course).sampled_at
    results = [
        msgspec.structs.replace(r, flags=(*r.flags, "made_up"), result_id=f"{r.result_id}f")
        if r.collected_at == at
        else r
        for r in course.results
    ]
    alert = alerts(course, results)[-1]
    told = alert.facts.get("sample_flags", "").split(",") if course.rule in BESIDE_THE_FLAGS else alert.flags
    assert "made_up" in told


@each_course
def test_only_what_is_met_says_anything_more(course: Course) -> None:
    """Facts and flags of a judgement that is not met would be read by nobody; a missing earlier value is named."""
    for rule in RULES:
        for one in judged(course, course.results, rule):
            if one.truth is Truth.FALSE and one.node.kind == "fact":
                assert one.node.name, rule.name
                assert one.node.truth in (Truth.TRUE, Truth.FALSE), rule.name
