"""What the worker says after every event of a stream is what the plain way says of all that is known by then.

Made-up streams: reports of one analyte or of several, late samples, corrections, withdrawals, samples that move, one
specimen in two draws, changes of the context, and time that passes with nothing coming. The worker asks a rule only
when its inputs changed and only from where the change reaches (`services/ledger/evaluating.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import AlertState, Undetermined
from alerts.context import Fact
from alerts.evaluate import evaluate
from alerts.myeloma.assessing import assessed
from alerts.myeloma.disease import disease
from alerts.result import Result
from alerts.rule import View
from alerts.rules import RULES
from alerts.series import Series
from alerts.thresholds import default_pack
from services.ledger.context import Demographics
from services.ledger.evaluating import EVERYTHING, NOTHING, Reach, Rules
from services.ledger.stored import Stored
from tests.builders import PATIENT, context, fact, hours, result
from tests.unit.alerts.test_memo import VALUES

KNOWN = {"birth_date": date(1956, 3, 1), "sex": "F"}
CODED = {
    "sife": ("positive:IgG-kappa", "negative", "positive:IgA-lambda"), "uife": ("negative", "positive:kappa"),
}  # fmt: skip
NUMBERS = {
    **VALUES, "mspike": ["0", "<1", "8", "14", "20", "42"], "umprot": ["80", "150", "420", "900"],
    "flck": ["8", "20", "180", "900"], "flcl": ["5", "15", "300"], "igg": ["9", "72"], "iga": ["3", "30", "44"], "hb": ["68", "95", "104", "130"],
}  # fmt: skip
GROUPS = (
    ("mspike",), ("flck", "flcl"), ("creat",), ("ca", "alb"), ("hb",), ("mspike", "sife", "uife"),
    ("umprot", "mspike"), ("k", "hi", "creat"), ("flck", "flcl", "mspike", "creat"), ("visc", "igm", "tp"),
    tuple(sorted({*NUMBERS, *CODED})),
)  # fmt: skip
"""Analytes that rules read together; one alone is as likely as all of them."""
FACTS = (
    fact("line_start", hours(24 * 40)), fact("line_start", hours(24 * 200)), fact("state", hours(0), code="smouldering"),
    fact("isotype", code="IgG-kappa"), fact("patient_type", hours(24 * 100), code="FLC_ONLY"),
    fact("plasma_exchange", hours(24 * 90)), fact("verdict", hours(24 * 300), code="CLIN_RELAPSE"),
    fact("symptom", hours(24 * 30), hours(24 * 31), code="blurred"), fact("transfusion", hours(24 * 60)),
    fact("dialysis", hours(24 * 120), hours(24 * 150)), fact("state", hours(24 * 50), code="on_treatment"),
    fact("drug", hours(24 * 20), code="daratumumab"), fact("modifier", hours(0), code="high_organ_risk"),
    fact("isotype", code="IgA-kappa", note="beta"),
    fact("marrow", hours(24 * 250), code="plasma_cells", value="8", unit="%"),
    fact("transfusion", hours(24 * 70), begun_by=hours(24 * 71)), fact("line_start", hours(24 * 56), begun_by=hours(24 * 57)),
    fact("plasma_exchange", hours(24 * 84), begun_by=hours(24 * 85)), fact("symptom", hours(24 * 14), begun_by=hours(24 * 15)),
    fact("chronic_baseline", hours(24 * 20), code="creat", value="180", unit="umol/L"),
    fact("chronic_baseline", hours(24 * 20), code="hb", value="92", unit="g/L"),
)  # fmt: skip

Event = list[Result] | Fact | timedelta
"""A report, an entry of the context, or time that passes."""


@st.composite
def _results(draw: st.DrawFn) -> list[Result]:
    """One report: draws of a group, mostly of one time."""
    group = draw(st.sampled_from(GROUPS))
    first = draw(_times)
    return [draw(_result(name, first)) for name in draw(st.lists(st.sampled_from(group), min_size=1, max_size=5))]


_times = st.one_of(
    st.integers(0, 40).map(lambda n: 24 * 14 * n), st.integers(0, 300).map(lambda n: 36 * n), st.integers(0, 30)
)
"""Hours: fortnightly over a year and a half, any day and a half of it, or close together."""


@st.composite
def _result(draw: st.DrawFn, name: str, first: int) -> Result:
    at = hours(first + draw(st.sampled_from((0, 0, 0, 0, 1, 23, 24, 25, 60))))
    status = draw(st.sampled_from("FFFFFFFCCDPUWX"))
    more = {
        "specimen": draw(st.sampled_from(("", "", "", "S1", "S2"))),
        "version": hours(draw(st.integers(14000, 14005))),
        "slot": f"{name}@{draw(st.integers(0, 3))}" if draw(st.integers(0, 9)) == 0 else "",
    }
    if name in CODED:
        return result(name, None, at, status=status, coded=draw(st.sampled_from(CODED[name])), **more)  # type: ignore[arg-type]
    if name == "umprot" and draw(st.integers(0, 4)) == 0:
        more["quality"] = "NOT_FOR_IMWG"
    if name in ("flck", "flcl"):
        more["method"] = draw(st.sampled_from(("A", "A", "A", "B")))
    if draw(st.integers(0, 7)) == 0:
        more["flags"] = ("single_band",) if name == "mspike" else ("date_only",)
    value = draw(st.sampled_from(NUMBERS[name])) if status in "FCP" else None
    return result(name, value, at, status=status, **more)  # type: ignore[arg-type]


_events: st.SearchStrategy[list[Event]] = st.lists(
    st.one_of(_results(), _results(), _results(), _results(), st.sampled_from(FACTS),
              st.sampled_from((timedelta(days=20), timedelta(days=90)))), min_size=2, max_size=14,
)  # fmt: skip


_CLONE = {
    "mspike": ("0", "8", "14", "20"), "flck": ("20", "180", "900"), "flcl": ("15", "15", "300"), "hb": ("68", "130"),
    "umprot": ("0", "150", "420", "900"), "sife": CODED["sife"], "uife": CODED["uife"], "iga": ("3", "30", "44"),
}  # fmt: skip


@st.composite
def _clone_result(draw: st.DrawFn, name: str, number: int) -> Result:
    """Of one of a few visits; a specimen may be measured again a day later, or one chain of it."""
    at = hours(24 * 28 * number + draw(st.sampled_from((0, 0, 0, 26))))
    status = draw(st.sampled_from("FFFFFFFFCD"))
    more = {"specimen": draw(st.sampled_from(("", f"V{number}", f"V{number}"))), "version": hours(9000)}
    if name in CODED:
        return result(name, None, at, status=status, coded=draw(st.sampled_from(CODED[name])), **more)  # type: ignore[arg-type]
    return result(name, draw(st.sampled_from(_CLONE[name])) if status in "FC" else None, at, status=status, **more)  # type: ignore[arg-type]


@st.composite
def _visit(draw: st.DrawFn) -> list[Result]:
    names = draw(st.sampled_from((["flck", "flcl"], ["flck", "flcl"], ["mspike"], ["flck"], ["flcl"], ["mspike", "sife"],
                                    ["sife", "uife"], ["iga"], ["mspike", "hb"], [*_CLONE])))  # fmt: skip
    number = draw(st.integers(0, 6))
    return [draw(_clone_result(name, number)) for name in names]


_clone_events: st.SearchStrategy[list[Event]] = st.lists(
    st.one_of(*[_visit()] * 6, st.sampled_from(FACTS)), min_size=3, max_size=16
)


def _person() -> Stored:
    return Stored(
        root=1, patient=PATIENT, public_id="P", version=0, members=(1,), series=Series(), entries=(),
        demographics=Demographics(), context=context(**KNOWN), alerts={}, as_of=datetime.min.replace(tzinfo=UTC),
        incomplete={}, memos={},
    )  # fmt: skip


def take(person: Stored, event: Event) -> Reach:
    """The person after one event; what it can alter."""
    if isinstance(event, timedelta):
        person.as_of = max(person.as_of, hours(14000)) + event
        return NOTHING
    if isinstance(event, Fact):
        person.context = msgspec.structs.replace(person.context, facts=(*person.context.facts, event))
        return EVERYTHING
    fresh = [one for one in event if one not in person.series]
    reach = Reach(analytes=frozenset(one.analyte for one in fresh), since=person.series.reach(fresh))
    person.series = person.series.merge(fresh)
    person.as_of = max([person.as_of, *(one.received_at for one in event)])
    return reach


def told(rules: Rules, person: Stored, reach: Reach) -> tuple[list[AlertState], list[Undetermined]]:
    """What the worker says."""
    states = rules.ask(person, reach)
    assert person.incomplete == {}
    undetermined = [open_ for rule in rules.rules for open_ in person.memos[rule.name].undetermined]
    return sorted(states, key=lambda a: (a.rule, a.opened_at, a.alert_id)), undetermined


def plain(rules: Rules, person: Stored) -> tuple[list[AlertState], list[Undetermined]]:
    """What `halo evaluate` says."""
    view: View = rules.view(person)
    found = evaluate(view, rules.rules, derived=False)
    assert found.failed == {}
    return list(found.alerts), sorted(found.undetermined, key=lambda u: [r.name for r in RULES].index(u.rule))


def check(events: list[Event], rules: Callable[[], Rules] = lambda: Rules(RULES, default_pack())) -> None:
    asked, person = rules(), _person()
    for event in events:
        assert told(asked, person, take(person, event)) == plain(asked, person)
        _what_is_kept_is_true(person, asked.view(person))


def _what_is_kept_is_true(person: Stored, view: View) -> None:
    """Not only what is said: readings, courses and assessments that a rule goes on from are those from the start."""
    bio, lost = (person.memos[name].kept for name in ("BIO", "CR_LOST"))
    known = disease(view)
    assert (bio.disease.told, bio.disease.chain) == (known.told, known.chain)
    assert [bio.disease.types.at(step.reading.at) for told in known.told.values() for step in told.steps] == [
        known.types.at(step.reading.at) for told in known.told.values() for step in told.steps
    ]
    if lost.response is not None:
        assert lost.response.items == assessed(view)


@settings(max_examples=120, deadline=None)
@given(_events)
def test_after_every_event_the_worker_says_what_the_plain_way_says(events: list[Event]) -> None:
    check(events)


@settings(max_examples=120, deadline=None)
@given(_clone_events)
def test_a_clone_followed_visit_by_visit(events: list[Event]) -> None:
    check(events)


@settings(max_examples=80, deadline=None)
@given(_clone_events)
def test_a_smouldering_clone_followed_visit_by_visit(events: list[Event]) -> None:
    check([FACTS[2], *events])


DATED = tuple(one for one in FACTS if one.begun_by is not None)
"""Of which only the day is known."""


@settings(max_examples=40, deadline=None)
@given(_events, st.lists(st.sampled_from(DATED), min_size=1, max_size=3))
def test_contexts_of_which_only_the_day_is_known(events: list[Event], dated: list[Fact]) -> None:
    check([*events[:1], *dated, *events[1:]])


@st.composite
def _smouldering_visit(draw: st.DrawFn) -> list[Result]:
    """Monthly over two years: a total or one band, an immunoglobulin, a haemoglobin, both chains; one may be measured again."""
    number = draw(st.integers(0, 25))
    names = draw(st.sampled_from((["mspike"], ["mspike", "igg", "hb"], ["hb"], ["igg"], ["flck", "flcl"], ["sife"])))
    return [draw(_smouldering_result(name, number)) for name in names]


@st.composite
def _smouldering_result(draw: st.DrawFn, name: str, number: int) -> Result:
    at = hours(24 * 30 * number + draw(st.sampled_from((0, 0, 0, 26, 24 * 4))))
    more = {"specimen": draw(st.sampled_from(("", f"V{number}", "V"))), "version": hours(19000)}
    if name == "sife":
        return result(name, None, at, coded=draw(st.sampled_from(CODED[name])), **more)  # type: ignore[arg-type]
    values = {"mspike": "8 12 13 18 30 31 34 <10 >40", "igg": "20 26 32 40", "hb": "104 110 116 130 <100", "flck": "20 900 3000",
              "flcl": "8 15"}[name].split()  # fmt: skip
    flags = ("single_band",) if name == "mspike" and draw(st.booleans()) else ()
    status = draw(st.sampled_from("FFFFFFCD"))
    value = draw(st.sampled_from(values)) if status in "FC" else None
    return result(name, value, at, status=status, flags=flags, **more)  # type: ignore[arg-type]


_SMOULDERING = (
    FACTS[2],
    FACTS[3],
    fact("plasma_exchange", hours(24 * 90)),
    fact("state", hours(24 * 400), code="on_treatment"),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.one_of(*[_smouldering_visit()] * 8, st.sampled_from(_SMOULDERING)), min_size=4, max_size=18))
def test_a_smouldering_patient_over_two_years(events: list[Event]) -> None:
    check([FACTS[2], *events])


def test_a_specimen_measured_again_in_a_later_report_is_no_second_sample_of_a_smouldering_patient() -> None:
    first, again = result("mspike", "20", hours(0), specimen="S"), result("mspike", "8", hours(26), specimen="S")
    check([FACTS[2], [first], [again], [result("mspike", "14", hours(700), specimen="T")]])


def test_a_total_before_the_window_makes_one_band_in_it_no_reference() -> None:
    total = result("mspike", "30", hours(0))
    bands = [
        result("mspike", value, hours(24 * day), flags=("single_band",)) for day, value in ((420, "8"), (450, "14"))
    ]
    check([FACTS[2], [total], *([band] for band in bands)])


def test_an_m_after_plasma_exchange_is_no_reference_when_the_window_is_taken_up() -> None:
    values = [
        result("mspike", value, hours(24 * day)) for day, value in ((88, "20"), (91, "8"), (120, "16"), (150, "17"))
    ]
    check([FACTS[2], fact("plasma_exchange", hours(24 * 90)), *([one] for one in values)])


_PERSONS = (
    {"hb": "130", "creat": "80", "k": "4.2", "alb": "42", "ca": "2.4", "mcv": "88", "sife": "positive:IgG-kappa"},
    {"hb": "85", "creat": "300", "k": "6.4", "alb": "28", "ca": "2.9", "mcv": "104", "sife": "positive:IgA-lambda"},
)


@st.composite
def _draw_of_either(draw: st.DrawFn) -> list[Result]:
    """Of one person or the other, within days; the specimen's haemolysis index may come much later."""
    number, person = draw(st.integers(0, 9)), draw(st.sampled_from(_PERSONS))
    names = draw(st.lists(st.sampled_from(sorted(person)), min_size=2, max_size=7, unique=True))
    found = [_of(person, name, number, draw(st.sampled_from("FFFFFCDP"))) for name in names]
    if draw(st.integers(0, 4)) == 0:
        later = hours(12 * number + draw(st.sampled_from((0, 30, 100))))
        found.append(
            result("hi", draw(st.sampled_from(("0.1", "6"))), later, specimen=f"D{number}", version=hours(9000))
        )
    return found


