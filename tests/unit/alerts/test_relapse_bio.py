"""BIO beyond the vectors: lines of therapy, plasma exchange, several components, clearing, words, speed."""

from __future__ import annotations

import itertools
import sys

import pytest

from alerts.evaluate import evaluate
from alerts.logic import Truth
from alerts.rules import bio
from alerts.severity import Severity
from alerts.wording.notice import notices
from tests.builders import context, days, fact, judge, result, view
from tests.unit.alerts.relapse import bio_alerts, day, light, of_type, series, serum, state

STORY = "0:40 28:8 56:8 84:13.1 112:13.5"


@pytest.mark.parametrize("said", ["en", "sl"])
def test_the_summary_names_rise_and_lowest_value_but_no_diagnosis(said: str) -> None:
    (alert,) = bio_alerts(serum(STORY))
    text = alert.summary[said]
    numbers = "+5.5 (69 %)" if said == "en" else "+5,5 (69 %)"
    assert numbers in text
    assert len(text) < 140
    assert not any(word in text.lower() for word in ("relapse", "recidiv", "ponovitev", "myeloma", "plazmocitom"))


def test_facts_name_the_nadir_its_day_and_the_first_sample_of_progression() -> None:
    (alert,) = bio_alerts(serum(STORY))
    assert alert.facts["nadir"] == "8"
    assert (
        alert.facts["nadir_date"] == days(56).date().isoformat()
        or alert.facts["nadir_date"] == days(28).date().isoformat()
    )
    assert (alert.facts["rise"], alert.facts["percent"]) == ("+5.5", "69")
    assert alert.facts["pd_date"] == days(84).date().isoformat()
    assert alert.facts["possible_basis"] == "confirmed_nadir"


@pytest.mark.parametrize(("story", "days_", "rapid"), [
    ("0:40 28:8 56:8 84:13.1 112:16", "56.0", True),
    ("0:40 28:8 240:8 480:13.2 720:14", "594.5", False),
    ("0:8 28:14", "", False),  # two values make no line
])  # fmt: skip
def test_the_doubling_time_stands_on_the_alert(story: str, days_: str, rapid: bool) -> None:
    (alert,) = bio_alerts(serum(story))
    assert (alert.facts.get("doubling_days", ""), "rapid" in alert.flags) == (days_, rapid)


def test_the_grades_carry_the_days_of_their_samples() -> None:
    (alert,) = bio_alerts(serum(STORY))
    assert (day(alert.opened_at), day(alert.regraded_at)) == ("84", "112")
    assert len(alert.slots) == 2


def test_a_new_line_ends_the_old_progression_and_starts_from_its_own_baseline() -> None:
    known = of_type("SERUM", fact("line_start", days(120)))
    (old,) = bio_alerts(serum(f"{STORY} 150:12"), known=known)
    assert (old.condition, old.clear_cause, day(old.cleared_at or days(0))) == ("cleared", "new_line", "150")
    old, new = bio_alerts(serum(f"{STORY} 150:12 180:6 210:6 240:11.5"), known=known)
    assert (old.clear_cause, new.level, new.facts["nadir"]) == ("new_line", "BIO_POSSIBLE", "6")


def test_a_rise_over_the_new_baseline_at_once_is_a_new_episode() -> None:
    known = of_type("SERUM", fact("line_start", days(120)))
    old, new = bio_alerts(serum(f"{STORY} 150:19"), known=known)
    assert (old.clear_cause, new.level, day(new.opened_at)) == ("new_line", "BIO_POSSIBLE", "150")


def test_progression_suspected_before_a_new_line_may_be_confirmed_after_it() -> None:
    known = of_type("SERUM", fact("line_start", days(90)))
    (alert,) = bio_alerts(serum(STORY), known=known)
    assert (alert.level, alert.facts["pd_date"]) == ("BIO_PD", days(84).date().isoformat())
    assert state(bio_alerts(serum("0:40 28:8 56:8 84:13.1 112:9"), known=known)) == "BIO_POSSIBLE"


def test_a_fall_after_plasma_exchange_clears_nothing() -> None:
    exchange = of_type("SERUM", fact("plasma_exchange", days(100), days(100)))
    samples = "0:40 28:8 56:8 84:13.1 101:6"
    assert state(bio_alerts(serum(samples))) == "CLOSED_NOT_CONFIRMED"
    (alert,) = bio_alerts(serum(samples), known=exchange)
    assert (alert.level, alert.condition) == ("BIO_POSSIBLE", "active")
    (alert,) = bio_alerts(serum(f"{samples} 130:13.3"), known=exchange)
    assert alert.level == "BIO_PD"


def test_a_significant_rise_without_progression_ends_after_two_samples_twelve_hours_apart() -> None:
    samples = "0:60 28:45 56:45 84:55 112:55.2 140:46"
    (alert,) = bio_alerts(serum(samples))
    assert (alert.level, alert.condition) == ("BIO_SIGNIFICANT", "active")
    (alert,) = bio_alerts(serum(samples + " 140.4:46"))
    assert alert.condition == "active"
    (alert,) = bio_alerts(serum(samples + " 140.5:46"))
    assert (alert.condition, alert.clear_cause) == ("cleared", "")


def test_serum_and_urine_are_followed_side_by_side() -> None:
    urine = series("umprot", "0:1000 28:50 56:50 84:300 112:310")
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:9 112:9"), urine)
    assert (alert.level, alert.analyte) == ("BIO_PD", "umprot")
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1 112:9"), urine)
    assert (alert.level, alert.analyte) == ("BIO_PD", "umprot")


