"""The quick way equals the plain way for the relapse rules: platforms, bands, immunoglobulins, immunofixations, lines."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rules import bio, cr_lost, lc_escape
from tests.builders import context, days, fact, result, view
from tests.unit.alerts.test_memo import quick

RULES = (bio.RULE, lc_escape.RULE, cr_lost.RULE)
NUMBERS = {
    "mspike": ["0", "<1", "8", "8.4", "14", "20"], "umprot": ["0", "50", "300"], "flck": ["20", "90", "300", "420"],
    "flcl": ["10"], "iga": ["4", "12", "17.5", "25"], "igg": ["8", "30"], "hb": ["92", "130"],
}  # fmt: skip
CODED = {
    "sife": ["negative", "positive:IgA-kappa", "positive:IgG-kappa", "positive"],
    "uife": ["negative", "positive:FLC-kappa"],
}
FLAGS = {"mspike": ("single_band",)}
METHODS = ("", "Freelite", "N Latex")
CONTEXTS = (
    context(),
    context(fact("isotype", code="IgA-kappa")),
    context(fact("patient_type", code="FLC_ONLY"), fact("isotype", code="kappa")),
    context(fact("isotype", code="IgA-kappa", note="beta"), fact("line_start", days(70)), fact("line_start", days(200))),
    context(fact("isotype", code="IgG-kappa"), fact("drug", days(0), days(90), code="daratumumab"),
            fact("plasma_exchange", days(60)), fact("verdict", days(150), code="CLIN_RELAPSE")),
)  # fmt: skip


@st.composite
def _result(draw: st.DrawFn) -> Result:
    at = days(14 * draw(st.integers(0, 18)))
    version = days(300 + draw(st.integers(0, 3)))
    name = draw(st.sampled_from(["flck", "flck", "flcl", "flcl", "mspike", "mspike", *NUMBERS, *CODED, "sife", "sife"]))
    if name in CODED:
        return result(name, None, at, coded=draw(st.sampled_from(CODED[name])), version=version)
    method = draw(st.sampled_from(METHODS)) if name in ("flck", "flcl") else ""
    flags = draw(st.sampled_from([(), FLAGS.get(name, ())]))
    specimen = draw(st.sampled_from(["", "", "1", "2"]))
    slot = f"{name}{method}{flags}@{at:%Y-%m-%d}"
    status = draw(st.sampled_from("FFFFFFCD"))
    value = draw(st.sampled_from(NUMBERS[name])) if status != "D" else None
    return result(
        name, value, at, status=status, version=version, method=method, flags=flags, slot=slot, specimen=specimen
    )


def _batches() -> st.SearchStrategy[list[list[Result]]]:
    return st.lists(st.lists(_result(), min_size=1, max_size=6), min_size=1, max_size=10)


@settings(max_examples=200, deadline=None)
@given(_batches(), st.sampled_from(CONTEXTS))
def test_asked_again_after_every_report_they_say_what_they_say_of_the_whole(
    found: list[list[Result]], known: Context
) -> None:
    everything = [one for batch in found for one in batch]
    plain = evaluate(view(everything, context=known), RULES, derived=False)
    assert plain.failed == {}
    for rule in RULES:
        memo = quick(found, rule, known)
        assert list(memo.alerts) == [alert for alert in plain.alerts if alert.rule == rule.name]
        assert list(memo.undetermined) == [item for item in plain.undetermined if item.rule == rule.name]


@settings(max_examples=100, deadline=None)
@given(_batches(), st.sampled_from(CONTEXTS), st.randoms(use_true_random=False))
def test_any_order_of_arrival_and_any_repeat_makes_the_same(
    found: list[list[Result]], known: Context, shuffled: object
) -> None:
    everything = [one for batch in found for one in batch]
    again = [*everything, *everything[::2]]
    shuffled.shuffle(again)  # type: ignore[attr-defined]
    one, other = (evaluate(view(items, context=known), RULES) for items in (everything, again))
    assert (one.alerts, one.derived, one.undetermined) == (other.alerts, other.derived, other.undetermined)
