"""The criterion of progressive disease: rules met by component, and the alert that `evaluate` makes of one sample."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from alerts.condition import Node, Quantity
from alerts.logic import Interval
from alerts.myeloma.progression import dflc, met_rules, serum, urine
from alerts.thresholds import Pack, default_pack
from tests.unit.alerts.relapse import Row, bio_alerts, ids, light, of_type, rows, series

Criterion = Callable[[Pack, Quantity, Quantity], Node]
ROWS = rows("pd.csv")
COMPONENTS: tuple[tuple[str, str, Criterion], ...] = (
    ("serum_m_nadir_g_l", "serum_m_value_g_l", serum),
    ("urine_m_nadir_mg_24h", "urine_m_value_mg_24h", urine),
    ("dflc_nadir_mg_l", "dflc_value_mg_l", dflc),
)


def _number(name: str, text: str) -> Quantity:
    return Quantity(name=name, interval=Interval.exactly(Decimal(text)))


def _rules(row: Row) -> list[str]:
    found: list[str] = []
    for nadir, value, criterion in COMPONENTS:
        applies = criterion is not dflc or row["patient_type"] == "FLC_ONLY"
        if row[value] and applies:
            found += met_rules(criterion(default_pack(), _number(nadir, row[nadir]), _number(value, row[value])))
    return found


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_rules_met(row: Row) -> None:
    assert (" ".join(_rules(row)) or "none") == row["expected_rules"]


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_one_sample_through_evaluate(row: Row) -> None:
    results = []
    for analyte, nadir, value, _ in (("mspike", *COMPONENTS[0]), ("umprot", *COMPONENTS[1])):
        results += series(analyte, f"-200:{row[nadir]} -100:{row[nadir]} 0:{row[value]}") if row[value] else []
    if row["dflc_value_mg_l"]:
        low, now = (Decimal(row[key]) + 10 for key in ("dflc_nadir_mg_l", "dflc_value_mg_l"))
        results += light(f"-200:{low}/10 -100:{low}/10 0:{now}/10")
    alerts = bio_alerts(results, known=of_type(row["patient_type"]))
    on_section_4 = [a for a in alerts if a.facts.get("possible_basis") == "confirmed_nadir"]
    assert bool(on_section_4) == (row["expected_criterion_met"] != "no")
    for alert in on_section_4:
        assert alert.level == "BIO_POSSIBLE"
        assert ("rise_not_imwg" in alert.flags) == (row["expected_criterion_met"] == "rise_not_imwg")
