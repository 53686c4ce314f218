"""IMWG renal response by the table of kidney 3, at its limits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from alerts.renal_response import category, renal_response
from alerts.thresholds import default_pack
from tests.builders import context, days, fact, points, view

KNOWN = {"sex": "M", "birth_date": date(1956, 3, 1)}


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("49.9", "60", "CR_RENAL"), ("49.9", "59.9", "NR_RENAL"), ("50", "90", ""),
        ("14.9", "60", "CR_RENAL"), ("14.9", "59.9", "PR_RENAL"), ("14.9", "30", "PR_RENAL"),
        ("14.9", "29.9", "MR_RENAL"), ("14.9", "15", "MR_RENAL"), ("14.9", "14.9", "NR_RENAL"),
        ("15", "30", "MR_RENAL"), ("29.9", "59.9", "MR_RENAL"), ("15", "29.9", "NR_RENAL"),
        ("30", "59.9", "NR_RENAL"), ("30", "60", "CR_RENAL"), ("35", "20", "NR_RENAL"),
    ],
)  # fmt: skip
def test_the_table(before: str, now: str, said: str) -> None:
    assert category(default_pack(), Decimal(before), Decimal(now)) == said


def test_from_creatinine_since_the_line_began() -> None:
    known = context(fact("line_start", days(0)), **KNOWN)
    seen = view(points("creat", "-1:400 30:200 60:100", unit="d"), context=known)
    assert [(d.value, d.flag) for d in renal_response(seen)] == [("PR_RENAL", ""), ("CR_RENAL", "")]


def test_without_a_line_the_first_creatinine_is_the_baseline_and_says_so() -> None:
    seen = view(points("creat", "0:400 30:200", unit="d"), context=context(**KNOWN))
    assert [(d.value, d.flag) for d in renal_response(seen)] == [("PR_RENAL", "line_start_assumed")]


def test_nothing_is_said_without_sex_or_age() -> None:
    assert list(renal_response(view(points("creat", "0:400 30:200", unit="d")))) == []
