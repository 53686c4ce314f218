"""The quick way equals the plain way: any batches in any order, corrections and deletions of old samples included."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.memo import Memo, ask_again
from alerts.result import Result
from alerts.rule import Rule, View
from alerts.rules import RULES, bio, ca_high, hv, ren_lccn
from alerts.series import Series
from tests.builders import context, fact, hours, points, result, view

VALUES = {
    "ca": ["2.2", "2.9", "3.2", "1.75"], "alb": ["30", "40", "52"], "ica": ["0.95", "1.2", "1.6"], "tp": ["70", "110"],
    "ca_adj": ["2.4", "2.8"], "creat": ["80", "130", "400"], "k": ["2.4", "4.5", "6.7"], "hb": ["68", "95", "130"],
    "hi": ["0.1", "6"], "plt": ["20", "200"], "neut": ["0.4", "3"], "visc": ["1.5", "4.2"], "igm": ["20", "65"],
    "mspike": ["8", "14", "42"], "flck": ["20", "900"], "flcl": ["15"], "urate": ["300", "500"], "phos": ["1", "2"],
    "egfr": ["35", "70"],
}  # fmt: skip
TOGETHER = (["k", "phos", "urate", "ca_adj", "creat"], ["creat", "flck", "flcl", "egfr"], ["visc", "hb", "plt", "igm"],
            ["mspike", "hb", "creat"], ["flck", "flcl", "mspike"], sorted(VALUES))  # fmt: skip
"""Analytes that rules read together: drawn from one group, they meet more often."""
TIMED = frozenset(rule.name for rule in RULES if rule.timed)
"""Not asked from where a batch reaches but anew, after the others: see `test_asking.py`."""
KNOWN = {"birth_date": date(1956, 3, 1), "sex": "F"}
CONTEXTS = (
    context(),
    context(**KNOWN),
    context(fact("line_start", hours(150)), fact("line_start", hours(500)), fact("plasma_exchange", hours(200)), **KNOWN),
    context(fact("symptom", hours(100), code="epistaxis"), fact("symptom", hours(900), hours(901), code="blurred"),
            fact("isotype", code="IgM-kappa"), **KNOWN),
    context(fact("state", hours(0), code="smouldering"), fact("isotype", code="IgG-kappa"), **KNOWN),
)  # fmt: skip


@st.composite
def batches(draw: st.DrawFn) -> list[list[Result]]:
    """Reports of one to four results, collected within four weeks or a year and a half, arriving in any order."""
    one = _version(draw(st.sampled_from(TOGETHER)))
    return [draw(st.lists(one, min_size=1, max_size=4)) for _ in range(draw(st.integers(1, 9)))]


@st.composite
def _version(draw: st.DrawFn, analytes: list[str]) -> Result:
    analyte, status = draw(st.sampled_from(analytes)), draw(st.sampled_from("FFFFFCDPU"))
    at = hours(12 * draw(st.one_of(st.integers(0, 6), st.integers(0, 56), st.integers(0, 26).map(lambda n: 42 * n))))
    value = draw(st.sampled_from(VALUES[analyte])) if status in "FCP" else None
    return result(analyte, value, at, status=status, version=hours(draw(st.integers(14000, 14005))))


def quick(found: list[list[Result]], rule: Rule, known: Context = CONTEXTS[0]) -> Memo:
    """The rule asked after every batch, each time only from where the batch reaches."""
    series, memo = Series(), None
    for batch in found:
        since = series.reach(batch)
        series = series.merge(batch)
        memo = ask_again(_with(series, known), rule, memo, since)
    assert memo is not None
    return memo


def _with(series: Series, known: Context) -> View:
    return msgspec.structs.replace(view(context=known), series=series)


@settings(max_examples=300, deadline=None)
@given(batches(), st.sampled_from(CONTEXTS))
def test_the_quick_way_equals_the_plain_way_for_every_rule(found: list[list[Result]], known: Context) -> None:
    everything = [one for batch in found for one in batch]
    plain = evaluate(view(everything, context=known), derived=False)
    assert plain.failed == {}
    memos = [quick(found, rule, known) for rule in RULES if not rule.timed]
    alerts = sorted((a for memo in memos for a in memo.alerts), key=lambda a: (a.rule, a.opened_at, a.alert_id))
    assert tuple(alerts) == tuple(alert for alert in plain.alerts if alert.rule not in TIMED)
    assert tuple(u for memo in memos for u in memo.undetermined) == plain.undetermined


class _Counted:
    """Counts the samples that a rule looks at."""

    def __init__(self, series: Any) -> None:
        self.looked, self._series = set[Any](), series

    def at(self, analyte: str, time: Any) -> Any:
        self.looked.add(time)
        return self._series.at(analyte, time)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._series, name)


@pytest.mark.parametrize("length", [10, 400])
def test_a_new_sample_is_judged_with_few_others_however_long_the_history(length: int) -> None:
    old = points("ca_adj", " ".join(f"{24 * n}:2.4" for n in range(length)))
    memo = ask_again(view(old), ca_high.RULE, None, None)
    new = result("ca_adj", "2.9", hours(24 * length))
    series = Series().merge(old)
    counted = _Counted(series.merge([new]))
    again = ask_again(msgspec.structs.replace(view(), series=counted), ca_high.RULE, memo, series.reach([new]))
    assert [alert.severity for alert in again.alerts] == ["HIGH"]
    assert len(counted.looked) <= 5


def test_what_is_taken_later_may_change_the_sample_before_it() -> None:
    raised = [result("ca_adj", "2.9", hours(0)), result("ca_adj", "2.9", hours(100))]
    for hour in (120, 24):
        memo = quick([raised, points("ica", f"{hour}:1.2")], ca_high.RULE)
        plain = evaluate(view(raised, points("ica", f"{hour}:1.2")), (ca_high.RULE,), derived=False)
        assert memo.alerts == plain.alerts
    memo = quick([raised, points("ica", "120:1.2")], ca_high.RULE)
    assert [(alert.severity, alert.flags) for alert in memo.alerts] == [("INFO", ("ionised_not_raised",))]


def test_a_light_chain_weeks_later_reaches_the_creatinine_before_it() -> None:
    known = CONTEXTS[1]
    story = [points("creat", "0:400"), points("creat", "960:80"), points("flck", "480:900"), points("flcl", "480:15")]
    plain = evaluate(view(*story, context=known), (ren_lccn.RULE,), derived=False)
    assert [alert.opened_at for alert in plain.alerts] == [hours(0)]
    assert quick(story, ren_lccn.RULE, known).alerts == plain.alerts


def test_the_next_draw_whenever_it_comes_ends_the_time_in_which_a_symptom_belongs_to_the_last() -> None:
    known = context(fact("symptom", hours(900), hours(901), code="blurred"))
    story = [points("visc", "0:4.2"), points("tp", "600:70"), points("tp", "1200:70")]
    for length, severity in ((1, "CRITICAL"), (3, "HIGH")):
        plain = evaluate(view(*story[:length], context=known), (hv.RULE,), derived=False)
        assert [alert.severity for alert in plain.alerts] == [severity]
        assert quick(story[:length], hv.RULE, known).alerts == plain.alerts


def test_an_organ_finding_that_is_corrected_no_longer_makes_a_relapse_clinical() -> None:
    low = result("hb", "68", hours(1000), slot="H")
    taken_back = result("hb", "130", hours(1000), slot="H", status="C", version=hours(1400))
    story = [points("mspike", "0:10 720:20"), [low], points("mspike", "1440:26"), [taken_back]]
    for length, level in ((3, "CLIN_POSSIBLE"), (4, "BIO_SIGNIFICANT")):
        plain = evaluate(view(*story[:length]), (bio.RULE,), derived=False)
        assert [alert.level for alert in plain.alerts] == [level]
        assert quick(story[:length], bio.RULE).alerts == plain.alerts


def test_reach_knows_where_a_correction_moved_a_sample_from_and_to() -> None:
    before = Series().merge([result("ca", "2.9", hours(50), slot="S")])
    moved = result("ca", "2.9", hours(90), slot="S", status="C", version=hours(99))
    assert before.reach([moved]) == hours(50)
    assert before.reach([result("ca", "2.9", hours(20), slot="T")]) == hours(20)
    assert before.reach([]) is None


def test_the_newest_sample_taken_back_is_not_folded_twice() -> None:
    """The step before it was folded for good when it was there, and is the newest one again."""
    before, newest = result("hb", "68", hours(0)), result("hb", "70", hours(12))
    gone = result("hb", None, hours(12), status="D", version=newest.version_time + timedelta(hours=1))
    (alert,) = quick([[before, newest], [gone]], next(rule for rule in RULES if rule.name == "HB_HALO")).alerts
    assert alert.slots == (before.slot,)
