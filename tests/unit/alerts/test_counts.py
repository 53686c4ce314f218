"""Neutrophils and platelets: limits exactly as written, clumped counts invalid, two good samples to end."""

from __future__ import annotations

import pytest

from alerts.rules import neut_low, plt_low
from tests.unit.alerts.made import active, lab, run

RULES = (neut_low.RULE, plt_low.RULE)


@pytest.mark.parametrize(
    ("analyte", "value", "found"),
    [
        ("neut", "1.0", {}), ("neut", "0.99", {"NEUT_LOW": "MEDIUM"}), ("neut", "0.5", {"NEUT_LOW": "MEDIUM"}),
        ("neut", "0.49", {"NEUT_LOW": "HIGH"}), ("neut", "<0.1", {"NEUT_LOW": "HIGH"}),
        ("plt", "50", {}), ("plt", "49", {"PLT_LOW": "MEDIUM"}), ("plt", "25", {"PLT_LOW": "MEDIUM"}),
        ("plt", "24", {"PLT_LOW": "CRITICAL"}),
    ],
)  # fmt: skip
def test_limits(analyte: str, value: str, found: dict[str, str]) -> None:
    assert {rule: a.severity for rule, a in active(run([lab(analyte, value)], RULES)).items()} == found


def test_a_clumped_count_is_invalid() -> None:
    clumped = lab("plt", "12", comments=("Agregati trombocitov",))
    assert run([clumped], RULES).alerts == ()
    good = [lab("plt", "60", 24, comments=("platelet clumps",)), lab("plt", "60", 48)]
    assert "PLT_LOW" in active(run([lab("plt", "12"), *good], RULES))


@pytest.mark.parametrize(("values", "open_"), [(["1.0"], True), (["1.0", "1.1"], False), (["1.0", "0.9", "1.2"], True)])
def test_clearing(values: list[str], open_: bool) -> None:
    later = [lab("neut", value, 24 * (i + 1)) for i, value in enumerate(values)]
    assert ("NEUT_LOW" in active(run([lab("neut", "0.4"), *later], RULES))) is open_
