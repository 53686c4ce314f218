"""eGFR and AKI stage are shown at every creatinine, by both equations and both algorithms."""

from __future__ import annotations

from decimal import Decimal

from alerts.alert import Derived
from alerts.derived_kidney import aki, egfr
from tests.unit.alerts.made import START, fact, lab, patient, view


def test_egfr_by_both_equations_to_one_decimal() -> None:
    found = list(egfr(view([lab("creat", "159.5")])))
    assert [(d.method, d.value, d.flag) for d in found] == [
        ("ckd-epi-2021", "39.9", ""),
        ("ckd-epi-2009", "37.2", ""),
    ]
    assert found[0].unit == "mL/min/{1.73_m2}"


def test_egfr_is_marked_unreliable_during_aki() -> None:
    flags = [d.flag for d in egfr(view([lab("creat", "80", -24), lab("creat", "160")]))]
    assert flags == ["", "", "unreliable", "unreliable"]


def test_no_egfr_without_sex_or_of_a_bound() -> None:
    assert list(egfr(view([lab("creat", "100")], patient(sex="")))) == []
    assert list(egfr(view([lab("creat", "<18")]))) == []


def test_aki_by_both_algorithms() -> None:
    limits = {"reference_low": Decimal(59), "reference_high": Decimal(104)}
    results = [lab("creat", "80", -720, **limits), lab("creat", "89.6", **limits)]
    assert list(aki(view(results)))[2:] == [
        Derived(name="aki", value="0", method="nhs", ratio="1.1200", flag="none", collected_at=START),
        Derived(name="aki", value="0", method="kdigo", collected_at=START),
    ]


def test_aki_is_suppressed_on_dialysis() -> None:
    found = list(aki(view([lab("creat", "300")], patient(fact("dialysis", -10)))))
    assert [(d.value, d.flag) for d in found] == [("SUPPRESSED", "dialysis"), ("SUPPRESSED", "")]
