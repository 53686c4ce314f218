"""What the context holds back: dialysis, plasma exchange, age; at the edges, three-valued, named in the evidence."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from alerts.alert import Evaluation
from alerts.context import Context, Fact
from alerts.evaluate import evaluate
from alerts.kidney import aki_at
from alerts.logic import Truth
from alerts.result import Result
from alerts.rule import Rule, View
from alerts.rules import ca_high, hv, k_high, k_low, neut_low, ren_aki, ren_decline, ren_halo, ren_lccn, ren_rise, tls
from alerts.series import Series
from alerts.severity import Severity
from alerts.thresholds import default_pack
from tests.unit.alerts.made import START, at, fact, lab, patient

INJURY = [lab("creat", "80", 0), lab("creat", "300", 24)]


def seen(results: list[Result], context: Context) -> View:
    return View(patient="MADE|1", series=Series().merge(results), context=context, pack=default_pack(), as_of=at(9999))


def asked(rules: tuple[Rule, ...], results: list[Result], *facts: Fact, context: Context | None = None) -> Evaluation:
    return evaluate(seen(results, context or patient(*facts)), rules, derived=False)


def levels(rule: Rule, results: list[Result], *facts: Fact) -> list[str]:
    return [f"{alert.level} {alert.severity}" for alert in asked((rule,), results, *facts).alerts]


@pytest.mark.parametrize(("entries", "staged"), [
    ([], True),
    ([fact("dialysis", 24)], False), ([fact("dialysis", 24.001)], True),
    ([fact("dialysis", 0, 24)], False), ([fact("dialysis", 0, 23.999)], True),
    ([fact("dialysis")], False), ([fact("dialysis", 0, value="no")], True), ([fact("dialysis", 0, code="no")], True),
    ([fact("dialysis", 0), fact("dialysis", 20, value="no")], True),
    ([fact("dialysis", 0), fact("dialysis", 25, value="no")], False),
    ([fact("dialysis", 0, value="no"), fact("dialysis", 20)], False),
    ([fact("dialysis", 0), fact("dialysis", 0, value="no")], True),
])  # fmt: skip
def test_dialysis_holds_back_the_staging_while_it_lasts(entries: list[Fact], *, staged: bool) -> None:
    assert bool(levels(ren_aki.RULE, INJURY, *entries)) is staged


def test_the_evidence_names_the_dialysis() -> None:
    view = seen(INJURY, patient(fact("dialysis", 0)))
    aki = aki_at(view, view.series.points("creat")[-1])
    assert (aki.node.truth, aki.node.name, aki.node.method) == (
        Truth.FALSE, "no_staging_dialysis", "dialysis from 2026-03-01",
    )  # fmt: skip


def test_everything_but_the_staging_goes_on_under_dialysis() -> None:
    """Kidney: potassium and calcium rules stay on; and no other kidney rule is named as suppressed."""
    dialysis = fact("dialysis", 0)
    lccn = [*INJURY, lab("flck", "900", 24), lab("flcl", "5", 24)]
    assert levels(k_high.RULE, [*INJURY, lab("k", "6.2", 24)], dialysis) == ["K_HIGH HIGH"], "no longer CRITICAL by AKI"
    assert levels(k_high.RULE, [*INJURY, lab("k", "6.2", 24)]) == ["K_HIGH CRITICAL"]
    assert levels(k_high.RULE, [lab("k", "6.6", 24)], dialysis) == ["K_HIGH CRITICAL"]
    assert levels(k_low.RULE, [lab("k", "2.4", 24)], dialysis) == ["K_LOW CRITICAL"]
    calcium = [*INJURY, lab("ca_adj", "3.2", 24)]
    assert levels(ca_high.RULE, calcium, dialysis) == ["CA_HIGH HIGH"]
    assert levels(ca_high.RULE, calcium) == ["CA_HIGH CRITICAL"]
    assert levels(ren_halo.RULE, INJURY, dialysis) == ["REN_HALO HIGH"]
    assert levels(ren_rise.RULE, INJURY, dialysis) == ["REN_RISE HIGH"]
    assert levels(ren_lccn.RULE, lccn, dialysis) == ["REN_LCCN CRITICAL"], "by the eGFR"
    lysis = [lab("k", "6.0", 24), lab("phos", "1.5", 24), *INJURY]
    start = fact("line_start", 0)
    assert levels(tls.RULE, lysis, dialysis, start) == levels(tls.RULE, lysis, start) != []


@pytest.mark.parametrize("rule", [ren_aki.RULE, ren_halo.RULE, ren_rise.RULE, ren_decline.RULE, ren_lccn.RULE])
def test_of_a_minor_the_kidney_rules_say_unknown_and_never_no(rule: Rule) -> None:
    results = [*INJURY, lab("flck", "900", 24), lab("flcl", "5", 24), lab("creat", "310", 24 * 20)]
    child = asked((rule,), results, context=patient(age=17))
    assert child.alerts == ()
    assert [open_.rule for open_ in child.undetermined] == [rule.name]
    assert "adult" in child.undetermined[0].missing or rule is ren_lccn.RULE
    if rule in (ren_aki.RULE, ren_halo.RULE, ren_rise.RULE):
        assert asked((rule,), results, context=patient(age=18)).alerts
        assert asked((rule,), results, context=patient(age=None)).alerts, "an unknown age silences nothing"


def test_the_eighteenth_birthday_counts_as_adult() -> None:
    born = Context(sex="M", birth_date=date(START.year - 18, 3, 2))
    assert [alert.opened_at for alert in asked((ren_aki.RULE,), INJURY, context=born).alerts] == [at(24)]
    later = Context(sex="M", birth_date=date(START.year - 18, 3, 3))
    assert asked((ren_aki.RULE,), INJURY, context=later).alerts == ()


def test_the_kidney_of_a_minor_leaves_calcium_open_not_denied() -> None:
    alert = asked((ca_high.RULE,), [*INJURY, lab("ca_adj", "3.2", 24)], context=patient(age=17)).alerts[0]
    assert (alert.severity, "aki_unknown" in alert.flags) == (Severity.HIGH, True)


@pytest.mark.parametrize(("hour", "cleared"), [(72, False), (72.01, True)])
def test_after_plasma_exchange_a_fall_ends_nothing_for_72_hours_inclusive(hour: float, *, cleared: bool) -> None:
    results = [lab("visc", "4.2", -24), lab("visc", "1.6", hour)]
    alert = asked((hv.RULE,), results, fact("plasma_exchange", 0)).alerts[0]
    assert (alert.condition == "cleared") is cleared


def test_after_plasma_exchange_high_values_still_alert_and_are_marked() -> None:
    exchange = fact("plasma_exchange", 0)
    found = asked((hv.RULE, ca_high.RULE), [lab("visc", "5.1", 24), lab("ca_adj", "2.9", 24)], exchange).alerts
    assert [(a.level, str(a.severity), "post_exchange" in a.flags) for a in found] == [
        ("CA_HIGH", "HIGH", True), ("HV_CRITICAL", "CRITICAL", True),
    ]  # fmt: skip


@pytest.mark.parametrize(("hour", "marked", "condition"), [(72, True, "active"), (72.01, False, "cleared")])
def test_after_plasma_exchange_calcium_is_marked_and_a_fall_ends_nothing(
    hour: float, condition: str, *, marked: bool
) -> None:
    results = [lab("ca_adj", "3.0", -48), lab("ca_adj", "2.5", -1), lab("ca_adj", "2.5", hour)]
    alert = asked((ca_high.RULE,), results, fact("plasma_exchange", 0)).alerts[0]
    assert alert.condition == condition
    again = asked((ca_high.RULE,), [lab("ca_adj", "2.9", hour)], fact("plasma_exchange", 0)).alerts[0]
    assert ("post_exchange" in again.flags) is marked
    assert Decimal("2.9") == again.value


@pytest.mark.parametrize(("rule", "results", "entry", "flag"), [
    (neut_low.RULE, [lab("neut", "0.4", 24)], fact("growth_factor", 0, 24), "on_growth_factor"),
    (neut_low.RULE, [lab("neut", "0.4", 24)], fact("steroid", 24), "on_steroid"),
    (ca_high.RULE, [lab("ca_adj", "3.2", 24)], fact("infusion", 20, 26, code="albumin"), "during_infusion"),
    (hv.RULE, [lab("igg", "65", 24)], fact("infusion", 20, 26, code="immunoglobulin"), "during_infusion"),
])  # fmt: skip
def test_what_is_given_meanwhile_is_noted_and_changes_nothing(
    rule: Rule, results: list[Result], entry: Fact, flag: str
) -> None:
    plain, noted = (asked((rule,), results, *facts).alerts[0] for facts in ((), (entry,)))
    assert (plain.level, plain.severity, plain.condition) == (noted.level, noted.severity, noted.condition)
    assert set(noted.flags) - set(plain.flags) == {flag}
    over = msgspec.structs.replace(entry, start=at(-9), end=at(23.9))
    stopped = (fact(entry.kind, 0), fact(entry.kind, 20, value="no"))
    for facts in ((over,), stopped):
        assert asked((rule,), results, *facts).alerts[0].flags == plain.flags
