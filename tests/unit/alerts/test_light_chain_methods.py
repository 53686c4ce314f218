"""Light-chain platforms are not interchangeable: each is a series of its own, side by side (analytes 4, relapse 4, 7)."""

from __future__ import annotations

import pytest

from alerts.evaluate import evaluate
from alerts.result import Result
from alerts.rules import lc_escape
from tests.builders import alerts_of, context, days, fact, judge, result, view
from tests.unit.alerts.relapse import bio_alerts, day, day_of, of_type, series

FLC_ONLY = of_type("FLC_ONLY", fact("isotype", code="kappa"))


def _draws(text: str, method: str, slots: tuple[str, str] = ("", "")) -> list[Result]:
    """`day:kappa/lambda` pairs by one platform; `slots` puts one before the other where both measured one draw."""
    found = []
    for pair in text.split():
        number, both = pair.split(":")
        for name, value, slot in zip(("flck", "flcl"), both.split("/"), slots, strict=True):
            found.append(result(name, value, days(number), method=method, slot=f"{slot}{name}{method}@{number}"))
    return found


def test_two_platforms_in_turn_do_not_hide_a_progression() -> None:
    one = _draws("0:900/10 56:100/10 100:100/10 112:300/10 168:310/10", "Freelite")
    other = _draws("28:700/10 84:150/10 140:152/10", "N Latex")
    (alert,) = bio_alerts(one[:-2], other[:-2], known=FLC_ONLY)
    assert (alert.level, day(alert.sampled_at)) == ("BIO_POSSIBLE", "112")
    *_, alert = bio_alerts(one, other, known=FLC_ONLY)
    assert (alert.level, day_of(alert.facts["pd_date"])) == ("BIO_SIGNIFICANT", "112")


def test_a_change_of_platform_makes_no_progression_and_no_nadir() -> None:
    one = _draws("0:900/10 28:100/10 56:100/10", "Freelite")
    assert bio_alerts(one, _draws("84:400/10 112:400/10", "N Latex"), known=FLC_ONLY) == []
    assert bio_alerts(one, _draws("84:20/10", "N Latex"), _draws("112:190/10", "Freelite"), known=FLC_ONLY) == []


@pytest.mark.parametrize("slots", [("a", "b"), ("b", "a"), ("a", "a"), ("b", "b")])
def test_an_overlap_sample_is_the_baseline_of_the_new_platform(slots: tuple[str, str]) -> None:
    """Whichever of the two ranks first at that time."""
    one = _draws("0:900/10 28:100/10 56:100/10", "Freelite") + _draws("84:100/10", "Freelite", slots)
    flipped = (slots[1], slots[0]) if slots[0] == slots[1] else slots[::-1]
    both = one + _draws("84:160/10", "N Latex", flipped)
    assert bio_alerts(both, known=FLC_ONLY) == []
    (alert,) = bio_alerts(both, _draws("112:365/10 140:370/10", "N Latex"), known=FLC_ONLY)
    assert (alert.level, day_of(alert.facts["pd_date"])) == ("BIO_SIGNIFICANT", "112")


def test_an_overlap_sample_that_rises_is_judged_on_the_platform_that_was_followed() -> None:
    one = _draws("0:900/10 28:100/10 56:100/10 84:300/10", "Freelite")
    for slots in (("0", "0"), ("z", "z")):
        (alert,) = bio_alerts(one, _draws("84:500/10", "N Latex", slots), known=FLC_ONLY)
        assert (alert.level, alert.facts["nadir"]) == ("BIO_POSSIBLE", "90")


def test_both_chains_of_a_ratio_come_from_one_platform() -> None:
    """Slots are so that kappa of one and lambda of the other rank first."""
    both = _draws("0:100/10", "Freelite", ("a", "b")) + _draws("0:300/60", "N Latex", ("b", "a"))
    found = [v.value for v in evaluate(view(both), ()).derived if v.name == "flc_ratio"]
    assert found == ["10.0000"]


def test_a_second_line_starts_every_platform_anew() -> None:
    known = of_type("FLC_ONLY", fact("isotype", code="kappa"), fact("line_start", days(100)))
    one = _draws("0:900/10 28:50/10 56:50/10 90:120/10 150:240/10", "Freelite")
    (alert,) = bio_alerts(one, _draws("120:600/10", "N Latex"), known=known)
    assert (day(alert.opened_at), alert.facts["nadir"]) == ("150", "110")


def test_an_escape_is_confirmed_on_one_platform_only() -> None:
    known = context(fact("isotype", code="IgG-kappa"))
    m_protein = series("mspike", "0:12 200:12")
    one = _draws("0:50/10 100:50/10 200:160/10", "Freelite")
    other = _draws("50:60/10 220:200/10", "N Latex")
    (alert,) = alerts_of(judge(lc_escape.RULE, m_protein, one, other, context=known), "LC_ESCAPE")
    assert alert.level == "LC_ESCAPE_POSSIBLE"
    again = _draws("230:170/10", "Freelite")
    (alert,) = alerts_of(judge(lc_escape.RULE, m_protein, one, other, again, context=known), "LC_ESCAPE")
    assert alert.level == "LC_ESCAPE"


def test_a_method_that_is_named_later_is_still_the_same_series() -> None:
    known = context(fact("isotype", code="IgG-kappa"))
    unnamed, named = _draws("0:50/10 100:50/10 200:160/10", ""), _draws("230:170/10", "Freelite")
    (alert,) = alerts_of(
        judge(lc_escape.RULE, series("mspike", "0:12 200:12"), unnamed, named, context=known), "LC_ESCAPE"
    )
    assert alert.level == "LC_ESCAPE"
