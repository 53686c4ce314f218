"""Adjusted calcium and CTCAE grades at every collection time, both versions, limits read as printed."""

from __future__ import annotations

import pytest

from alerts.alert import Derived
from alerts.derived_calcium import adjusted_calcium
from alerts.derived_ctcae import ctcae
from alerts.evaluate import evaluate
from alerts.result import Result
from tests.builders import hours, points, result, view


def grades(*results: Result | list[Result]) -> dict[tuple[str, str], str]:
    """(version, direction) to grade at hour 0."""
    found = [d for d in ctcae(view(*results)) if d.collected_at == hours(0)]
    return {(d.name.removeprefix("ctcae-"), d.direction): d.value for d in found}


def test_adjusted_calcium_at_every_collection_time_with_its_doubt() -> None:
    total = points("ca", "0:2.60 24:2.60 100:2.60")
    found = list(adjusted_calcium(view(total, points("alb", "0:30 4:10 30:35"))))
    assert found == [
        Derived(name="adjusted_calcium", value="2.80", unit="mmol/L", method="payne", collected_at=hours(0)),
        Derived(name="adjusted_calcium", value="2.70", unit="mmol/L", method="payne", collected_at=hours(24),
                flag="albumin_not_same_draw"),
    ]  # fmt: skip


NORMAL = {
    "hb": ("120", "160"), "neut": ("1.8", "7.5"), "plt": ("150", "400"), "k": ("3.5", "5.1"), "ca_adj": ("2.15", "2.60"),
    "ica": ("1.15", "1.30"), "creat": ("59", "104"),
}  # fmt: skip
TABLE = [
    ("hb", "low", "120 119.9 100 99.9 80 79.9", "0 1 1 2 2 3", "0 1 1 2 2 3"),
    ("neut", "low", "1.8 1.79 1.5 1.49 1.0 0.99 0.5 0.49 0.1 0.09", "0 1 1 2 2 3 3 4 4 4", "0 0 0 1 1 2 2 3 3 4"),
    ("ca_adj", "high", "2.60 2.61 2.9 2.91 3.1 3.11 3.4 3.41", "0 1 1 2 2 3 3 4", "0 1 1 2 2 3 3 4"),
    ("ca_adj", "low", "2.15 2.14 2.0 1.99 1.75 1.74 1.5 1.49", "0 1 1 2 2 3 3 4", "0 1 1 2 2 3 3 4"),
    ("ica", "high", "1.30 1.31 1.5 1.51 1.6 1.61 1.8 1.81", "0 1 1 2 2 3 3 4", "0 1 1 2 2 3 3 4"),
    ("ica", "low", "1.15 1.14 1.0 0.99 0.9 0.89 0.8 0.79", "0 1 1 2 2 3 3 4", "0 1 1 2 2 3 3 4"),
    ("k", "high", "5.1 5.2 5.5 5.6 6.0 6.1 7.0 7.1", "0 1 1 2 2 3 3 4", "0 1 1 2 2 3 3 4"),
    ("k", "low", "3.5 3.4 3.0 2.99 2.5 2.49", "0 1 1 3 3 4", "0 1 1 3 3 4"),
    ("creat", "high", "104 105 156 156.1 312 312.1 624 624.1", "0 1 1 2 2 3 3 4", "0 1 1 2 2 3 3 4"),
]
CASES = [
    (analyte, direction, value, five, six)
    for analyte, direction, values, fives, sixes in TABLE
    for value, five, six in zip(values.split(), fives.split(), sixes.split(), strict=True)
]


@pytest.mark.parametrize(("analyte", "direction", "value", "five", "six"), CASES)
def test_each_limit_belongs_to_the_grade_that_the_table_prints(
    analyte: str, direction: str, value: str, five: str, six: str
) -> None:
    found = grades(result(analyte, value, reference=NORMAL[analyte]))
    assert (found["v5", direction], found["v6", direction]) == (five, six)


@pytest.mark.parametrize(
    ("value", "grade"), [("150", "0"), ("149", "1"), ("75", "1"), ("74", "2"), ("50", "2"), ("49", "3"), ("24", "4")]
)
def test_platelets_are_graded_by_version_five_only(value: str, grade: str) -> None:
    assert grades(result("plt", value, reference=NORMAL["plt"])) == {("v5", "low"): grade}


def test_a_missing_limit_of_normal_leaves_only_grade_one_open() -> None:
    assert grades(result("hb", "110"))["v5", "low"] == "INDETERMINATE"
    assert grades(result("hb", "99"))["v5", "low"] == "2"
    assert grades(result("creat", "900"))["v5", "high"] == "INDETERMINATE"


def test_a_laboratory_limit_beyond_a_fixed_one_never_lowers_the_grade() -> None:
    assert grades(result("hb", "98", reference=("95", None)))["v5", "low"] == "2"


def test_creatinine_against_its_baseline_counts_in_version_six_only_below_the_lower_limit() -> None:
    usual = points("creat", "-400:60 -300:60 -200:60")
    now = result("creat", "100", reference=NORMAL["creat"])  # within limits, 1.67 times the baseline
    assert grades(usual, now) == {("v5", "high"): "2", ("v6", "high"): "0"}
    small = points("creat", "-400:50 -300:50 -200:50")
    assert grades(small, now) == {("v5", "high"): "2", ("v6", "high"): "2"}
    recent = points("creat", "-100:50")  # within 168 h: no baseline
    assert grades(recent, now) == {("v5", "high"): "0", ("v6", "high"): "0"}


def test_calcium_is_graded_as_adjusted_and_says_when_it_is_not() -> None:
    assert grades(result("ca", "2.75"), result("alb", "30"))["v5", "high"] == "2"
    (one, *_) = list(ctcae(view(result("ca", "2.75"))))
    assert (one.analyte, one.value, one.flag) == ("ca_adj", "1", "not_adjusted")


def test_a_censored_value_is_graded_only_when_the_whole_interval_lies_in_one_grade() -> None:
    assert grades(result("hb", "<80"))["v5", "low"] == "3"
    assert grades(result("hb", "<90", reference=NORMAL["hb"]))["v5", "low"] == "INDETERMINATE"


def test_preliminary_values_are_not_graded() -> None:
    assert grades(result("k", "6.5", status="P")) == {}


def test_evaluate_lists_them() -> None:
    names = {d.name for d in evaluate(view(result("ca", "2.60"), result("alb", "30"))).derived}
    assert {"adjusted_calcium", "ctcae-v5", "ctcae-v6"} <= names


def test_how_high_a_potassium_of_a_haemolysed_specimen_is_stays_open_and_how_low_does_not() -> None:
    low_high = NORMAL["k"]
    high = grades(result("k", "6.2", reference=low_high, flags=("haemolysed",)))
    assert (high["v5", "high"], high["v5", "low"]) == ("INDETERMINATE", "0")
    low = grades(result("k", "2.4", reference=low_high, flags=("haemolysed",)))
    assert (low["v5", "high"], low["v5", "low"]) == ("0", "4")
