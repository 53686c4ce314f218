"""Doubling times, exact to 0.1 d, and which points they rest on."""

from __future__ import annotations

import pytest

from alerts.logic import Truth
from alerts.myeloma.doubling import doubling
from alerts.myeloma.readings import readings
from alerts.thresholds import default_pack
from tests.builders import view
from tests.unit.alerts.relapse import Row, day, ids, rows, serum

RAPID = {Truth.TRUE: "yes", Truth.FALSE: "no", Truth.INDETERMINATE: "indeterminate"}


@pytest.mark.parametrize("row", rows("doubling_time.csv"), ids=ids)
def test_doubling(row: Row) -> None:
    found = doubling(default_pack(), readings(view(serum(row["series_day_serum_m_g_l"])), "serum"))
    assert " ".join(day(reading.at) for reading in found.used) == row["expected_points_used"]
    assert ("" if found.days is None else str(found.days)) == row["expected_doubling_time_days"]
    assert RAPID[found.rapid] == row["expected_rapid"]
