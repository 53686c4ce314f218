"""Every anaemia vector through `evaluate`: limbs, reference, alerts and the highest severity."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.haemoglobin import reference, references
from alerts.rules import hb_acute, hb_drop, hb_halo, hb_imwg
from alerts.severity import worst
from tests.unit.alerts.made import START, active, fact, ids, lab, pairs, patient, rows, run, view

RULES = (hb_halo.RULE, hb_imwg.RULE, hb_drop.RULE, hb_acute.RULE)


@pytest.mark.parametrize("row", rows("anaemia.csv"), ids=ids)
def test_vector(row: dict[str, str]) -> None:
    now = lab("hb", row["hb_g_l"], 0, reference_low=Decimal(row["hb_lln_g_l"]))
    earlier = [lab("hb", value, f"-{hours}") for hours, value in pairs(row["prior_hours_before_hb_g_l"])]
    transfusion = row["transfusion_hours_before"]
    context = patient(*([fact("transfusion", f"-{transfusion}", f"-{transfusion}")] if transfusion else []))
    seen = view([now, *earlier], context)
    point = seen.series.points("hb")[-1]

    limb = hb_imwg.limb(seen, point).truth == "TRUE"
    assert limb is (row["expected_imwg"] == "yes")
    usual = reference(references(seen, START))
    assert (str(usual.exact) if usual else "") == row["expected_reference_hb_g_l"]

    opened = {a.rule: a for a in run([now, *earlier], RULES, context).alerts if a.sampled_at == START}
    assert ("HB_HALO" in opened) is (row["expected_halo"] == "yes")
    assert ("HB_IMWG" in opened) is (row["expected_imwg"] == "yes" and row["expected_halo"] == "no")
    assert ("HB_DROP" in opened) is (row["expected_hb_drop"] == "yes")
    assert ("HB_ACUTE" in opened) is (row["expected_hb_acute"] == "yes")
    assert (worst([a.severity for a in opened.values()]) if opened else "") == row["expected_severity"]


def test_a_low_value_does_not_become_the_new_normal() -> None:
    """The reference rolls on; the drop is over only near the value it fell from."""
    low = [lab("hb", "110", 24 * day) for day in range(1, 8)]
    before = [lab("hb", "132", -300), lab("hb", "131", -200), lab("hb", "133", -100)]
    assert "HB_DROP" in active(run([*before, *low], RULES))
    recovered = [lab("hb", "124", 24 * 9), lab("hb", "123", 24 * 10)]
    assert "HB_DROP" not in active(run([*before, *low, *recovered], RULES))


def test_without_a_lower_limit_the_imwg_limb_stays_open() -> None:
    made = run([lab("hb", "105")], RULES)
    assert [(u.rule, u.missing) for u in made.undetermined] == [("HB_IMWG", ("hb_lln",))]
    assert made.alerts == ()


@pytest.mark.parametrize(
    ("value", "alert", "undetermined"),
    [("<70", {"HB_HALO": "CRITICAL"}, []), ("<120", {}, ["HB_HALO", "HB_IMWG"]), (">150", {}, [])],
)
def test_censored(value: str, alert: dict[str, str], undetermined: list[str]) -> None:
    made = run([lab("hb", value, reference_low=Decimal(130))], RULES)
    assert {a.rule: a.severity for a in made.alerts} == alert
    assert [u.rule for u in made.undetermined] == undetermined
