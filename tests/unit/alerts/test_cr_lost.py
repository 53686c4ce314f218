"""Relapse from a confirmed complete response (relapse 5), beside antibodies and oligoclonal bands (relapse 10)."""

from __future__ import annotations

import pytest

from alerts.alert import AlertState, Evaluation
from alerts.context import Context, Fact
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rules import bio, cr_lost
from tests.builders import context, days, fact, result, view
from tests.unit.alerts.relapse import day, series

CLONE = (fact("isotype", code="IgG-kappa"), fact("patient_type", code="SERUM"))
NO_ANTIBODY = fact("drug", days(-300), days(-250), code="lenalidomide")
DARATUMUMAB = fact("drug", days(-300), days(80), code="daratumumab")


def _ife(number: float, coded: str, name: str = "sife", specimen: str = "") -> Result:
    return result(name, None, days(number), coded=coded, specimen=specimen)


def _response() -> list[Result]:
    """A complete response confirmed on day 56."""
    negative = [_ife(number, "negative", name) for number in (28, 56) for name in ("sife", "uife")]
    return [*series("mspike", "0:40 28:0 56:0"), *series("umprot", "0:0 28:0 56:0"), *negative]


def _outcome(*more: Result, facts: tuple[Fact, ...] = (NO_ANTIBODY,)) -> Evaluation:
    known: Context = context(*CLONE, *facts)
    outcome = evaluate(view(_response(), list(more), context=known), (cr_lost.RULE, bio.RULE))
    assert outcome.failed == {}
    return outcome


def _alerts(*more: Result, facts: tuple[Fact, ...] = (NO_ANTIBODY,)) -> list[AlertState]:
    return [alert for alert in _outcome(*more, facts=facts).alerts if alert.rule == "CR_LOST"]


def _levels(*more: Result, facts: tuple[Fact, ...] = (NO_ANTIBODY,)) -> list[str]:
    return [f"{alert.level} {alert.severity} {alert.condition}" for alert in _alerts(*more, facts=facts)]


def test_without_a_confirmed_complete_response_there_is_none_to_lose() -> None:
    assert _levels() == []
    once = [*series("mspike", "0:40 28:0"), *series("umprot", "0:0 28:0"), _ife(28, "negative"),
            _ife(28, "negative", "uife"), _ife(84, "positive:IgG-kappa"), _ife(112, "positive:IgG-kappa")]  # fmt: skip
    assert evaluate(view(once, context=context(*CLONE, NO_ANTIBODY)), (cr_lost.RULE,)).alerts == ()


def test_one_positive_immunofixation_is_shown_and_a_second_is_for_the_review_list() -> None:
    first = _ife(84, "positive:IgG-kappa")
    assert _levels(first) == ["CR_LOST_POSSIBLE INFO active"]
    (alert,) = _alerts(first, _ife(112, "positive:IgG-kappa"))
    assert (alert.level, alert.severity, day(alert.opened_at), day(alert.regraded_at)) == (
        "CR_LOST",
        "LOW",
        "84",
        "112",
    )
    assert alert.facts["cr_date"] == days(56).date().isoformat()


def test_it_is_never_progression_by_itself() -> None:
    found = _outcome(
        _ife(84, "positive:IgG-kappa"), _ife(112, "positive:IgG-kappa"), *series("mspike", "84:1.2 112:2.2")
    )
    assert [alert.rule for alert in found.alerts] == ["CR_LOST"]


def test_progression_after_a_complete_response_is_both() -> None:
    found = _outcome(*series("mspike", "84:5 112:5.5"))
    assert [(alert.rule, alert.level) for alert in found.alerts] == [("BIO", "BIO_PD"), ("CR_LOST", "CR_LOST")]


@pytest.mark.parametrize(
    ("coded", "facts", "expected"),
    [
        ("positive:IgG-kappa", (DARATUMUMAB,), []),
        ("positive:IgG-lambda", (NO_ANTIBODY,), []),  # oligoclonal
        ("positive:IgG-kappa+IgG-lambda", (NO_ANTIBODY,), ["CR_LOST_POSSIBLE INFO active"]),
        ("positive:FLC-kappa", (NO_ANTIBODY,), ["CR_LOST_POSSIBLE INFO active"]),  # the clone's own chain
        ("positive:IgG-kappa", (), ["CR_LOST_POSSIBLE INFO active"]),  # no medication feed: nothing blocked
        ("positive", (NO_ANTIBODY,), ["CR_LOST_POSSIBLE INFO active"]),
        ("indeterminate", (NO_ANTIBODY,), []),
    ],
)
def test_what_the_band_may_be(coded: str, facts: tuple[Fact, ...], expected: list[str]) -> None:
    assert _levels(_ife(84, coded), facts=facts) == expected
    if coded != "indeterminate":  # the number beside it changes nothing of what the band may be
        assert _levels(_ife(84, coded), *series("mspike", "84:0.8"), facts=facts) == expected


