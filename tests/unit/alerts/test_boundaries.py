"""Operators exactly as written, at the limits that no vector stands on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.clone import light_chain
from alerts.kidney import aki_at
from alerts.logic import Interval
from alerts.potassium import specimen_of
from alerts.rules import hb_drop, hv, plt_low, ren_aki
from tests.unit.alerts.made import active, fact, lab, pairs, patient, run, view


def test_nhs_stage_3_needs_more_than_354() -> None:
    for value, stage in (("354", 1), ("354.1", 3)):
        seen = view([lab("creat", "220", -720), lab("creat", value)])
        assert aki_at(seen, seen.series.points("creat")[-1]).nhs_stage == stage


def test_kdigo_stage_3_from_exactly_three_times() -> None:
    for value, stage in (("210", 3), ("209.9", 2)):
        seen = view([lab("creat", "70", -100), lab("creat", value)])
        assert aki_at(seen, seen.series.points("creat")[-1]).kdigo_stage == stage


@pytest.mark.parametrize(("share", "counts"), [("0.80", "FALSE"), ("0.8001", "TRUE")])
def test_decline_ends_only_above_80_percent(share: str, counts: str) -> None:
    limit = view([]).pack.limit("ren_decline.clear_share")
    assert Interval.exactly(Decimal(share)).test(limit.operator, limit.value) == counts


@pytest.mark.parametrize(("calcium", "told"), [("2.75", False), ("2.76", True)])
def test_calcium_is_told_above_2_75(calcium: str, told: bool) -> None:
    results = [lab("creat", "80", -240), lab("creat", "160"), lab("ca", calcium)]
    assert ("with_hypercalcaemia" in active(run(results, [ren_aki.RULE]))["REN_AKI"].flags) is told


@pytest.mark.parametrize(
    ("index", "haemolysed", "withheld"),
    [("0.49", False, False), ("0.5", True, False), ("5.0", True, False), ("5.1", True, True)],
)
def test_haemolysis_index(index: str, haemolysed: bool, withheld: bool) -> None:
    seen = view([lab("k", "4.4"), lab("hi", index)])
    state = specimen_of(seen, seen.series.points("k")[0])
    assert (state.haemolysed, state.withheld) == (haemolysed, withheld)


@pytest.mark.parametrize(("back", "open_"), [("122", False), ("121.9", True)])
def test_a_drop_ends_exactly_10_below_the_reference(back: str, open_: bool) -> None:
    results = [lab("hb", v, h) for h, v in pairs(f"-100:132 0:110 24:{back} 48:{back}")]
    assert ("HB_DROP" in active(run(results, [hb_drop.RULE]))) is open_


def test_igm_of_exactly_60_is_high() -> None:
    assert run([lab("igm", "60")], [hv.RULE]).alerts[0].level == "HV_HIGH"
    assert run([lab("igm", "59.9")], [hv.RULE]).alerts[0].level == "HV_CHECK"
    assert (
        run([lab("mspike", "60")], [hv.RULE], patient(fact("isotype", value="IgM-kappa"))).alerts[0].level == "HV_HIGH"
    )


def test_platelets_of_exactly_50_end_it() -> None:
    for value, open_ in (("50", False), ("49.9", True)):
        results = [lab("plt", "20"), lab("plt", value, 24), lab("plt", value, 48)]
        assert ("PLT_LOW" in active(run(results, [plt_low.RULE]))) is open_


@pytest.mark.parametrize(
    ("kappa", "lambda_", "side"),
    [("165", "100", None), ("165.1", "100", "kappa"), ("26", "100", None), ("25.9", "100", "lambda")],
)
def test_the_side_of_the_clone(kappa: str, lambda_: str, side: str | None) -> None:

    seen = view([lab("flck", kappa), lab("flcl", lambda_)])
    assert light_chain(seen, seen.series.points("flck")[0].at) == side
