"""When the kidney, anaemia, viscosity and potassium episodes end.

Where a vector gives eGFR or a ratio directly, the rule's own clearing test judges it and the fold does the rest;
haemoglobin, viscosity and potassium go through `evaluate`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from alerts.condition import fact as fact_node
from alerts.context import Context
from alerts.episodes import fold
from alerts.kidney import clears as aki_clears
from alerts.logic import Interval, Truth
from alerts.rule import Judgement
from alerts.rules import hb_halo, hv, k_high, ren_halo
from alerts.severity import Severity
from alerts.thresholds import default_pack
from tests.unit.alerts.made import at, fact, ids, lab, pairs, patient, rows, run

PACK = default_pack()
RAISED = {"HB_HALO": ("hb", "99", hb_halo.RULE), "HV": ("visc", "3.0", hv.RULE), "K_HIGH": ("k", "5.6", k_high.RULE)}
DERIVED = ("REN_AKI", "REN_HALO")


def vectors(*rules: str) -> list[dict[str, str]]:
    return [row for row in rows("hysteresis.csv") if row["rule"] in rules]


@pytest.mark.parametrize("row", vectors(*RAISED), ids=ids)
def test_through_evaluate(row: dict[str, str]) -> None:
    """The alert is raised an hour before the first sample."""
    analyte, raised, rule = RAISED[row["rule"]]
    samples = pairs(row["samples_hour_value"])
    opening = lab(analyte, raised, str(Decimal(samples[0][0]) - 1))
    made = run([opening, *(lab(analyte, v, h) for h, v in samples)], [rule], _context(row))
    _check(row, made.alerts[0].cleared_at)
    assert made.alerts[0].opened_at == opening.collected_at


@pytest.mark.parametrize("row", vectors(*DERIVED), ids=ids)
def test_by_the_rules_own_clearing_test(row: dict[str, str]) -> None:
    judgements = [_judgement(Decimal(-1), Truth.FALSE, raised=True)]
    for hour, pair in pairs(row["samples_hour_value"]):
        first, second = (Interval.exactly(Decimal(part)) for part in pair.split("/"))
        good = aki_clears(PACK, first, second) if row["rule"] == "REN_AKI" else ren_halo.clears(PACK, first, second)
        judgements.append(_judgement(Decimal(hour), good, raised=False))
    _check(row, fold(judgements, PACK.clearing[row["rule"]])[0].cleared_at)


def _context(row: dict[str, str]) -> Context:
    hours = {"transfusion": row["transfusion_hours"], "plasma_exchange": row["plasma_exchange_hours"]}
    return patient(*(fact(kind, hour, hour) for kind, hour in hours.items() if hour))


def _judgement(hour: Decimal, clears: Truth, *, raised: bool) -> Judgement:
    return Judgement(
        at=at(hour),
        slot=f"s{hour}",
        truth=Truth.TRUE if raised else Truth.FALSE,
        node=fact_node("made", Truth.TRUE),
        severity=Severity.HIGH if raised else None,
        clears=clears,
    )


def _check(row: dict[str, str], cleared_at: datetime | None) -> None:
    expected = at(row["expected_clear_hour"]) if row["expected_cleared"] == "yes" else None
    assert cleared_at == expected
