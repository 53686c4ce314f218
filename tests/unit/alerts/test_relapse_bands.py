"""One band beside the total M-protein: ranked, never the nadir of the total (analytes 2, result life cycle 2)."""

from __future__ import annotations

import pytest

from alerts.evaluate import evaluate
from alerts.result import Result
from tests.builders import days, result, view
from tests.unit.alerts.relapse import bio_alerts, serum


def _band(text: str) -> list[Result]:
    pairs = (pair.split(":") for pair in text.split())
    return [result("mspike", v, days(d), flags=("single_band",), slot=f"band@{d}") for d, v in pairs]


@pytest.mark.parametrize("slot", ["a", "z"])
def test_a_band_of_the_same_time_is_never_compared_with_the_total(slot: str) -> None:
    total = [
        result("mspike", v, days(d), slot=f"{slot}@{d}") for d, v in ((0, "40"), (28, "20"), (56, "20"), (84, "21"))
    ]
    assert bio_alerts(total, _band("28:8 56:8 84:8")) == []


def test_a_band_alone_is_no_nadir_of_the_total() -> None:
    assert bio_alerts(serum("0:40 28:20 56:20 112:21 140:21"), _band("84:8 98:8")) == []


def test_a_band_that_has_grown_beyond_the_total_is_a_rise() -> None:
    """The total is at least the band."""
    (alert,) = bio_alerts(serum("0:40 28:8 56:8"), _band("84:13.1"))
    assert (alert.level, "single_band" in alert.flags) == ("BIO_POSSIBLE", True)
    (alert,) = bio_alerts(serum("0:40 28:8 56:8"), _band("84:13.1 112:8"))
    assert alert.condition == "active"  # what one band no longer shows another may


def test_a_laboratory_that_only_sends_the_band_is_followed_by_it() -> None:
    (alert,) = bio_alerts(_band("0:40 28:8 56:8 84:13.1 112:13.5"))
    assert alert.level == "BIO_PD"
    (alert,) = bio_alerts(_band("0:40 28:8 56:8"), serum("84:13.1 112:13.5"))
    assert alert.level == "BIO_PD"  # with one clone the band was all there was


def test_a_band_makes_no_response_and_no_doubling_beside_totals() -> None:
    seen = view(serum("0:40 28:20 56:20"), _band("42:2 49:2"), [result("umprot", "0", days(0))])
    outcome = evaluate(seen, ())
    assert [v.value for v in outcome.derived if v.name == "response"][-1] == "PR"
    assert [v.value for v in outcome.derived if v.name == "doubling_time"][-1] == "none"
    assert len([v for v in outcome.derived if v.name == "doubling_time"]) == 3
