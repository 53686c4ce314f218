"""What is told at a glance is what the long way says: of every rule, at every sample, over values near its limits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import calm
from alerts.alert import AlertState, Undetermined
from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.kidney_calm import no_injury
from alerts.logic import Interval, Truth
from alerts.result import Result
from alerts.rule import View
from alerts.rules import RULES
from alerts.thresholds import default_pack
from tests.builders import context, fact, hours, points, result, view

NEAR = {
    "ca": ("1.7 1.9 2.1 2.4 2.6 2.65 2.76 2.9 3.05 3.5 <2.0 >2.5", (None, "2.55")),
    "ca_adj": ("1.8 2.0 2.5 2.75 3.1", (None, "2.6")), "ica": ("0.95 1.2 1.6", ("1.15", "1.3")),
    "alb": ("15 30 40 52 <20", (None, None)), "tp": ("70 95 109 110 115 120 125", (None, None)),
    "creat": ("20 60 80 89 106 106.5 119 120 121 160 173 174 240 355 <60 >300", ("45", "84")),
    "egfr": ("35 40 44 45 70 >90", (None, None)), "k": ("2.4 2.9 3.0 3.5 4.5 5.5 5.6 6.0 6.1 6.6 <3.2", (None, None)),
    "hb": ("68 79 80 99 100 104 105 109 119 120 130 <105", ("120", None)), "hi": ("0.1 0.5 6", (None, None)),
    "plt": ("24 25 49 50 75 200", (None, None)), "neut": ("0.4 0.5 0.9 1.0 1.5 3", (None, None)),
    "visc": ("1.5 3.0 4.2 5.1", (None, None)), "igm": ("20 29 30 60", (None, None)), "igg": ("9 59 60", (None, None)),
    "mspike": ("0 8 29 30 42 60 <1", (None, None)), "flck": ("20 900", (None, None)), "flcl": ("15", (None, None)),
    "urate": ("300 476", (None, None)), "phos": ("1 1.44 1.45", (None, None)), "mcv": ("85 95", (None, None)),
}  # fmt: skip
"""Values on and beside the limits, bounds among them; and the laboratory's own limits, where a rule reads those."""
KNOWN = {"birth_date": date(1956, 3, 1), "sex": "F"}
FACTS = (
    fact("line_start", hours(48)), fact("transfusion", hours(30)), fact("plasma_exchange", hours(60)),
    fact("transfusion", hours(24), begun_by=hours(48)), fact("isotype", code="IgM-kappa"),
    fact("dialysis", hours(40), hours(90)), fact("symptom", hours(70), code="blurred"),
    fact("chronic_baseline", hours(0), code="creat", value="180", unit="umol/L"),
    fact("chronic_baseline", hours(0), code="hb", value="92", unit="g/L"),
    fact("chronic_baseline", hours(0), code="k", value="5.8", unit="mmol/L"),
    fact("chronic_baseline", hours(0), code="plt", value="45", unit="10*9/L"),
)  # fmt: skip
CONTEXTS = (context(), context(**KNOWN), context(birth_date=date(2010, 1, 1), sex="M"))


@contextmanager
def the_long_way() -> Iterator[None]:
    """Nothing is told at a glance, in whatever module asks."""
    glances = {calm.number: lambda _: None, calm.misses: lambda *_: False}
    found = [(module, name, glances[one]) for key, module in sys.modules.items() if key.startswith("alerts")
             for name in ("number", "misses") if (one := getattr(module, name, None)) in glances]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for module, name, never in found:
            patch.setattr(module, name, never)
        yield


@st.composite
def _results(draw: st.DrawFn) -> list[Result]:
    """Samples close together or over a year and a half; most of one time have several analytes."""
    times = draw(st.lists(st.one_of(st.integers(0, 12).map(lambda n: 12 * n), st.integers(0, 60).map(lambda n: 216 * n)),
                          min_size=1, max_size=8))  # fmt: skip
    return [one for at in times for one in draw(st.lists(_result(at), min_size=1, max_size=4))]


@st.composite
def _result(draw: st.DrawFn, at: int) -> Result:
    analyte = draw(st.sampled_from(sorted(NEAR)))
    values, limits = NEAR[analyte]
    return result(
        analyte,
        draw(st.sampled_from(values.split())),
        hours(at),
        status=draw(st.sampled_from("FFFFFFP")),
        reference=draw(st.sampled_from((limits, (None, None)))),
        specimen=draw(st.sampled_from(("", "S"))),
        flags=draw(st.sampled_from(((), (), ("date_only",), ("haemolysed",)))),
    )


_contexts = st.builds(
    lambda known, facts: Context(sex=known.sex, birth_date=known.birth_date, facts=tuple(facts)),
    st.sampled_from(CONTEXTS), st.lists(st.sampled_from(FACTS), max_size=3),
)  # fmt: skip

Said = list[tuple[object, ...]]


