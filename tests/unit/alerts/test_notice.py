"""What people are told when an alert is withdrawn: both values, or none where they were another patient's."""

from __future__ import annotations

import pytest

from alerts.alert import AlertState
from alerts.lifecycle import ending
from alerts.result import Result
from alerts.rules import ca_high, ren_aki
from alerts.wording.notice import notices
from tests.builders import alerts_of, hours, judge, result, view


def _told(*results: Result, rule: str = "CA_HIGH") -> AlertState:
    (alert,) = alerts_of(judge(ca_high.RULE if rule == "CA_HIGH" else ren_aki.RULE, *results), rule)
    return alert


FIRST = result("ca_adj", "3.62", hours(0), slot="s", status="F", version=hours(1))


@pytest.mark.parametrize(
    ("status", "value", "en", "sl"),
    [
        ("C", "2.36", "Withdrawn: Calcium (adjusted) was 3.62 mmol/L, corrected to 2.36 mmol/L", "prej 3,62 mmol/L"),
        ("D", None, "Withdrawn: the laboratory has deleted Calcium (adjusted) 3.62 mmol/L", "izbrisal izvid"),
        ("W", None, "Withdrawn: the result was another patient's", "pripadal drugemu bolniku"),
    ],
)
def test_the_line_says_what_was_and_what_is(status: str, value: str | None, en: str, sl: str) -> None:
    before = _told(FIRST)
    later = result("ca_adj", value, hours(0), slot="s", status=status, version=hours(2))
    series = view([FIRST, later]).series
    texts = notices(before, ending(before, series), series)
    assert texts["en"].startswith(en)
    assert sl in texts["sl"]
    assert all(len(text) < 140 for text in texts.values())
    if status == "W":
        assert not any(digits in text for text in texts.values() for digits in ("3.62", "3,62"))


def test_a_corrected_reference_says_that_the_comparison_changed() -> None:
    """The value itself stands; what it was compared with was corrected."""
    reference = result("creat", "100", hours(-720), slot="r", status="F", version=hours(-719))
    high = result("creat", "150", hours(0), slot="h", status="F", version=hours(1))
    before = _told(reference, high, rule="REN_AKI")
    corrected = result("creat", "110", hours(-720), slot="r", status="C", version=hours(2))
    series = view([reference, high, corrected]).series
    texts = notices(before, ending(before, series), series)
    assert texts["en"].startswith("Withdrawn after a correction of what it was compared with: Creatinine 150")
    assert all(len(text) < 140 for text in texts.values())
