"""Urine M-protein: the criterion on the converted value; what cannot be compared stays open."""

from __future__ import annotations

import pytest

from alerts.rules import bio
from tests.builders import days, judge, result
from tests.unit.alerts.relapse import Row, ids, of_type, rows, series

ROWS = [row for row in rows("urine_pd.csv") if row["expected_status"] != "QUARANTINE"]


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_criterion(row: Row) -> None:
    nadir = series("umprot", f"-200:{row['nadir_mg_24h']} -100:{row['nadir_mg_24h']}")
    value = row["expected_value_mg_24h"] or row["reported_value"]
    now = result("umprot", value, days(0), quality=row["expected_status"])
    outcome = judge(bio.RULE, nadir, now, context=of_type("URINE"))
    if row["expected_criterion_met"] == "indeterminate":
        (open_question,) = outcome.undetermined
        assert (open_question.missing, outcome.alerts) == (("u24_volume",), ())
        return
    assert bool(outcome.alerts) == (row["expected_criterion_met"] == "yes")