def said(results: list[Result], known: Context) -> tuple[list[AlertState], list[Undetermined], dict[str, Said]]:
    """What is told, and of every judgement what anybody reads."""
    seen: View = view(results, context=known)
    outcome = evaluate(seen, derived=False)
    assert outcome.failed == {}
    judged = {rule.name: [_read(j) for j in rule.judge(seen)] for rule in RULES if not rule.timed}
    return list(outcome.alerts), list(outcome.undetermined), judged


def _read(judgement: object) -> tuple[object, ...]:
    names = ("at", "slot", "truth", "level", "severity", "clears", "clear_cause", "missing", "possible")
    return tuple(getattr(judgement, name) for name in names)


@settings(max_examples=400, deadline=None)
@given(_results(), _contexts)
def test_a_calm_sample_is_judged_as_the_long_way_judges_it(results: list[Result], known: Context) -> None:
    quick = said(results, known)
    with the_long_way():
        assert said(results, known) == quick


_creatinines = st.lists(
    st.tuples(st.integers(0, 90), st.sampled_from(("60", "85", "90", "106", "110", "121", "160", "<60")),
              st.sampled_from("FFFFP")),
    min_size=3, max_size=9,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(_creatinines)
def test_the_lowest_and_the_highest_of_the_year_that_are_carried_on_hide_nothing(
    drawn: list[tuple[int, str, str]],
) -> None:
    """Over two years, so that they also leave the year."""
    results = [result("creat", value, hours(216 * number), status=status) for number, value, status in drawn]
    quick = said(results, CONTEXTS[1])
    with the_long_way():
        assert said(results, CONTEXTS[1]) == quick


BESIDE_A_LIMIT: tuple[tuple[list[Result], Context], ...] = (
    ([result("mspike", "8", status="P"), result("tp", "95"), result("alb", "30")], CONTEXTS[1]),
    (points("creat", "0:80 2000:99 4000:101"), CONTEXTS[1]),
    ([result("creat", "80", flags=("date_only",)), result("creat", "82", hours(24))], CONTEXTS[1]),
    ([result("creat", "80"), result("creat", "82", hours(24), flags=("date_only",))], CONTEXTS[1]),
    (points("creat", "0:80 24:80"), CONTEXTS[2]),
    (points("creat", "0:60 240:85 480:110"), CONTEXTS[1]),
    (points("creat", "0:60 240:85 480:110 9000:110 9240:140"), CONTEXTS[1]),
    (points("creat", "0:80 80:80"), context(fact("dialysis", hours(40), hours(90)), **KNOWN)),
    ([result("hb", "99", reference=("115", None))], CONTEXTS[1]),
)
"""What chance seldom finds: one thing alone that sends the sample the long way."""


@pytest.mark.parametrize(("results", "known"), BESIDE_A_LIMIT)
def test_what_stops_the_glance_stops_it_alone(results: list[Result], known: Context) -> None:
    quick = said(results, known)
    with the_long_way():
        assert said(results, known) == quick


@pytest.mark.parametrize(
    ("values", "expected"),
    [("80 80 80", True), ("80 106 80", True), ("80 107 80", False), ("80 120 80", False), ("<60 80", False)],
)
def test_the_glance_at_a_creatinine_is_taken(values: str, expected: bool) -> None:
    """Not only equal: it is what spares the staging."""
    series = [result("creat", value, hours(24 * n)) for n, value in enumerate(values.split())]
    seen = view(series, context=context(**KNOWN))
    point = seen.series.points("creat")[1]
    assert no_injury(seen, point) is expected


def test_limits_that_are_met_downwards_are_never_passed_by_a_highest_value() -> None:
    pack = default_pack()
    assert calm.below(pack, Decimal("1.4"), ("aki.nhs_ratio_1",))
    assert not calm.below(pack, Decimal("1.5"), ("aki.nhs_ratio_1",))
    assert not calm.below(pack, Decimal(9), ("ren_decline.share",))
    assert calm.above(pack, Decimal("0.76"), "ren_decline.share")
    assert not calm.above(pack, Decimal("0.75"), "ren_decline.share")
    assert not calm.above(pack, Decimal(0), "aki.nhs_ratio_1")
    assert calm.reaches(pack, Decimal("0.81"), "ren_decline.clear_share")
    assert not calm.reaches(pack, Decimal("0.80"), "ren_decline.clear_share")
    assert not calm.reaches(pack, Decimal("0.1"), "ren_decline.share")


@pytest.mark.parametrize("known", [None, Interval(Decimal(0), Decimal(5)), Interval(Decimal(5), None),
                                   Interval(Decimal(5), Decimal(5), high_closed=False)])  # fmt: skip
def test_a_bound_goes_the_long_way(known: Interval | None) -> None:
    assert calm.number(known) is None
    assert not calm.misses(default_pack(), known, ["k_high.medium"])


def test_a_sample_without_a_tree_says_no_more_than_that_it_met_nothing() -> None:
    said_of = calm.not_met(hours(1), "slot")
    assert (said_of.truth, said_of.clears, said_of.level, said_of.severity) == (Truth.FALSE, Truth.TRUE, "", None)
    assert said_of.at - hours(0) == timedelta(hours=1)
