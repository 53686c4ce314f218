"""What the clone makes: by context, by immunofixation, by the light chains' ratio, in that order."""

from __future__ import annotations

import pytest

from alerts.clone import heavy_chains, isotype_text, light_chain
from alerts.context import Fact
from alerts.result import Result
from alerts.rule import View
from alerts.severity import Severity
from tests.builders import context, days, fact, points, result, view


def fixation(day: int, coded: str, status: str = "F") -> Result:
    return result("sife", None, days(day), coded=coded, status=status)


def seen(*results: Result | list[Result], facts: tuple[Fact, ...] = ()) -> View:
    return view(*results, context=context(*facts))


def test_what_people_said_goes_first_in_full() -> None:
    said = (fact("isotype", code="IgG-kappa"), fact("isotype", value="IgA-lambda"))
    assert isotype_text(seen(fixation(0, "positive:IgM-kappa"), facts=said), days(9)) in (
        "IgG-kappa IgA-lambda", "IgA-lambda IgG-kappa",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fixations", "at", "named"),
    [
        ([fixation(0, "positive:IgG-kappa")], 0, "IgG-kappa"), ([fixation(1, "positive:IgG-kappa")], 0, ""),
        ([fixation(0, "positive:IgG-kappa", "P")], 5, ""), ([fixation(0, "negative")], 5, ""), ([], 5, ""),
        ([fixation(0, "positive:IgG-kappa"), fixation(3, "positive:IgA-lambda"), fixation(4, "negative")], 5, "IgA-lambda"),
        ([fixation(0, "positive:IgG-kappa"), fixation(3, "positive:IgA-lambda")], 2, "IgG-kappa"),
        ([fixation(0, "Positive:IgG-kappa")], 5, "IgG-kappa"),
    ],
)  # fmt: skip
def test_else_the_newest_positive_immunofixation_up_to_then(fixations: list[Result], at: int, named: str) -> None:
    assert isotype_text(seen(*fixations), days(at)) == named


@pytest.mark.parametrize(
    ("named", "heavy"),
    [
        ("IgG-kappa", {"igg"}), ("IgG3-kappa", {"igg", "igg3"}), ("IgG1-lambda", {"igg"}), ("IgA3", {"iga"}),
        ("IgG-kappa+IgA-lambda", {"igg", "iga"}), ("Ig M", {"igm"}), ("IgD", {"igd"}), ("IgE", {"ige"}), ("kappa", set()),
    ],
)  # fmt: skip
def test_heavy_chains(named: str, heavy: set[str]) -> None:
    assert heavy_chains(seen(fixation(0, f"positive:{named}")), days(0)) == heavy
    assert heavy_chains(seen(fixation(1, f"positive:{named}")), days(0)) == frozenset()


@pytest.mark.parametrize(
    ("named", "chain"),
    [("IgG-kappa", "kappa"), ("IgA-LAMBDA", "lambda"), ("IgG-kappa IgA-lambda", None), ("IgG", None)],
)
def test_the_light_chain_by_isotype(named: str, chain: str | None) -> None:
    assert light_chain(seen(facts=(fact("isotype", code=named),)), days(0)) == chain
    assert light_chain(seen(fixation(1, f"positive:{named}")), days(0)) is None


@pytest.mark.parametrize(
    ("kappa", "lambda_", "chain"),
    [
        ("0:17", "0:10", "kappa"), ("0:10", "0:10", None), ("0:2", "0:10", "lambda"), ("0:17", "1:10", None),
        ("0:17 5:10", "0:10 5:10", "kappa"), ("0:17 5:2", "0:10 5:10", "lambda"), ("9:17", "9:10", None),
    ],
)  # fmt: skip
def test_else_by_the_newest_abnormal_ratio(kappa: str, lambda_: str, chain: str | None) -> None:
    chains = seen(points("flck", kappa, unit="d"), points("flcl", lambda_, unit="d"))
    assert light_chain(chains, days(8)) == chain


@pytest.mark.parametrize("preliminary", [("P", "F"), ("F", "P")])
def test_a_preliminary_chain_names_none(preliminary: tuple[str, str]) -> None:
    kappa, lambda_ = (points(name, text, status=status) for name, text, status in
                      zip(("flck", "flcl"), ("0:100", "0:10"), preliminary, strict=True))  # fmt: skip
    assert light_chain(seen(kappa, lambda_), days(0)) is None


def test_raising_a_severity() -> None:
    """By one level, by more, never above the cap and never below itself."""
    low, medium, high, critical = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
    assert (low.raised(), low.raised(2), high.raised(3)) == (medium, high, critical)
    assert (low.raised(3, cap=medium), critical.raised(1, cap=medium)) == (medium, critical)