def _of(person: dict[str, str], name: str, number: int, status: str) -> Result:
    more = {"specimen": f"D{number}", "status": status, "version": hours(9000 + number % 3)}
    at = hours(12 * number)
    if name == "sife":
        return result(name, None, at, coded=person[name] if status in "FCP" else "", **more)  # type: ignore[arg-type]
    return result(name, person[name] if status in "FCP" else None, at, **more)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.lists(_draw_of_either(), min_size=3, max_size=12))
def test_draws_in_doubt(events: list[Event]) -> None:
    check(events)


@st.composite
def _kidney_visit(draw: st.DrawFn) -> list[Result]:
    """Every few days within four months, in any order: a kidney that fails, and light chains that come late or never."""
    names = draw(
        st.sampled_from(
            (["creat"], ["creat"], ["egfr"], ["flck"], ["flcl"], ["flck", "flcl"], ["sife"], ["creat", "flck"])
        )
    )
    at = hours(24 * 5 * draw(st.integers(0, 25)))
    values = {"creat": ("80", "130", "400"), "egfr": ("35", "70"), "flck": ("20", "900"), "flcl": ("15", "700")}
    found = []
    for name in names:
        status = draw(st.sampled_from("FFFFFFDP"))
        if name == "sife":
            found.append(result(name, None, at, status=status, coded=draw(st.sampled_from(CODED[name])) if status == "F" else "",
                                version=hours(9000)))  # fmt: skip
        else:
            value = None if status == "D" else draw(st.sampled_from(values[name]))
            found.append(result(name, value, at, status=status, version=hours(9000)))
    return found