def test_without_a_medication_feed_the_alert_says_so() -> None:
    (alert,) = _alerts(_ife(84, "positive:IgG-kappa"), facts=())
    assert "antibody_unknown" in alert.flags


def test_an_antibody_leaves_an_unnamed_band_open_and_cannot_be_a_strong_one() -> None:
    outcome = _outcome(_ife(84, "positive"), facts=(DARATUMUMAB,))
    assert (outcome.alerts, [u.rule for u in outcome.undetermined]) == ((), ["CR_LOST"])
    assert _levels(_ife(84, "positive:IgG-kappa"), *series("mspike", "84:2.1"), facts=(DARATUMUMAB,)) == [
        "CR_LOST_POSSIBLE INFO active"
    ]


@pytest.mark.parametrize(
    ("m", "facts", "alerts", "open_"),
    [
        ("0.8", (NO_ANTIBODY,), 1, False),
        ("<1", (NO_ANTIBODY,), 0, False),
        ("<2", (NO_ANTIBODY,), 0, True),
        ("0.8", (DARATUMUMAB,), 0, True),  # the drug shows on electrophoresis too
        ("2.5", (DARATUMUMAB,), 1, False),
    ],
)
def test_electrophoresis_positive_again(m: str, facts: tuple[Fact, ...], alerts: int, open_: bool) -> None:
    outcome = _outcome(*series("mspike", f"84:{m}"), facts=facts)
    assert (len(outcome.alerts), bool(outcome.undetermined)) == (alerts, open_)


def test_what_was_there_in_the_complete_response_is_not_positive_again() -> None:
    """0.8 g/L that no immunofixation finds is the patient's own background; more than that is a sign."""
    known = context(*CLONE, NO_ANTIBODY)
    base = [r for r in _response() if r.analyte != "mspike"] + series("mspike", "0:40 28:0.8 56:0.8")

    def levels(text: str) -> list[str]:
        outcome = evaluate(view(base, series("mspike", text), context=known), (cr_lost.RULE,))
        return [alert.level for alert in outcome.alerts]

    assert levels("84:0.8 112:0.7") == []
    assert levels("84:0.9") == ["CR_LOST_POSSIBLE"]


def test_an_unclear_immunofixation_says_nothing_of_the_number_beside_it() -> None:
    assert _levels(_ife(84, "indeterminate"), *series("mspike", "84:0.8")) == ["CR_LOST_POSSIBLE INFO active"]


def test_urine_electrophoresis_goes_by_its_own_immunofixation() -> None:
    assert _levels(*series("umprot", "84:60")) == ["CR_LOST_POSSIBLE INFO active"]
    assert _levels(*series("umprot", "84:60"), _ife(84, "negative", "uife")) == []


def test_a_negative_immunofixation_of_the_draw_outweighs_a_faint_number() -> None:
    assert _levels(_ife(84, "negative"), *series("mspike", "84:0.8")) == []


def test_urine_counts_by_the_light_chain() -> None:
    assert _levels(_ife(84, "positive:FLC-kappa", "uife")) == ["CR_LOST_POSSIBLE INFO active"]
    assert _levels(_ife(84, "positive:FLC-lambda", "uife")) == []


def test_one_specimen_does_not_confirm_itself() -> None:
    both = _ife(84, "positive:IgG-kappa", specimen="S1"), result("mspike", "0.9", days(84.1), specimen="S1")
    assert _levels(*both) == ["CR_LOST_POSSIBLE INFO active"]


def test_only_what_showed_the_clone_can_refute_it() -> None:
    shown = _ife(84, "positive:IgG-kappa")
    assert _levels(shown, *series("mspike", "112:0 140:0")) == ["CR_LOST_POSSIBLE INFO active"]
    assert _levels(shown, _ife(112, "negative"), _ife(140, "negative")) == ["CR_LOST_POSSIBLE INFO cleared"]
    assert _levels(shown, _ife(112, "negative"), _ife(140, "positive:IgG-kappa")) == ["CR_LOST_POSSIBLE INFO active"]


def test_the_marrow_needs_no_confirmation() -> None:
    def marrow(value: str, unit: str = "%") -> Fact:
        return fact("marrow", days(90), code="plasma_cells", value=value, unit=unit)

    assert _levels(facts=(NO_ANTIBODY, marrow("5"))) == ["CR_LOST LOW active"]
    assert _levels(facts=(NO_ANTIBODY, marrow("4.9"))) == []
    assert _levels(facts=(NO_ANTIBODY, marrow("8", ""))) == []  # a unit is never guessed


def test_a_new_line_has_no_response_to_lose_yet() -> None:
    new = fact("line_start", days(100))
    found = [_ife(number, "positive:IgG-kappa") for number in (84, 112, 140)]
    assert _levels(*found, facts=(NO_ANTIBODY, new)) == ["CR_LOST_POSSIBLE INFO cleared"]
