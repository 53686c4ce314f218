"""The BIO stories of lifecycle.csv: what stands after each arrival."""

from __future__ import annotations

import pytest

from alerts.result import Result
from tests.builders import days, result
from tests.unit.alerts.relapse import Row, bio_alerts, ids, rows

STORIES = [row for row in rows("lifecycle.csv") if row["rule_family"] == "BIO"]


def _event(text: str) -> Result:
    said = dict(part.split("=", 1) for part in text.split())
    return result(
        said["an"],
        said.get("v"),
        days(said["c"]),
        status=said["st"],
        slot=f"{said['sp']}|{said['an']}",
        specimen=said["sp"],
        version=days(said.get("l", said["t"])),
    )


@pytest.mark.parametrize("row", STORIES, ids=ids)
def test_history(row: Row) -> None:
    told: list[str] = []
    stored: list[Result] = []
    before = ""
    for text in row["events"].split(" ; "):
        stored.append(_event(text))
        active = [alert for alert in bio_alerts(stored) if alert.condition == "active"]
        now = active[-1].severity if active else ""
        told.append(str(now) or ("RETRACTED" if before else "NONE"))
        before = now
    assert " > ".join(told) == row["expected_history_a"]