@settings(max_examples=80, deadline=None)
@given(st.lists(_kidney_visit(), min_size=3, max_size=14))
def test_a_kidney_that_waits_for_light_chains(events: list[Event]) -> None:
    check(events)


def _visit_of(number: int, *values: tuple[str, str]) -> list[Result]:
    at = hours(24 * 28 * number)
    return [result(name, None, at, coded=value) if name in CODED else result(name, value, at) for name, value in values]


_COURSE = [
    _visit_of(0, ("mspike", "32"), ("flck", "180"), ("flcl", "15"), ("sife", "positive:IgG-kappa"), ("hb", "104")),
    *(_visit_of(n, ("mspike", "0"), ("umprot", "0"), ("sife", "negative"), ("uife", "negative")) for n in (3, 4)),
    _visit_of(6, ("sife", "positive:IgG-kappa"), ("mspike", "1")),
    _visit_of(7, ("sife", "positive:IgG-kappa"), ("mspike", "2"), ("creat", "90")),
    _visit_of(9, ("mspike", "8"), ("flck", "300"), ("flcl", "15"), ("hb", "130")),
    _visit_of(10, ("mspike", "14"), ("creat", "180"), ("ca", "2.9"), ("alb", "40")),
    _visit_of(11, ("mspike", "20"), ("flck", "900"), ("flcl", "15"), ("hb", "95")),
    _visit_of(13, ("mspike", "8"), ("flck", "20"), ("flcl", "15"), ("uife", "negative")),
]
"""A complete response, lost; progression with organ findings; better again."""
_TURNS: list[Event] = [FACTS[0], fact("line_start", hours(24 * 28 * 12)), timedelta(days=60)]


