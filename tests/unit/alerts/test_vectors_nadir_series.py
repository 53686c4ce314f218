"""Serum M series through `evaluate`: nadirs, rung, basis, PD date and readings as the vectors say."""

from __future__ import annotations

import pytest

from alerts.context import Context
from alerts.myeloma.disease import courses
from tests.builders import days, fact, result, view
from tests.unit.alerts.relapse import Row, bio_alerts, day_of, decimal, ids, of_type, rows, serum, state

ROWS = rows("nadir_series.csv")


def _known(row: Row) -> Context:
    exchanges = [fact("plasma_exchange", days(day), days(day)) for day in row["post_exchange_days"].split()]
    return of_type("SERUM", *exchanges)


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_state(row: Row) -> None:
    before = serum(row["series_day_serum_m_g_l"])
    alerts = bio_alerts(before, known=_known(row))
    if row["corrections_day_value"]:
        assert state(alerts) == "BIO_POSSIBLE"
        alerts = bio_alerts(before, _corrections(row, before), known=_known(row))
        assert alerts == []  # the ledger reports an alert that is no more as retracted
        return
    assert state(alerts) == row["expected_state"]
    if not alerts:
        return
    last = alerts[-1]
    if row["expected_state"] != "CLOSED_NOT_CONFIRMED":
        assert day_of(last.facts.get("pd_date", "")) == row["expected_pd_day"]
        assert last.facts.get("significant_by", "") == row["expected_significant_by"]
    if row["expected_possible_basis"]:
        assert last.facts["possible_basis"] == row["expected_possible_basis"]


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_nadirs_in_force_when_the_last_sample_is_judged(row: Row) -> None:
    before = serum(row["series_day_serum_m_g_l"])
    seen = view(before, _corrections(row, before), context=_known(row))
    step = courses(seen)["serum"][-1]
    assert step.nadir is not None
    assert step.nadir.confirmed.interval.exact == decimal(row["expected_confirmed_nadir_g_l"])
    assert step.nadir.raw.interval.exact == decimal(row["expected_raw_nadir_g_l"])


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_the_order_of_arrival_changes_nothing(row: Row) -> None:
    before = serum(row["series_day_serum_m_g_l"])
    assert bio_alerts(before, known=_known(row)) == bio_alerts(before[::-1], known=_known(row))


def _corrections(row: Row, before: list) -> list:  # type: ignore[type-arg]
    found = []
    for pair in row["corrections_day_value"].split():
        day, value = pair.split("=")
        old = next(r for r in before if r.collected_at == days(day))
        found.append(result("mspike", value, days(day), status="C", slot=old.slot, version=days(int(day) + 1)))
    return found
