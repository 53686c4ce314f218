"""Nadirs and values of which only an interval is known: the criterion's truth and the alert."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.condition import Quantity
from alerts.logic import Interval
from alerts.myeloma.progression import serum
from alerts.result import Result
from alerts.thresholds import default_pack
from tests.builders import days, result
from tests.unit.alerts.relapse import Row, bio_alerts, ids, of_type, rows, state

WORDS = {
    "neg": Interval(Decimal(0), Decimal(1), high_closed=False),
    "sled": Interval(Decimal(0), Decimal(1), low_closed=False, high_closed=False),
}


def _made(text: str, day: int) -> Result:
    if text in WORDS:
        return result("mspike", None, days(day), kind="QUALITATIVE", interval=WORDS[text])
    return result("mspike", text, days(day))


@pytest.mark.parametrize("row", rows("censored_nadir.csv"), ids=ids)
def test_criterion_and_state(row: Row) -> None:
    nadir, value = _made(row["nadir_text"], -100), _made(row["value_text"], 0)
    low, now = (Quantity(name="serum_m", interval=found.interval) for found in (nadir, value))
    assert serum(default_pack(), low, now).truth == row["expected_criterion"]
    before = [_made(row["nadir_text"], -200), nadir]
    assert state(bio_alerts(before, value, known=of_type("SERUM"))) == row["expected_state"]
