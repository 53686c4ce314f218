"""Quantitative immunoglobulin in place of electrophoresis: one method for the whole line (relapse 1)."""

from __future__ import annotations

import pytest

from alerts.context import Context, Fact
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rules import bio, lc_escape
from tests.builders import alerts_of, context, days, fact, judge, result, view
from tests.unit.alerts.relapse import bio_alerts, light, series

IGA = context(fact("isotype", code="IgA-lambda"))
COURSE = "0:32 28:12 56:12 84:17.1 112:17.5"


def _unquantified(text: str) -> list[Result]:
    """A band that electrophoresis sees and cannot measure."""
    return [result("mspike", "<1", days(int(day)), kind="CENSORED", coded="not_quantifiable") for day in text.split()]


def _clone(code: str, *more: Fact, note: str = "") -> Context:
    return context(fact("isotype", code=code, note=note), *more)


def _types(*results: list[Result], known: Context) -> list[str]:
    return [v.value for v in evaluate(view(*results, context=known), ()).derived if v.name == "patient_type"]


def test_an_iga_clone_without_a_measured_band_is_followed_by_its_immunoglobulin() -> None:
    (alert,) = bio_alerts(series("iga", COURSE), known=IGA)
    assert (alert.level, alert.analyte, alert.facts["nadir"]) == ("BIO_PD", "iga", "12")
    assert "by_immunoglobulin" in alert.flags
    assert "IgA" in alert.summary["en"]
    assert _types(series("iga", COURSE), known=IGA) == ["SERUM"]


@pytest.mark.parametrize(
    ("code", "note", "analyte", "stands_in"),
    [
        ("IgA-kappa", "", "iga", True),
        ("IgA-kappa", "", "igg", False),
        ("IgG-kappa", "", "igg", False),  # polyclonal IgG would drown it
        ("IgG-kappa", "beta-migrating", "igg", True),
        ("IgM-kappa", "beta", "igm", True),
        ("lambda", "beta", "iga", False),
        ("", "", "iga", False),
    ],
)
def test_which_immunoglobulin_may_stand_in(code: str, note: str, analyte: str, stands_in: bool) -> None:
    assert bool(bio_alerts(series(analyte, COURSE), known=_clone(code, note=note))) == stands_in


def test_a_number_by_electrophoresis_at_the_baseline_keeps_electrophoresis_for_the_line() -> None:
    m = series("mspike", "0:28 28:8 56:8 84:8 112:8")
    assert bio_alerts(m, series("iga", COURSE), known=IGA) == []
    assert _types(m, series("iga", COURSE), known=IGA) == ["SERUM"]


def test_a_band_that_cannot_be_measured_leaves_the_line_to_the_immunoglobulin() -> None:
    low = "0:9 28:4 56:4 84:9.1 112:9.2"  # not measurable by the limit of 10: then never PD
    for course, level in ((COURSE, "BIO_PD"), (low, "BIO_POSSIBLE")):
        (alert,) = bio_alerts(_unquantified("0 28 56 84 112"), series("iga", course), known=IGA)
        assert (alert.level, alert.analyte) == (level, "iga")
    assert "rise_not_imwg" in alert.flags


def test_nothing_on_electrophoresis_needs_a_measurable_immunoglobulin() -> None:
    """In remission both are low, and a common cold must not be a progression."""
    nothing = series("mspike", "0:0 28:0 56:0")
    assert bio_alerts(nothing, series("iga", "0:1.2 28:1.1 56:7"), known=IGA) == []
    (alert,) = bio_alerts(nothing, series("iga", "0:14 28:6 56:6 84:11.1"), known=IGA)
    assert alert.level == "BIO_POSSIBLE"


def test_each_line_has_its_own_method() -> None:
    known = _clone("IgA-lambda", fact("line_start", days(60)))
    m = series("mspike", "0:28 28:8 58:8 84:8 112:8")
    assert bio_alerts(m, series("iga", COURSE), known=known) == []
    unmeasured = series("mspike", "0:28 28:8") + _unquantified("58 84 112")
    (alert,) = bio_alerts(unmeasured, series("iga", COURSE), known=known)
    assert (alert.level, alert.analyte) == ("BIO_PD", "iga")


def test_a_number_that_appears_later_is_followed_too_and_changes_no_method() -> None:
    known = _clone("IgA-lambda", fact("line_start", days(1)))
    later = series("mspike", "56:6 84:6.2 112:6.1")
    (alert,) = bio_alerts(series("iga", COURSE), later, known=known)
    assert alert.analyte == "iga"
    (alert,) = bio_alerts(series("iga", "0:32 28:12"), later, series("mspike", "140:12"), known=known)
    assert (alert.level, alert.analyte) == ("BIO_POSSIBLE", "mspike")


def test_response_falls_with_the_immunoglobulin() -> None:
    seen = view(series("iga", "0:32 28:15 56:14"), series("umprot", "0:0 28:0 56:0"), context=IGA)
    assert [v.value for v in evaluate(seen, ()).derived if v.name == "response"][-1] == "PR"


def test_light_chain_escape_is_silent_while_the_immunoglobulin_progresses() -> None:
    chains = light("0:50/10 28:50/10 84:160/10 112:170/10", "lambda")
    quiet = judge(lc_escape.RULE, chains, series("iga", "0:32 28:12 56:12"), context=IGA)
    assert [alert.level for alert in alerts_of(quiet, "LC_ESCAPE")] == ["LC_ESCAPE"]
    loud = judge(lc_escape.RULE, chains, series("iga", COURSE), context=IGA)
    assert [alert.level for alert in alerts_of(loud, "LC_ESCAPE") if alert.condition == "active"] == []


def test_the_isotype_may_come_from_the_first_positive_immunofixation() -> None:
    first = result("sife", None, days(0), coded="positive:IgA-lambda")
    drug = result("sife", None, days(100), coded="positive:IgG-kappa")
    (alert,) = bio_alerts(series("iga", COURSE), [first, drug])
    assert alert.analyte == "iga"


def test_the_rule_asks_again_when_the_clone_is_named_late() -> None:
    assert {"igg", "iga", "igm", "sife"} <= bio.RULE.inputs
