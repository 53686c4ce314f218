"""Light-chain escape through `evaluate`, and what the kidney does to its severity."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.condition import Quantity
from alerts.context import Context
from alerts.logic import Interval, Truth
from alerts.myeloma.escape import kidney
from alerts.result import Result
from alerts.rules import lc_escape
from alerts.thresholds import default_pack
from tests.builders import alerts_of, days, fact, judge, result
from tests.unit.alerts.relapse import Row, ids, of_type, rows, series

ROWS = rows("light_chain_escape.csv")


def _light(row: Row) -> list[Result]:
    """Two samples at the nadir, long before; then the one or two of the vector."""
    nadir = Decimal(row["dflc_nadir_mg_l"])
    low, other = (nadir + 10, 10) if nadir > -10 else (Decimal(1), 1 - nadir)
    kappa, lambda_ = (low, other) if row["involved_chain"] == "kappa" else (other, low)
    found = series("flck", f"-200:{kappa} -100:{kappa}") + series("flcl", f"-200:{lambda_} -100:{lambda_}")
    for day, number in ((0, 1), (28, 2)):
        if row[f"sample{number}_kappa_mg_l"]:
            found.append(result("flck", row[f"sample{number}_kappa_mg_l"], days(day)))
            found.append(result("flcl", row[f"sample{number}_lambda_mg_l"], days(day)))
    return found


def _known(row: Row) -> Context:
    return of_type(row["patient_type"], fact("isotype", code=row["involved_chain"]))


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_level(row: Row) -> None:
    serum = "-200:8 -100:8 -30:13.1 -5:13.5" if row["serum_m_in_pd"] == "yes" else "-200:8 -100:8 -5:8"
    alerts = alerts_of(judge(lc_escape.RULE, _light(row), series("mspike", serum), context=_known(row)), "LC_ESCAPE")
    in_force = [alert for alert in alerts if alert.condition == "active"]
    assert (in_force[-1].level if in_force else "NONE") == row["expected_alert"]
    assert all(alert.clear_cause == "not_confirmed" for alert in alerts if alert not in in_force)


@pytest.mark.parametrize("row", [r for r in ROWS if r["expected_alert"] == "LC_ESCAPE"], ids=ids)
def test_kidney(row: Row) -> None:
    now = Quantity(name="egfr", interval=Interval.exactly(Decimal(row["egfr_now"])))
    node = kidney(default_pack(), now, Interval.exactly(Decimal(row["egfr_median_365d"])))
    assert (node.truth is Truth.TRUE) == (row["expected_severity"] == "HIGH")