@settings(max_examples=30, deadline=None)
@given(st.permutations([*_COURSE, *_TURNS]))
def test_a_course_that_arrives_in_any_order(events: list[Event]) -> None:
    check(events)


@settings(max_examples=30, deadline=None)
@given(st.permutations([[one] for visit in _COURSE for one in visit]))
def test_a_course_that_arrives_result_by_result(events: list[Event]) -> None:
    check(events)


def test_chains_of_one_specimen_in_two_draws_and_a_partner_that_comes_later() -> None:
    values = ("120", "300", "900")
    kappa = [result("flck", value, hours(n * 700), specimen=f"S{n}") for n, value in enumerate(values)]
    later = [result("flcl", "15", hours(n * 700 + 30), specimen=f"S{n}") for n in range(3)]
    withdrawn = result("flcl", None, hours(730), status="D", slot=later[1].slot, version=hours(9000))
    check([[kappa[0]], [kappa[1]], [later[1]], [later[0]], [kappa[2]], [later[2]], [withdrawn]])
    check([[later[0]], [kappa[0]], [later[1]], [later[2]], [kappa[1]], [kappa[2]]])


def test_a_first_urine_changes_the_type_of_the_line_for_the_samples_before_it() -> None:
    known = fact("line_start", hours(100))
    serum = [result("mspike", value, hours(n)) for n, value in ((50, "8"), (900, "8"), (1500, "14"), (2100, "15"))]
    check([known, *([one] for one in serum), [result("umprot", "900", hours(2200))]])


