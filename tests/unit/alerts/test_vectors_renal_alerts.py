"""Myeloma kidney alerts.

The vectors give eGFR, AKI stage and medians directly, which no creatinine of one person yields together; so each limb
is tested with the vector's numbers, and the whole way from creatinine to alert in `test_renal_rules.py`.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from alerts.condition import Quantity
from alerts.intervals import ratio
from alerts.logic import Interval, Truth
from alerts.rules import ren_decline, ren_halo, ren_lccn, ren_rise
from alerts.thresholds import default_pack
from tests.unit.alerts.made import START, active, fact, ids, lab, patient, rows, run

PACK = default_pack()


def exactly(text: str) -> Interval:
    return Interval.exactly(Decimal(text))


@pytest.mark.parametrize("row", rows("renal_alerts.csv"), ids=ids)
def test_ren_halo(row: dict[str, str]) -> None:
    estimate = Quantity(name="egfr", interval=exactly(row["egfr_ml_min_1_73m2"]))
    creatinine = exactly(row["creatinine_umol_l"])
    node = ren_halo.limbs(PACK, estimate, Quantity(name="creat", interval=creatinine))
    known = row["ren_halo_in_prior_90d"] == "yes"
    met = ren_halo.severity(known=known) if node.truth is Truth.TRUE else ""
    assert met == row["expected_ren_halo"]
    assert ren_halo.tagged_imwg(PACK, creatinine) is (row["expected_imwg177"] == "yes")


@pytest.mark.parametrize("row", rows("renal_alerts.csv"), ids=ids)
def test_ren_rise_through_evaluate(row: dict[str, str]) -> None:
    results = [lab("creat", row["creatinine_umol_l"], 500)]
    if row["creatinine_at_therapy_start_umol_l"]:
        results.append(lab("creat", row["creatinine_at_therapy_start_umol_l"], -1))
    alerts = active(run(results, [ren_rise.RULE], patient(fact("line_start", 0))))
    assert (alerts["REN_RISE"].severity if alerts else "") == row["expected_ren_rise"]


@pytest.mark.parametrize("row", rows("renal_alerts.csv"), ids=ids)
def test_ren_lccn_through_evaluate(row: dict[str, str]) -> None:
    """A creatinine that gives the vector's AKI stage and the vector's side of eGFR 40."""
    stage, kidney = int(row["aki_stage"]), Decimal(row["egfr_ml_min_1_73m2"]) < 40
    now = Decimal(200 if kidney else 90)
    results = [lab("creat", str(now), 0)]
    if stage:
        results.append(lab("creat", str(now / {1: Decimal("1.5"), 2: 2}[stage]), -240))
    if row["involved_flc_mg_l"]:
        results += [lab("flck", row["involved_flc_mg_l"], 0), lab("flcl", "10", 0)]
    alerts = active(run(results, [ren_lccn.RULE]))
    assert (alerts["REN_LCCN"].severity if alerts else "") == row["expected_ren_lccn"]


@pytest.mark.parametrize("row", [r for r in rows("renal_alerts.csv") if r["previous_egfr"]], ids=ids)
def test_ren_decline(row: dict[str, str]) -> None:
    usual = exactly(row["egfr_median_prior_365d"])
    now, before = (
        ren_decline.declined(PACK, Quantity(name="share", interval=ratio(exactly(row[column]), usual))).truth
        is Truth.TRUE
        for column in ("egfr_ml_min_1_73m2", "previous_egfr")
    )
    apart = START + timedelta(days=int(row["days_since_previous_egfr"]))
    met = now and before and ren_decline.confirmed(PACK, START, apart)
    assert ("MEDIUM" if met else "") == row["expected_ren_decline"]
