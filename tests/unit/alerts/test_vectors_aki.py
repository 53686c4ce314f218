"""The NHS England algorithm and KDIGO stage every vector as specified."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.kidney import aki_at
from tests.unit.alerts.made import fact, ids, lab, pairs, patient, rows, view


@pytest.mark.parametrize("row", rows("aki.csv"), ids=ids)
def test_vector(row: dict[str, str]) -> None:
    limits = {"reference_low": Decimal(row["lln_umol_l"]), "reference_high": Decimal(row["uln_umol_l"])}
    earlier = [
        # of two results of one time the one from the central laboratory counts: here the vector's own
        lab("creat", value, f"-{hours}", tail=f"#{i}", flags=("point_of_care",) if hours == "0" else ())
        for i, (hours, value) in enumerate(pairs(row["previous_hours_before_umol_l"]))
    ]
    now = lab("creat", row["creatinine_umol_l"], 0, **limits)
    context = patient(*([fact("dialysis", -1)] if row["dialysis"] == "yes" else []))
    seen = view([now, *earlier], context)
    point = seen.series.at("creat", now.collected_at)
    assert point is not None
    aki = aki_at(seen, point)
    if row["expected_reported_stage"] == "SUPPRESSED":
        assert (aki.suppressed, aki.stage) == ("dialysis", 0)
        return
    assert aki.suppressed == ""
    assert str(aki.nhs_stage) == row["expected_nhs_stage"]
    assert str(aki.kdigo_stage) == row["expected_kdigo_7d_stage"]
    assert str(aki.stage) == row["expected_reported_stage"]
    assert aki.flag == row["expected_nhs_flag"]
    assert (str(aki.ratio) if aki.ratio is not None else "") == row["expected_nhs_ratio"]
    assert (aki.node.truth == "TRUE") is (aki.stage > 0)
