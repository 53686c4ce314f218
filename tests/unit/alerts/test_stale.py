"""STALE beyond its vectors: who is followed, by what, one episode for all, orders without a result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from alerts.alert import AlertState
from alerts.context import Fact
from alerts.evaluate import evaluate
from alerts.explaining import explain
from alerts.overdue.timeline import next_due
from alerts.rule import View
from alerts.thresholds import default_pack
from schemas.identity import alert_id
from tests.builders import PATIENT, alerts_of, context, days, fact, points, result, view

ON_TREATMENT = fact("state", code="on_treatment")
SERUM = fact("patient_type", code="SERUM")
M = points("mspike", "0:12", unit="d")


def stale(*results: Any, now: float, facts: tuple[Fact, ...] = (SERUM, ON_TREATMENT)) -> list[AlertState]:
    outcome = evaluate(view(*results, context=context(*facts), as_of=days(now)), derived=False)
    assert outcome.failed == {}
    return alerts_of(outcome, "STALE")


def said(*results: Any, now: float, facts: tuple[Fact, ...] = (SERUM, ON_TREATMENT)) -> str:
    """Level and severity of the open one, `-` for none."""
    return next(
        (f"{a.level} {a.severity}" for a in stale(*results, now=now, facts=facts) if a.condition == "active"), "-"
    )


def due(*results: Any, now: float, facts: tuple[Fact, ...] = (SERUM, ON_TREATMENT)) -> datetime | None:
    seen = view(*results, context=context(*facts), as_of=days(now))
    return next_due(_with_the_others(seen))


def _with_the_others(seen: View) -> View:
    others = tuple(a for a in evaluate(seen, derived=False).alerts if a.rule != "STALE")
    return msgspec.structs.replace(seen, alerts=others, memo={})


# ------------------------------------------------------------------------------------------------- who is followed


@pytest.mark.parametrize(
    "facts", [(), (fact("enrolment", code="enrolled"),), (fact("sex", code="F"),), (fact("drug", code="x"),)]
)
def test_of_a_patient_nobody_described_no_late_test_is_invented(facts: tuple[Fact, ...]) -> None:
    assert said(M, points("hb", "0:120"), now=1000, facts=facts) == "-"
    assert due(M, now=0, facts=facts) is None


@pytest.mark.parametrize(
    ("facts", "interval", "assumed"),
    [
        ((ON_TREATMENT,), 61, False),
        ((fact("state", code="response_assessment"),), 61, False),
        ((fact("state", value="On_Treatment "),), 61, False),
        ((fact("state", code="smouldering"),), 91, False),
        ((fact("state", code="off_treatment"),), 91, False),
        ((fact("state", code="off_treatment"), fact("line_start", days(-300))), 91, False),
        ((fact("line_start", days(-300)),), 61, True),
        ((fact("line_start", days(-300), days(-100)), SERUM), 91, False),
        ((fact("drug", days(-300), code="zoledronate"), SERUM), 91, False),
        ((SERUM,), 91, False),
        ((fact("isotype", code="IgG-kappa"),), 91, False),
        ((fact("monitoring_interval", value="30"), ON_TREATMENT), 30, False),
        ((fact("monitoring_interval", code="30"),), 30, False),
        ((fact("monitoring_interval", value="monthly"), ON_TREATMENT), 61, False),
        ((fact("monitoring_interval", value="0"), ON_TREATMENT), 61, False),
        ((fact("monitoring_interval", value="8", unit="wk"), ON_TREATMENT), 61, False),
        ((fact("monitoring_interval", value="-30"), ON_TREATMENT), 61, False),
    ],
)
def test_the_interval_is_the_entered_one_else_by_state(facts: tuple[Fact, ...], interval: int, assumed: bool) -> None:
    (alert,) = stale(points("hb", "0:120"), now=400, facts=facts)
    assert alert.facts["interval"] == str(interval)
    assert alert.regraded_at == days(2 * interval)
    assert ("state_assumed" in alert.flags) is assumed


def test_a_new_interval_counts_from_its_day_on() -> None:
    """Off treatment 91 d; from day 80 on every 61 d: then it is late already, and no sooner."""
    facts = (SERUM, fact("state", code="off_treatment"), fact("state", days(80), code="on_treatment"))
    assert said(M, now=79.9, facts=facts) == "-"
    assert said(M, now=80, facts=facts) == "STALE_INFO INFO"
    assert due(M, now=0, facts=facts) == days(80)
    assert [a.opened_at for a in stale(M, now=81, facts=facts)] == [days(80)]


@pytest.mark.parametrize(
    "gate", [fact("deceased", days(80)), fact("care", days(80), code="palliative_no_bloods"), fact("care", days(80), code="moved"),
             fact("care", days(80), code="declined"), fact("enrolment", days(80), code="ended")],
)  # fmt: skip
def test_death_care_and_the_end_of_enrolment_stop_the_count(gate: Fact) -> None:
    (alert,) = stale(M, now=500, facts=(SERUM, ON_TREATMENT, gate))
    assert (alert.level, alert.condition, alert.cleared_at) == ("STALE_INFO", "cleared", days(80))
    assert alert.clear_cause == "no_longer_followed"
    assert due(M, now=81, facts=(SERUM, ON_TREATMENT, gate)) is None


def test_who_is_watched_again_is_late_again_as_another_alert_with_a_slot_of_its_own() -> None:
    slot = "6f0c7a52-0000-5a51-9d0e-48414c4f0001"
    facts = (SERUM, ON_TREATMENT, fact("care", days(80), code="declined"), fact("care", days(100), code="active"))
    first, second = stale(result("mspike", "12", days(0), slot=slot), now=101, facts=facts)
    assert (first.condition, second.condition, second.opened_at) == ("cleared", "active", days(100))
    assert first.alert_id == alert_id("STALE", PATIENT, slot)
    assert second.alert_id != first.alert_id
    assert second.anchor.count("-") == first.anchor.count("-") == 4, "both are ids, as the ledger's column asks"


# ------------------------------------------------------------------------------------------------- by what


BLOODS = [points(name, f"100:{value}", unit="d") for name, value in (("hb", "120"), ("creat", "80"), ("ca", "2.3"))]


@pytest.mark.parametrize(
    ("kind", "old", "late"),
    [
        ("SERUM", {"mspike": "12"}, "mspike"), ("SERUM", {"umprot": "500", "flck": "300"}, ""),
        ("URINE", {"umprot": "500"}, "umprot"), ("URINE", {"flck": "300"}, "flc"), ("URINE", {"mspike": "3"}, ""),
        ("SERUM_URINE", {"mspike": "12", "umprot": "500"}, "mspike,umprot"), ("FLC_ONLY", {"flcl": "300"}, "flc"),
        ("FLC_ONLY", {"mspike": "3"}, ""), ("NON_MEASURABLE", {"mspike": "3", "flck": "20"}, ""),
    ],
)  # fmt: skip
def test_the_marker_of_the_disease_goes_by_the_type(kind: str, old: dict[str, str], late: str) -> None:
    results = [points(name, f"0:{value}", unit="d") for name, value in old.items()]
    found = stale(*results, *BLOODS, now=101, facts=(ON_TREATMENT, fact("patient_type", code=kind)))
    assert [alert.facts["late"] for alert in found] == ([late] if late else [])


def test_a_urine_once_collected_is_asked_for_again_though_light_chains_are_measured() -> None:
    story = [*points("umprot", "0:500", unit="d"), *points("flck", "100:300", unit="d"), *BLOODS]
    assert said(*story, now=101, facts=(ON_TREATMENT, fact("patient_type", code="URINE"))) == "STALE_OVERDUE MEDIUM"


def test_a_spot_urine_is_no_24_h_urine() -> None:
    story = [*points("umprot", "0:500", unit="d"), result("umprot", "40", days(90), quality="NOT_FOR_IMWG"), *BLOODS]
    assert said(*story, now=101, facts=(ON_TREATMENT, fact("patient_type", code="URINE"))) == "STALE_OVERDUE MEDIUM"


@pytest.mark.parametrize("name", ["ca_adj", "ca", "ica"])
def test_any_calcium_is_a_calcium(name: str) -> None:
    story = [points("ca", "0:2.3", unit="d"), points(name, "90:1.2", unit="d"), points("mspike", "90:12", unit="d")]
    assert said(*story, points("hb", "90:120", unit="d"), points("creat", "90:80", unit="d"), now=100) == "-"


def test_without_an_entry_the_type_follows_from_the_values_and_may_turn() -> None:
    """Light chains alone were measurable until the M-protein reached 10 g/L on day 100: then it is what counts."""
    light = [*points("flck", "0:310", unit="d"), *points("flcl", "0:10", unit="d")]
    story = [*light, *points("mspike", "0:9 60:9 100:10", unit="d"), *BLOODS]
    (alert,) = stale(*story, now=101, facts=(ON_TREATMENT,))
    assert (alert.facts["late"], alert.cleared_at) == ("flc", days(100))


@pytest.mark.parametrize(
    ("value", "status", "coded", "resets"),
    [
        ("<1", "F", "", True), ("12", "P", "", True), ("12", "C", "", True),
        (None, "X", "", False), (None, "D", "", False), (None, "I", "", False), (None, "F", "", False),
    ],
)  # fmt: skip
def test_only_a_value_resets_the_count(value: str | None, status: str, coded: str, resets: bool) -> None:
    second = result("mspike", value, days(70), status=status, coded=coded)
    assert (said(M, second, now=76) == "-") is resets


@pytest.mark.parametrize(("status", "reason"), [("X", "not_obtained"), ("F", "insufficient"), ("C", "haemolysed")])
def test_an_attempt_without_a_value_is_said(status: str, reason: str) -> None:
    """L26: from the attempt on, of this test only."""
    tried = result("mspike", None, days(80), status=status, reason=reason)
    flags = {day: stale(M, tried, now=day)[0].flags for day in (79, 80, 92)}
    assert flags == {79: (), 80: ("attempted_only",), 92: ("attempted_only",)}
    assert stale(M, points("hb", "0:120", unit="d"), tried, now=92)[0].facts["late"] == "mspike,hb"
    again = result("mspike", "11", days(81))
    assert stale(M, tried, again, now=160)[-1].flags == ()
    other = result("k", None, days(80), status="X")
    assert stale(M, other, now=92)[0].flags == ()


def test_a_deleted_value_was_none() -> None:
    story = [
        *M,
        result("mspike", "11", days(70), slot="S"),
        result("mspike", None, days(70), slot="S", status="D", version=days(72)),
    ]
    (alert,) = stale(*story, now=93)
    assert (alert.level, alert.opened_at, alert.anchor) == ("STALE_OVERDUE", days(75), M[0].slot)


# ------------------------------------------------------------------------------------------------- one episode


def test_several_late_tests_are_one_episode_until_none_is_late() -> None:
    hb = points("hb", "10:120 120:118", unit="d")
    story = [*M, *points("mspike", "100:12", unit="d"), *hb]
    by_day = {day: said(*story, now=day) for day in (74, 75, 85, 92, 99, 100, 102, 119, 120)}
    assert by_day == {
        74: "-", 75: "STALE_INFO INFO", 85: "STALE_INFO INFO", 92: "STALE_OVERDUE MEDIUM", 99: "STALE_OVERDUE MEDIUM",
        100: "STALE_INFO INFO", 102: "STALE_OVERDUE MEDIUM", 119: "STALE_OVERDUE MEDIUM", 120: "-",
    }  # fmt: skip
    (alert,) = stale(*story, now=121)
    assert (alert.alert_id, alert.opened_at, alert.cleared_at) == (
        alert_id("STALE", PATIENT, M[0].slot),
        days(75),
        days(120),
    )
    (both,) = stale(*story, now=93)
    assert (both.facts["late"], both.flags, len(both.results)) == ("mspike,hb", ("several_late",), 2)


def test_an_alert_that_opens_while_it_is_overdue_makes_it_urgent_and_its_end_takes_that_back() -> None:
    potassium = points("k", "100:5.9 110:4.5", unit="d")
    grades = {day: said(M, potassium, now=day) for day in (99, 100, 109, 110)}
    assert grades == {
        99: "STALE_OVERDUE MEDIUM", 100: "STALE_OVERDUE HIGH", 109: "STALE_OVERDUE HIGH", 110: "STALE_OVERDUE MEDIUM",
    }  # fmt: skip
    assert said(M, points("k", "80:5.9", unit="d"), now=91) == "STALE_INFO INFO", "only once overdue"
    assert due(M, points("k", "80:5.9", unit="d"), now=92) is None, "nothing worse is to come"


@pytest.mark.parametrize(
    ("results", "severity"),
    [
        (points("mspike", "-30:10 0:10.1", unit="d"), "HIGH"), (points("mspike", "-30:10 0:10", unit="d"), "MEDIUM"),
        (points("mspike", "-30:10 0:9", unit="d"), "MEDIUM"), (points("creat", "-30:<90 0:80", unit="d"), "MEDIUM"),
        (points("mspike", "-30:<1 0:9", unit="d"), "HIGH"), (points("hb", "-30:110 0:125", unit="d"), "HIGH"),
        (points("creat", "-30:80 0:90", unit="d"), "HIGH"),
    ],
)  # fmt: skip
def test_rising_means_surely_above_the_value_before(results: Any, severity: str) -> None:
    assert said(results, now=92) == f"STALE_OVERDUE {severity}"


def test_of_light_chains_the_involved_one_counts() -> None:
    facts = (ON_TREATMENT, fact("patient_type", code="FLC_ONLY"), fact("isotype", code="lambda"))
    kappa_rises = [*points("flck", "-30:10 0:14", unit="d"), *points("flcl", "-30:400 0:390", unit="d")]
    lambda_rises = [*points("flck", "-30:14 0:10", unit="d"), *points("flcl", "-30:400 0:410", unit="d")]
    assert said(kappa_rises, now=92, facts=facts) == "STALE_OVERDUE MEDIUM"
    assert said(lambda_rises, now=92, facts=facts) == "STALE_OVERDUE HIGH"


def test_a_gap_of_the_past_is_over_and_stays_on_record() -> None:
    (alert,) = stale(points("mspike", "0:12 200:11 240:10", unit="d"), now=250)
    assert (alert.level, alert.severity, alert.cleared_at) == ("STALE_OVERDUE", "HIGH", days(200))


@pytest.mark.parametrize(("name", "first"), [("info_days", 76), ("overdue_intervals", 93), ("high_intervals", 123)])
def test_the_lines_go_by_the_operators_of_the_pack(name: str, first: int) -> None:
    """Another pack may say `>`: tree, level and timer agree a day later."""
    shipped = default_pack()
    limit = msgspec.structs.replace(shipped.limit(f"stale.{name}"), operator=">")
    pack = msgspec.structs.replace(shipped, limits=shipped.limits | {limit.key: limit})
    before, then = (
        evaluate(view(M, context=context(SERUM, ON_TREATMENT), as_of=days(day), pack=pack), derived=False).alerts
        for day in (first - 0.1, first)
    )
    assert before != then
    seen = view(M, context=context(SERUM, ON_TREATMENT), as_of=days(first - 0.1), pack=pack)
    assert next_due(seen) == days(first)
    assert all(alert.reasons.truth == "TRUE" for alert in (*before, *then))


# ------------------------------------------------------------------------------------------------- orders


def order(analyte: str, day: float, status: str = "I", **more: Any) -> Any:
    said = {"reason": "pending", **more}
    return result(analyte, None, days(day), status=status, slot=f"order-{analyte}", version=days(day), **said)


@pytest.mark.parametrize("facts", [(), (SERUM, ON_TREATMENT)])
def test_an_order_without_a_result_is_shown_after_seven_days(facts: tuple[Fact, ...]) -> None:
    story = [order("hb", 0)]
    assert said(story, now=6.9, facts=facts) == "-"
    assert said(story, now=7, facts=facts) == "STALE_PENDING INFO"
    assert due(story, now=0, facts=facts) == days(7)
    (alert,) = stale(story, now=8, facts=facts)
    assert alert.anchor == "order-hb"
    assert alert.summary["en"] == "Haemoglobin, ordered, no result yet: ask the laboratory, ordered 1 Mar 08:00"
    assert (
        explain(alert)["counterfactual"][0]["text"]["en"] == "No alert below 7 d (Days since the order (Haemoglobin))."
    )


@pytest.mark.parametrize(
    "answer",
    [
        result("hb", "120", days(0), slot="order-hb", version=days(9)), order("hb", 0, "X", reason=""), order("hb", 0, "D", reason=""),
        result("hb", "110", days(0), status="P", slot="order-hb", version=days(9)), result("hb", "118", days(9), slot="other"),
    ],
    ids=["result", "not obtained", "deleted", "preliminary", "another sample"],
)  # fmt: skip
def test_an_answer_or_a_later_value_ends_it(answer: Any) -> None:
    answer = msgspec.structs.replace(answer, version_time=days(9), result_id=answer.result_id + "!")
    (alert,) = stale(order("hb", 0), answer, now=20, facts=())
    assert (alert.condition, alert.cleared_at) == ("cleared", days(9))
    assert stale(order("hb", 0), answer, now=6, facts=()) == []


def test_an_order_for_a_later_day_waits_from_that_day() -> None:
    planned = result("hb", None, days(60), status="I", slot="o", version=days(0), reason="pending")
    assert due(planned, now=0, facts=()) == days(67)


def test_an_electrophoresis_waits_longer_than_five_working_days() -> None:
    """Day 0 is a Sunday (1 March 2026): Monday 2 to Monday 9 are six working days."""
    assert days(0) == datetime(2026, 3, 1, 8, tzinfo=UTC)
    for status, value in (("I", None), ("P", "12")):
        story = [result("mspike", value, days(0), status=status, slot="o", version=days(0))]
        assert due(story, now=0, facts=()) == days(8)
        assert said(story, now=7.9, facts=()) == "-"
        (alert,) = stale(story, now=8, facts=())
        assert (alert.level, alert.flags) == ("STALE_PENDING", ("electrophoresis_pending",))
    friday = [result("sife", None, days(5), status="I", slot="o", version=days(5), reason="pending")]
    assert due(friday, now=5, facts=()) == days(5) + timedelta(days=10), "Monday 16: two week-ends lie between"


def test_a_finished_or_promoted_electrophoresis_does_not_wait() -> None:
    first = result("mspike", "12", days(0), status="P", slot="o", version=days(0))
    for status, value in (("F", "12"), ("U", None)):
        assert (
            due(first, result("mspike", value, days(0), status=status, slot="o", version=days(3)), now=4, facts=())
            is None
        )


def test_a_pending_record_that_comes_after_the_result_waits_for_nothing() -> None:
    story = [result("hb", "120", days(0), slot="order-hb", version=days(0)), order("hb", 0)]
    assert stale(story[0], msgspec.structs.replace(story[1], version_time=days(1)), now=30, facts=()) == []


def test_nobody_waits_for_the_dead() -> None:
    assert said(order("hb", 0), now=30, facts=(fact("deceased", days(3)),)) == "-"


# ------------------------------------------------------------------------------------------------- what is told first


@pytest.mark.parametrize(("now", "severity"), [(80, "INFO"), (96, "MEDIUM"), (130, "HIGH"), (400, "HIGH")])
def test_of_equally_late_tests_the_one_that_has_been_due_longest_is_told(now: int, severity: str) -> None:
    """One on day 0, the other on day 3: what passed the line first, whichever of the two markers it is."""
    both = (fact("patient_type", code="SERUM_URINE"), ON_TREATMENT)
    for first, second in (("mspike", "umprot"), ("umprot", "mspike")):
        (alert,) = stale(points(first, "0:12", unit="d"), points(second, "3:12", unit="d"), now=now, facts=both)
        assert (alert.severity, alert.facts["label"]) == (severity, first)


def test_the_day_of_the_last_sample_is_said_without_an_hour_where_none_is_known() -> None:
    undated = result("mspike", "12", days(0), flags=("date_only",))
    (alert,) = stale(undated, now=130)
    assert alert.facts["sample_flags"] == "date_only"
    assert "08:00" not in alert.summary["en"]
    (dated,) = stale(M, now=130)
    assert "sample_flags" not in dated.facts


def test_a_late_test_that_was_taken_ends_by_itself_without_a_cause() -> None:
    (alert,) = stale(points("mspike", "0:12 130:12", unit="d"), now=131)
    assert (alert.condition, alert.clear_cause) == ("cleared", "")
