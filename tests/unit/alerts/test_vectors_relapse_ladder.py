"""The relapse ladder through `evaluate`: rungs, severities, readings, PD dates, organ findings, modifiers."""

from __future__ import annotations

import pytest

from alerts.alert import AlertState
from alerts.result import Result
from tests.builders import days, fact, result
from tests.unit.alerts.relapse import Row, bio_alerts, day_of, ids, light, of_type, rows, series, state

ORGANS = {
    "CA_HALO": lambda day: [result("ca", "2.90", days(day)), result("alb", "40", days(day))],
    "HB_HALO": lambda day: [result("hb", "95", days(day))],
    "HB_DROP": lambda day: [result("hb", "130", days(int(day) - 5)), result("hb", "108", days(day))],
    "REN_RISE": lambda day: [result("creat", "80", days(-290)), result("creat", "260", days(day))],
    "K_HIGH": lambda day: [result("k", "7.0", days(day))],
}


def _results(row: Row) -> list[Result]:
    """The samples; the given confirmed nadir becomes two samples long before, so that no doubling counts from it."""
    found = []
    for analyte, nadir, samples in (
        ("mspike", row["nadir_serum_m_g_l"], row["series_day_serum_m_g_l"]),
        ("umprot", row["nadir_urine_m_mg_24h"], row["series_day_urine_m_mg_24h"]),
    ):
        if nadir:
            found += series(analyte, f"-300:{nadir} -200:{nadir} {samples}")
    if row["nadir_involved_flc_mg_l"]:
        involved, dflc = int(row["nadir_involved_flc_mg_l"]), int(row["nadir_dflc_mg_l"])
        both = f"{involved}/{involved - dflc}"
        samples = row["series_day_involved_uninvolved_flc_mg_l"]
        found += light(f"-300:{both} -200:{both} {samples}", row["involved_chain"])
    for pair in row["organ_findings_day_rule"].split():
        day, rule = pair.split(":")
        found += ORGANS[rule](day)
    return found


def _alerts(row: Row) -> list[AlertState]:
    entries = [fact("modifier", code=name) for name in row["modifiers"].split()]
    isotype = [fact("isotype", code=row["involved_chain"])] if row["involved_chain"] else []
    verdict = [fact("verdict", days(100), code="CLIN_RELAPSE")] if row["clinician_confirmed"] == "yes" else []
    return bio_alerts(_results(row), known=of_type(row["patient_type"], *entries, *isotype, *verdict))


@pytest.mark.parametrize("row", rows("relapse_ladder.csv"), ids=ids)
def test_ladder(row: Row) -> None:
    alerts = _alerts(row)
    assert state(alerts) == row["expected_state"]
    if row["expected_severity"]:
        (alert,) = alerts
        assert alert.severity == row["expected_severity"]
        assert alert.facts.get("significant_by", "") == row["expected_significant_by"]
        assert day_of(alert.facts.get("pd_date", "")) == row["expected_pd_day"]
