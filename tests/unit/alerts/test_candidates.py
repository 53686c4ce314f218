"""Findings that ask for enrolment: a measured M-protein, a positive fixation, a ratio certainly outside 0.26 to 1.65."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.candidates import candidates
from alerts.result import Result
from alerts.series import Series
from alerts.thresholds import default_pack
from tests.builders import hours, result


def found(*results: Result) -> list[tuple[str, object, str]]:
    return [(c.reason, c.value, c.unit) for c in candidates(Series().merge(results), default_pack())]


@pytest.mark.parametrize(("results", "expected"), [
    ([], []),
    ([result("mspike", "0.4")], [("m_protein", Decimal("0.4"), "g/L")]),
    ([result("mspike", "0")], []), ([result("mspike", "<1")], []),
    ([result("mspike", ">1")], [("m_protein", None, "")]),
    ([result("mspike", "3", status="P")], []), ([result("mspike", "3", status="D")], []),
    ([result("umprot", "120")], [("m_protein", Decimal(120), "mg/(24.h)")]),
    ([result("sife", coded="positive:IgG-kappa")], [("m_protein", None, "")]),
    ([result("sife", coded="negative")], []), ([result("uife", coded="positive")], [("m_protein", None, "")]),
    ([result("flck", "165"), result("flcl", "100")], []),
    ([result("flck", "165.1"), result("flcl", "100")], [("flc_ratio", Decimal("1.6510"), "{ratio}")]),
    ([result("flck", "26"), result("flcl", "100")], []),
    ([result("flck", "25.9"), result("flcl", "100")], [("flc_ratio", Decimal("0.2590"), "{ratio}")]),
    ([result("flck", "<3"), result("flcl", "100")], [("flc_ratio", None, "")]),
    ([result("flck", "<30"), result("flcl", "100")], []),
    ([result("flck", "300")], []),
])  # fmt: skip
def test_what_makes_a_candidate(results: list[Result], expected: list[tuple[str, object, str]]) -> None:
    assert found(*results) == expected


def test_the_first_sample_of_each_reason_counts() -> None:
    later, first = result("mspike", "9", hours(48)), result("mspike", "4", hours(0))
    pair = [result("flck", "900", hours(24)), result("flcl", "10", hours(24))]
    one, two = candidates(Series().merge([later, *pair, first]), default_pack())
    assert (one.reason, one.value) == ("m_protein", Decimal(4))
    assert (two.reason, two.value) == ("flc_ratio", Decimal(90))
