"""The stories of lifecycle.csv as HL7 messages through the ledger: what holds after each event, and who was told.

The time of day is that of the story. `tick` lets the clock reach its time; `merge` joins two records by an event of its
own, which HL7 intake does not make yet.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from schemas.patient_event import Event, LabReport, Patient, PatientMerge, Source
from services.reading.formats import read_file
from tests.builders import vectors
from tests.real import events
from tests.real.ledgers import ask, ledger, one
from tests.unit.messages import Sent, day, loinc

Row = dict[str, str]
ROWS = [row for row in vectors("lifecycle") if row["rule_family"] != "STALE"]
"""Overdue tests fire by timers: played in their own tests."""


def event(row: Row, text: str) -> tuple[datetime, Event]:
    """One event of the story with its time of arrival."""
    words = text.split()
    said = dict(word.split("=", 1) for word in words if "=" in word)
    at = day(said["t"])
    if "merge" in words:
        stamp = at.isoformat().replace("+00:00", "Z")
        source = Source(format="hl7v2", sender="ADT", received_at=stamp, sent_at=stamp)
        into, retired = (Patient(id=f"HOSP|{said[name]}") for name in ("into", "from"))
        identity = "00000000-0000-5000-8000-000000000024"
        return at, PatientMerge(event_id=identity, patient=into, retired=retired, source=source)
    sent = Sent(
        patient=said["pt"], code=loinc(said["an"]), value=said.get("v", ""), unit=said.get("u", ""), status=said["st"],
        order=said["sp"], specimen=said["sp"], collected=day(said["c"]), reported=day(said.get("l", said["t"])),
        date_only="dateonly" in said, method=said.get("m", ""), comment=said.get("cmt", ""), sent=at,
        reference="59-104" if said["an"] == "creat" else "",
    )  # fmt: skip
    (outcome,) = read_file(sent.message().encode())
    (report,) = outcome.events
    assert isinstance(report, LabReport)
    return at, report


def word(database: str, rule: str, patient: str) -> str:
    """As `expected_history` names the state of the rule for the patient."""
    rows = ask(
        database,
        """SELECT a.severity, a.condition, a.flags, a.summary->>'en' FROM alert AS a
        JOIN patient AS p ON p.id = a.patient_id WHERE a.rule = %s AND p.sent_id = %s AND a.condition <> 'superseded'
        ORDER BY a.changed_at DESC""",
        rule, f"HOSP|{patient}",
    )  # fmt: skip
    active = [row for row in rows if row[1] == "active"]
    if active:
        return str(active[0][0]) + ("_PRELIM" if "preliminary" in active[0][2] else "")
    if rows and rows[0][1] == "retracted":
        return "CLOSED_BY_FINAL" if "preliminary" in rows[0][2] else "RETRACTED"
    return "QUARANTINE" if one(database, "SELECT count(*) FROM quarantine") else "NONE"


TOLD = """SELECT count(*) FROM delivery AS d JOIN alert AS a ON a.alert_id = d.alert_id
    WHERE a.rule = %s AND d.channel = 'pager' AND (d.change = 'retracted') = %s"""
FLAGS = {
    "late": "SELECT bool_or(late) FROM alert",
    "duplicate_dropped": "SELECT count(DISTINCT (r.slot, r.value)) = 2 AND max(a.version) = 1 FROM result r, alert a",
    "quarantine": "SELECT count(*) > 0 FROM quarantine",
    "steward_page": "SELECT count(*) = 1 FROM operations_alert WHERE kind = 'steward_page' AND severity = 'CRITICAL'",
    "merged": "SELECT count(*) = 1 FROM patient_alias",
    "not_new": "SELECT count(*) = 1 FROM alert_event WHERE kind = 'not_new'",
    "silent_correction": "SELECT count(*) = 1 FROM operations_alert WHERE key = 'silent_correction:LAB1:ca'",
    "cross_method": "SELECT bool_or('cross_method' = ANY(flags)) FROM alert",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['id']} {row['note']}")
async def test_story(row: Row, database: str, tmp_path: Path) -> None:
    history: dict[str, list[str]] = {"A": [], "B": []}
    store = ledger(database, tmp_path)
    for number, text in enumerate(row["events"].split(" ; ")):
        at, what = event(row, text)
        with time_machine.travel(at + timedelta(seconds=1), tick=False):
            await store.store(events.records(what, start=number))
        for patient, words in history.items():
            words.append(word(database, row["rule_family"], patient))
    await store.close()
    for patient, words in history.items():
        expected = row[f"expected_history_{patient.lower()}"]
        if expected:
            assert words == expected.split(" > "), patient
    told = [one(database, TOLD, row["rule_family"], ending) for ending in (False, True)]
    assert told == [int(row["expected_alert_notifications"]), int(row["expected_closing_notices"])]
    flags = set(row["expected_flags"].split())
    nothing_raised = told == [0, 0] or "not_new" in flags  # then no alert carries the mark of the late result
    for flag in FLAGS.keys() & flags - ({"late"} if nothing_raised else set()):
        assert one(database, FLAGS[flag]), flag
    if "not_new" not in flags:
        assert one(database, "SELECT count(*) FROM alert_event WHERE kind = 'not_new'") == 0