def test_a_chain_that_found_its_partner_is_no_longer_missing_one() -> None:
    first = [result("flck", "900", hours(0), method="A"), result("flcl", "15", hours(0), method="A")]
    lonely = result("flcl", "15", hours(700), specimen="S", method="B")
    check([first, [lonely], [result("flck", "900", hours(730), specimen="S", method="B")]])


def test_a_haemolysis_index_reaches_the_potassium_of_its_specimen_whenever_it_is_said_to_be_taken() -> None:
    potassium = result("k", "6.7", hours(0), specimen="S")
    for hour in (30, 2000):
        check([[potassium], [result("k", "6.7", hours(1000))], [result("hi", "6", hours(hour), specimen="S")]])
        check([[potassium], [result("hi", "6", hours(hour), specimen="S")]])


def test_one_specimen_measured_twice_counts_once() -> None:
    first = [result("mspike", value, hours(n * 700), specimen=f"S{n}") for n, value in enumerate(("8", "8", "14"))]
    again = [result("mspike", "20", hours(n * 700 + 26), specimen=f"S{n}") for n in range(3)]
    check([[one] for pair in zip(first, again, strict=True) for one in pair])


def test_a_relapse_with_an_organ_finding_taken_up_sample_by_sample() -> None:
    course = [("mspike", 0, "8"), ("mspike", 672, "8"), ("mspike", 1344, "14"), ("hb", 1400, "68"), ("creat", 1500, "400"),
              ("mspike", 2016, "20"), ("ca", 2100, "3.2"), ("mspike", 2700, "8"), ("hb", 2750, "95")]  # fmt: skip
    events: list[Event] = [[result(name, value, hours(at))] for name, at, value in course]
    late = [[result("hb", "130", hours(1400), slot="hb@2026-04-28T16:00:00", status="C", version=hours(14000))]]
    check([*events, *late, FACTS[6], [result("mspike", "20", hours(8000))]])
