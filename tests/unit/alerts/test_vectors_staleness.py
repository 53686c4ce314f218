"""staleness.csv through `evaluate`: values of the right type, the interval in the context, and nothing but time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from alerts.alert import AlertState
from alerts.context import Context
from alerts.evaluate import evaluate
from alerts.overdue.lines import lines
from alerts.overdue.timeline import next_due
from alerts.result import Result
from alerts.rule import View
from alerts.thresholds import default_pack
from tests.builders import alerts_of, context, days, fact, points, result, vectors, view

ROWS = vectors("staleness")
ANALYTES = {
    "serum_m": "mspike",
    "flc": "flck",
    "urine_m_24h": "umprot",
    "haemoglobin": "hb",
    "creatinine": "creat",
    "calcium": "ca",
}
STABLE = {"mspike": "12", "flck": "310", "umprot": "800", "hb": "121", "creat": "80", "ca": "2.30"}


def ids(row: dict[str, str]) -> str:
    return f"{row['id']} {row['note']}"


def known(row: dict[str, str]) -> Context:
    return context(
        fact("patient_type", code=row["patient_type"]), fact("monitoring_interval", value=row["interval_days"])
    )


def story(row: dict[str, str]) -> list[Result]:
    """The marker, collected on day 0 for the last time; 30 d before it stood lower where it was rising."""
    analyte = ANALYTES[row["marker"]]
    value = STABLE[analyte]
    before = Decimal(value) / 2 if row["last_value_rising"] == "yes" else value
    found = [result(analyte, str(before), days(-30)), result(analyte, value, days(0))]
    return found + (points("k", "0:5.9") if row["alert_open"] == "yes" else [])


def at(row: dict[str, str], day: int, *, hours: int = 0) -> View:
    return view(story(row), context=known(row), as_of=days(day) + timedelta(hours=hours))


def said(seen: View) -> tuple[str, str]:
    outcome = evaluate(seen, derived=False)
    assert outcome.failed == {}
    late: list[AlertState] = [a for a in alerts_of(outcome, "STALE") if a.condition == "active"]
    return (late[-1].level, str(late[-1].severity)) if late else ("NONE", "")


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_every_staleness_vector(row: dict[str, str]) -> None:
    day = int(row["days_since_last_collection"])
    expected = (row["expected_alert"], row["expected_severity"])
    assert said(at(row, day)) == expected
    assert said(at(row, day, hours=23)) == expected, "whole days count"


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_the_three_days_of_every_staleness_vector(row: dict[str, str]) -> None:
    found = lines(default_pack(), int(row["interval_days"]))
    assert [str(n) for n in (found.info, found.overdue, found.high)] == [
        row["expected_info_day"], row["expected_overdue_day"], row["expected_high_day"],
    ]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_the_next_due_time_is_when_the_answer_changes_and_not_before(row: dict[str, str]) -> None:
    seen = at(row, int(row["days_since_last_collection"]))
    due = next_due(msgspec.structs.replace(seen, alerts=evaluate(seen, derived=False).alerts))
    if due is None:
        assert row["expected_severity"] == "HIGH"
        return
    day = (due - days(0)).days
    assert due == days(day)
    assert said(at(row, day - 1, hours=23)) == (row["expected_alert"], row["expected_severity"])
    assert said(at(row, day)) != (row["expected_alert"], row["expected_severity"])