def test_a_lone_light_chain_leaves_the_question_open() -> None:
    chains = light("0:900/10 28:100/10 56:100/10")
    outcome = judge(bio.RULE, chains, result("flck", "400", days(84)))
    assert [(u.missing, u.collected_at) for u in outcome.undetermined] == [(("flcl",), days(84))]
    assert outcome.alerts == ()


def test_a_new_light_chain_method_starts_a_new_series() -> None:
    old = light("0:900/10 28:100/10 56:100/10")
    new = [result(n, v, days(84), method="N Latex") for n, v in (("flck", "300"), ("flcl", "10"))]
    earlier = [result(r.analyte, r.value, r.collected_at, method="Freelite") for r in old]
    assert state(bio_alerts(earlier, new)) == "NONE"
    assert state(bio_alerts(old, new)) == "BIO_POSSIBLE"  # an unnamed method is not another one


def test_preliminary_values_say_nothing() -> None:
    prelim = result("mspike", "20", days(84), status="P")
    assert bio_alerts(serum("0:40 28:8 56:8"), prelim) == []


def test_a_modifier_of_unknown_name_raises_nothing() -> None:
    (alert,) = bio_alerts(serum(STORY), known=of_type("SERUM", fact("modifier", code="left_handed")))
    assert alert.severity is Severity.MEDIUM
    (alert,) = bio_alerts(serum(STORY), known=of_type("SERUM", fact("modifier", value="high_organ_risk")))
    assert alert.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("when", "level"), [("83.6", "CLIN_RELAPSE"), ("82.9", "CLIN_POSSIBLE"), ("84", "CLIN_RELAPSE")]
)
def test_a_verdict_dated_on_the_day_of_the_sample_counts(when: str, level: str) -> None:
    """Entered as a day, it begins before the hour of the sample."""
    known = of_type("SERUM", fact("verdict", days(when), code="CLIN_RELAPSE"))
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), [result("hb", "95", days(84))], known=known)
    assert alert.level == level


@pytest.mark.parametrize("said", ["en", "sl"])
def test_a_verdict_is_told_with_the_time_of_the_sample_not_its_own(said: str) -> None:
    """Sample on day 84 (24 May), organ finding on day 86, verdict on day 90 (30 May)."""
    organ = [result("hb", "95", days(86))]
    known = of_type("SERUM", fact("verdict", days(90), code="CLIN_RELAPSE"))
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), organ, known=known)
    assert (alert.level, day(alert.regraded_at), day(alert.sampled_at)) == ("CLIN_RELAPSE", "90", "86")
    assert ("24 May 08:00" if said == "en" else "24. 5. ob 08:00") in alert.summary[said]
    assert "30" not in alert.summary[said]
    assert alert.facts["value_at"] == days(84).isoformat()


def test_beside_an_organ_finding_the_value_keeps_its_own_time_and_change() -> None:
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), [result("hb", "95", days(86))])
    assert (alert.level, day(alert.sampled_at)) == ("CLIN_POSSIBLE", "86")
    assert "24 May 08:00" in alert.summary["en"]
    assert (alert.facts["change"], alert.facts["change_hours"]) == ("5.1", "672.0")
    (plain,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"))
    assert "value_at" not in plain.facts


def test_a_withdrawn_value_is_found_by_the_time_of_the_value() -> None:
    before = view(serum("0:40 28:8 56:8 84:13.1"), result("hb", "95", days(86)))
    (alert,) = (a for a in evaluate(before, (bio.RULE,)).alerts)
    corrected = result("mspike", "9.4", days(84), slot="mspike@84#03", status="C", version=days(90))
    told = notices(alert, "retracted", before.series.merge([corrected]))["en"]
    assert "9.4" in told
    assert "24 May" in told


def test_a_verdict_ends_with_its_episode() -> None:
    organ = [result("hb", "95", days(84))]
    known = of_type("SERUM", fact("verdict", days(90), code="CLIN_RELAPSE"))
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:13.1"), organ, known=known)
    assert alert.level == "CLIN_RELAPSE"
    first, second = bio_alerts(serum("0:40 28:8 56:8 84:13.1 112:8 140:14"), organ, known=known)
    assert (first.clear_cause, second.level) == ("not_confirmed", "CLIN_POSSIBLE")


def test_every_reading_gives_one_judgement_and_any_arrival_order_the_same() -> None:
    results = serum("0:40 28:8 56:8 84:13.1 112:8")
    told = {tuple(map(str, bio.RULE.judge(view(list(order))))) for order in itertools.permutations(results)}
    assert len(told) == 1
    assert len(bio.RULE.judge(view(results))) == len(results)


def test_a_censored_value_that_cannot_be_excluded_is_told_as_possible() -> None:
    (alert,) = bio_alerts(serum("0:40 28:8 56:8 84:<=13"))
    assert (alert.level, alert.reasons.truth) == ("BIO_POSSIBLE", Truth.TRUE)


def test_all_rules_together_raise_no_failure() -> None:
    outcome = evaluate(view(serum(STORY), light("0:900/10 28:100/10"), context=context(sex="F")))
    assert outcome.failed == {}


def test_the_cost_grows_with_the_number_of_samples_only() -> None:
    """Comparisons, counted rather than timed: ten times the samples, about ten times the work."""
    few, many = (_work(count) for count in (40, 400))
    assert many < 12 * few


def _work(count: int) -> int:
    calls = 0
    long = view(serum(" ".join(f"{28 * n}:{40 if n < 2 else 8}" for n in range(count))))

    def counting(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(counting)
    try:
        bio.RULE.judge(long)
    finally:
        sys.setprofile(None)
    return calls


def test_after_a_bound_the_text_tells_no_change() -> None:
    (alert,) = bio_alerts(serum("0:40 28:<1 56:<1 84:7"))
    assert "-33" not in alert.summary["en"]
    assert alert.summary["en"].startswith("M-protein 7 g/L")
