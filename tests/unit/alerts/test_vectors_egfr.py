"""Both CKD-EPI equations give the specified values, and the limits use the unrounded one."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest

from alerts.egfr import displayed, egfr, estimated
from alerts.thresholds import default_pack
from tests.unit.alerts.made import ids, lab, patient, rows, view


@pytest.mark.parametrize("row", rows("egfr.csv"), ids=ids)
def test_vector(row: dict[str, str]) -> None:
    for equation in ("2021", "2009"):
        value = egfr(Decimal(row["creatinine_umol_l"]), Decimal(row["age_years"]), row["sex"], default_pack(), equation)
        assert value.quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal(row[f"expected_ckdepi_{equation}"])
        assert (value < 40) is (row[f"expected_below_40_{equation}"] == "yes")
        if equation == "2021":
            assert displayed(value) == row["expected_display_2021"]


@pytest.mark.parametrize("row", rows("egfr.csv"), ids=ids)
def test_vector_through_a_series(row: dict[str, str]) -> None:
    creatinine = lab("creat", row["creatinine_umol_l"])
    seen = view([creatinine], patient(age=int(row["age_years"]), sex=row["sex"]))
    interval = estimated(seen, seen.series.points("creat")[0]).interval
    assert interval is not None
    assert interval.exact is not None
    assert interval.exact.quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal(row["expected_ckdepi_2021"])
