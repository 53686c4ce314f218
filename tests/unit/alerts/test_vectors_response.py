"""Every assessment of the vectors falls into its category."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.logic import Interval
from alerts.myeloma.patient_type import PatientType
from alerts.myeloma.response import Assessment, Fixation, category
from alerts.thresholds import default_pack
from tests.unit.alerts.relapse import Row, ids, rows

WORDS: dict[str, Fixation] = {"pos": "positive", "neg": "negative", "nd": "", "": ""}


def _number(text: str) -> Interval | None:
    if not text:
        return None
    if text == "not_quantifiable" or text.startswith("<"):
        return Interval(Decimal(0), Decimal(1), high_closed=False)
    return Interval.exactly(Decimal(text))


@pytest.mark.parametrize("row", rows("response.csv"), ids=ids)
def test_category(row: Row) -> None:
    seen = Assessment(
        kind=PatientType(row["patient_type"]),
        serum=_number(row["serum_m_g_l"]),
        serum_baseline=_number(row["baseline_serum_m_g_l"]),
        urine=_number(row["urine_m_mg_24h"]),
        urine_baseline=_number(row["baseline_urine_m_mg_24h"]),
        dflc=_number(row["dflc_mg_l"]),
        dflc_baseline=_number(row["baseline_dflc_mg_l"]),
        serum_ife=WORDS[row["serum_ife"]],
        urine_ife=WORDS[row["urine_ife"]],
        normal_ratio={"normal": True, "abnormal": False, "": None}[row["flc_ratio"]],
    )
    found = category(default_pack(), seen)
    assert (found.name if found is not None else "NOT_EVALUABLE") == row["expected_lab_category"]
