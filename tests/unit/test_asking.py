"""The ledger's way of asking (only what changed, late tests every time) equals asking about everything, at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.overdue.timeline import next_due
from alerts.result import Result
from alerts.rule import View
from alerts.rules import RULES
from alerts.series import Series
from alerts.thresholds import default_pack
from services.ledger.evaluating import EVERYTHING, NOTHING, Reach, Rules
from services.ledger.stored import Stored
from tests.builders import PATIENT, context, days, fact, result

VALUES = {"mspike": ["8", "14", "42", "<1"], "umprot": ["50", "600"], "flck": ["20", "900"], "flcl": ["15"],
          "hb": ["95", "130"], "creat": ["80", "400"], "ca": ["2.3", "2.9"], "k": ["4.5", "6.7"]}  # fmt: skip
FACTS = (
    fact("state", code="on_treatment"), fact("state", days(150), code="off_treatment"),
    fact("patient_type", code="SERUM"), fact("patient_type", days(60), code="FLC_ONLY"),
    fact("monitoring_interval", days(90), days(200), value="21"), fact("line_start", days(30)),
    fact("deceased", days(220), days(260)), fact("care", days(100), code="declined"),
    fact("care", days(130), code="active"), fact("isotype", code="IgG-kappa"), fact("drug", days(10), days(80), code="x"),
)  # fmt: skip


class Step(msgspec.Struct, frozen=True):
    """Results, another context, or nothing but time."""

    results: tuple[Result, ...] = ()
    known: Context | None = None
    as_of: datetime = days(0)


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """A year and a half of someone who is described in the end, or never; time only goes forward."""
    story, now = [], 0
    for _ in range(draw(st.integers(1, 10))):
        now += draw(st.sampled_from([0, 1, 20, 61, 75, 92, 130]))
        kind = draw(st.sampled_from(["results", "results", "results", "context", "time"]))
        known = context(*draw(st.lists(st.sampled_from(FACTS), max_size=4))) if kind == "context" else None
        results = tuple(draw(st.lists(_version(now), min_size=1, max_size=4))) if kind == "results" else ()
        story.append(Step(results, known, days(now)))
    return story


@st.composite
def _version(draw: st.DrawFn, now: int) -> Result:
    analyte = draw(st.sampled_from(sorted(VALUES)))
    status = draw(st.sampled_from("FFFFFPIXDCU"))
    value = draw(st.sampled_from(VALUES[analyte])) if status in "FPC" else None
    at = days(max(0, now - draw(st.sampled_from([0, 0, 0, 1, 30, 80]))))
    return result(analyte, value, at, status=status, version=days(now), slot=f"{analyte}@{at:%j}")


class Person:
    """Asked after each step as the ledger asks."""

    def __init__(self) -> None:
        self.rules = Rules(RULES, default_pack())
        self.stored = Stored(
            root=1, patient=PATIENT, public_id="P", version=0, members=(1,), series=Series(), entries=(),
            demographics={}, context=Context(), alerts={}, as_of=datetime.min.replace(tzinfo=UTC), incomplete={},
        )  # fmt: skip

    def take(self, step: Step) -> None:
        person, reach = self.stored, NOTHING
        if step.results:
            fresh = [r for r in step.results if r not in person.series]
            reach = Reach(analytes=frozenset(r.analyte for r in fresh), since=person.series.reach(fresh))
            person.series = person.series.merge(fresh)
        if step.known is not None:
            person.context, reach = step.known, EVERYTHING
        person.as_of = max(person.as_of, step.as_of)
        self.said = self.rules.ask(person, reach)
        assert person.incomplete == {}

    def plain(self, as_of: datetime | None = None) -> View:
        """The same person seen anew, with all that the other rules say."""
        seen = self.rules.view(self.stored)
        seen = msgspec.structs.replace(seen, memo={}, as_of=as_of or seen.as_of)
        return msgspec.structs.replace(
            seen, alerts=tuple(a for a in evaluate(seen, derived=False).alerts if a.rule != "STALE")
        )


@settings(max_examples=100, deadline=None)
@given(stories())
def test_the_quick_way_equals_the_plain_way_after_every_step(story: list[Step]) -> None:
    person = Person()
    for step in story:
        person.take(step)
        plain = evaluate(person.plain(), derived=False)
        assert plain.failed == {}
        assert sorted(person.said, key=lambda a: (a.rule, a.opened_at, a.alert_id)) == list(plain.alerts)
        assert person.stored.next_due == next_due(person.plain())


@settings(max_examples=50, deadline=None)
@given(stories())
def test_nothing_changes_before_the_next_due_time_and_something_does_then(story: list[Step]) -> None:
    person = Person()
    for step in story:
        person.take(step)
    due, now = person.stored.next_due, person.plain()
    before = evaluate(now, derived=False).alerts
    if due is None:
        far = person.plain(now.as_of + timedelta(days=2000))
        assert evaluate(far, derived=False).alerts == before
        return
    assert due > now.as_of
    just = person.plain(due - timedelta(microseconds=1))
    assert evaluate(just, derived=False).alerts == before
    assert evaluate(person.plain(due), derived=False).alerts != before


@settings(max_examples=50, deadline=None)
@given(stories())
def test_timers_fired_in_turn_end_where_one_look_at_the_end_does(story: list[Step]) -> None:
    """Each due time in turn, as the clock fires them, or everything at once: the same alerts."""
    person = Person()
    for step in story:
        person.take(step)
    end = person.stored.as_of + timedelta(days=400)
    fired = 0
    while (due := person.stored.next_due) is not None and due <= end:
        person.take(Step(as_of=due))
        fired += 1
        assert fired < 50
    once = evaluate(person.plain(end), derived=False).alerts
    assert sorted(person.said, key=lambda a: (a.rule, a.opened_at, a.alert_id)) == list(once)
