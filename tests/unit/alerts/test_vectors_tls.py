"""Every tumour lysis vector through `evaluate`."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.result import Result
from alerts.rules import tls
from tests.unit.alerts.made import active, fact, ids, lab, pairs, patient, rows, run

NAMES = {"K": "k", "PHOS": "phos", "CA": "ca_adj", "URATE": "urate"}
STARTED = patient(fact("line_start", 0))


def results(row: dict[str, str]) -> list[Result]:
    found = []
    for analyte, rest in pairs(row["results_analyte_hour_value"], "@"):
        hour, _, value = rest.partition(":")
        found.append(lab(NAMES[analyte], value, hour))
    if row["creatinine_rise_umol_l"]:
        newest = max(found, key=lambda r: r.collected_at)
        hour = (newest.collected_at - lab("k", "1").collected_at).total_seconds() / 3600
        found += [lab("creat", "80", -1), lab("creat", str(80 + Decimal(row["creatinine_rise_umol_l"])), hour)]
    return found


@pytest.mark.parametrize("row", rows("tls.csv"), ids=ids)
def test_vector(row: dict[str, str]) -> None:
    made = run(results(row), [tls.RULE], STARTED)
    alerts = [a for a in made.alerts if a.condition == "active"]
    assert len(alerts) <= 1
    assert (alerts[0].level if alerts else "NONE") == row["expected_state"]
    assert (alerts[0].severity if alerts else "") == row["expected_severity"]
    assert made.undetermined == ()


def test_without_a_known_start_the_question_stays_open() -> None:
    made = run([lab("k", "6.1"), lab("phos", "1.6")], [tls.RULE])
    assert [(u.missing, u.possible) for u in made.undetermined] == [(("line_start",), ("CRITICAL",))]


def test_total_calcium_is_adjusted_by_albumin() -> None:
    low = [lab("ca", "1.60", 5), lab("urate", "480", 5)]
    assert run(low, [tls.RULE], STARTED).alerts == ()
    assert run([*low, lab("alb", "30", 5)], [tls.RULE], STARTED).alerts == ()  # 1.80
    assert active(run([*low, lab("alb", "40", 5)], [tls.RULE], STARTED))["TLS"].level == "TLS_LAB"


def test_a_haemolysed_potassium_is_no_criterion() -> None:
    pair = [lab("k", "6.1", 5, flags=("haemolysed",)), lab("phos", "1.6", 5)]
    assert run(pair, [tls.RULE], STARTED).alerts == ()


def test_a_later_creatinine_makes_it_clinical_and_seven_days_end_it() -> None:
    pair = [lab("k", "6.1", 5), lab("phos", "1.6", 5), lab("creat", "80", -1)]
    assert active(run([*pair, lab("creat", "120", 40)], [tls.RULE], STARTED))["TLS"].level == "TLS_CLINICAL"
    assert "TLS" in active(run([*pair, lab("k", "4.0", 172)], [tls.RULE], STARTED))
    assert "TLS" not in active(run([*pair, lab("k", "4.0", 173)], [tls.RULE], STARTED))
