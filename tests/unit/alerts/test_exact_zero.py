"""An exact 0 is a value: nothing that asks whether there is a number may take it for none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.logic import Truth
from alerts.myeloma.complete_response import _marrow
from schemas.analytes import ANALYTES
from services.mapping.report import map_report
from tests.builders import context, days, fact, view
from tests.unit.reports import report, result


@pytest.mark.parametrize(("percent", "truths"), [("0", [Truth.FALSE]), ("5", [Truth.TRUE]), ("few", [])])
def test_a_marrow_without_plasma_cells_is_an_answer(percent: str, truths: list[Truth]) -> None:
    known = context(fact("marrow", days(0), code="plasma_cells", value=percent, unit="%"))
    assert [sign.truth for sign in _marrow(view(context=known), days(0))] == truths


@pytest.mark.parametrize("name", [r.id for r in ANALYTES.values() if r.hard and r.hard.low == 0 and r.loinc and r.unit])
def test_a_reported_zero_is_a_result(name: str) -> None:
    row = ANALYTES[name]
    (value,) = map_report(report(result(row.loinc[0], "0", row.unit))).results
    assert (value.value, value.kind, value.quality) == (Decimal(0), "NUMERIC", "ACCEPT")
    assert value.interval is not None
    assert value.interval.exact == 0
