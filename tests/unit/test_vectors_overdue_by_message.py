"""Late tests through the same door as real data: HL7 v2 messages and the context file into `halo evaluate --now`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.builders import vectors
from tests.unit.messages import Sent, day, evaluated, loinc

Row = dict[str, str]
ROWS = vectors("staleness")
HEADER = "patient,kind,from,to,code,value,unit,note\n"
MARKERS = {
    "serum_m": ("mspike", "12", "g/L"), "flc": ("flck", "310", "mg/L"), "urine_m_24h": ("umprot", "800", "mg/24h"),
    "haemoglobin": ("hb", "121", "g/L"), "creatinine": ("creat", "80", "umol/L"), "calcium": ("ca", "2.30", "mmol/L"),
}  # fmt: skip


def ids(row: Row) -> str:
    return row["id"]


def result(row: Row, analyte: str, value: str, unit: str, days_ago: float, **more: Any) -> str:
    at = day(-days_ago)
    return Sent(
        patient=row["id"], code=loinc(analyte), value=value, unit=unit, order=f"{analyte}{days_ago}",
        specimen=f"S{days_ago}", collected=at, reported=at + timedelta(hours=1), **more,
    ).message()  # fmt: skip


def story(row: Row) -> list[str]:
    analyte, value, unit = MARKERS[row["marker"]]
    since = int(row["days_since_last_collection"])
    before = str(Decimal(value) / 2) if row["last_value_rising"] == "yes" else value
    found = [result(row, analyte, before, unit, since + 30), result(row, analyte, value, unit, since)]
    return found + ([result(row, "k", "5.9", "mmol/L", since)] if row["alert_open"] == "yes" else [])


def context(folder: Path, lines: list[str], name: str) -> Path:
    file = folder / name
    file.write_text(HEADER + "".join(f"{line}\n" for line in lines), "utf-8")
    return file


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every row a made-up patient, all looked at on day 0."""
    folder = tmp_path_factory.mktemp("overdue")
    known = [f"HOSP|{row['id']},patient_type,,,{row['patient_type']},,," for row in ROWS]
    known += [f"HOSP|{row['id']},monitoring_interval,,,,{row['interval_days']},d," for row in ROWS]
    file = context(folder, known, "context.csv")
    messages = [message for row in ROWS for message in story(row)]
    return evaluated(folder, messages, "--now", day(0).isoformat(), "--context", file, name="overdue.hl7")


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_every_staleness_vector(row: Row, said: dict[str, Any]) -> None:
    alerts = [a for a in said[row["id"]]["alerts"] if a["rule"] == "STALE" and a["condition"] == "active"]
    found = [(a["family"], a["level"], a["severity"]) for a in alerts]
    none = row["expected_alert"] == "NONE"
    assert found == ([] if none else [("overdue_test", row["expected_alert"], row["expected_severity"])])
    for alert in alerts:
        passed = int(row["days_since_last_collection"])
        first = min(int(row["expected_info_day"]), int(row["expected_overdue_day"]))
        assert alert["opened_at"] == f"{day(first - passed):%Y-%m-%dT%H:%M:%SZ}", "the due time"


def test_nobody_described_nobody_late(tmp_path: Path) -> None:
    messages = [message for row in ROWS for message in story(row)]
    found = evaluated(tmp_path, messages, "--now", day(3000).isoformat())
    assert len(found) == len(ROWS)
    assert all(alert["rule"] != "STALE" for line in found.values() for alert in line["alerts"])


STORIES = [row for row in vectors("lifecycle") if row["rule_family"] == "STALE"]


@pytest.mark.parametrize("row", STORIES, ids=ids)
def test_the_stories_of_the_clock(row: Row, tmp_path: Path) -> None:
    """L08 and L26, looked at as of each event: a `tick` is nothing but a later look."""
    interval = row["context"].removeprefix("interval=")
    known = context(
        tmp_path, ["HOSP|A,patient_type,,,SERUM,,,", f"HOSP|A,monitoring_interval,,,,{interval},d,"], "c.csv"
    )
    sent: list[str] = []
    history = []
    for text in row["events"].split(" ; "):
        event = dict(pair.split("=", 1) for pair in text.split() if "=" in pair)
        if "tick" not in text.split():
            sent.append(Sent(
                patient=event["pt"], code=loinc(event["an"]), value=event.get("v", ""), unit=event.get("u", ""),
                status=event["st"], order=event["sp"], specimen=event["sp"], collected=day(event["c"]),
                reported=day(event["t"]),
            ).message())  # fmt: skip
        line = evaluated(tmp_path, sent, "--now", day(event["t"]).isoformat(), "--context", known)["A"]
        active = [a for a in line["alerts"] if a["rule"] == "STALE" and a["condition"] == "active"]
        history.append(active[0]["severity"] if active else "NONE")
    assert active[0]["flags"] == row["expected_flags"].split()
    assert history == row["expected_history_a"].split(" > ")
