"""Data of people who were never enrolled go after 400 days; of anybody else, and what waits for the steward, nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.patient_event import ContextEntry
from services.ledger.forgetting import Forget
from services.ledger.opening import open_ledger
from services.shared import database as databases
from services.shared.settings import Settings
from tests.real import events
from tests.real.ledgers import ask, one, stream
from tests.real.rules import TEST, Hospital
from tests.real.sites import BEFORE, local, site_file

pytestmark = pytest.mark.real
TABLES = ("source_message", "result", "result_key", "quarantine", "alert", "delivery", "candidate", "context_event",
          "timer", "patient_identifier", "order_number", "alert_event_payload")  # fmt: skip


def hospital_of(database: str, folder: Path, watch: str) -> Hospital:
    made = Hospital(database, folder, TEST)
    file = site_file(folder, f'{BEFORE}\n[enrolment]\nwatch = "{watch}"\n')
    made.settings = Settings(database=database, data_dir=folder, channels=folder / "channels.toml", site=file)
    made.ledger = open_ledger(made.settings, stream())
    return made


@pytest.fixture
def hospital(database: str, tmp_path: Path) -> Hospital:
    return hospital_of(database, tmp_path, "listed")


def aged(database: str, days: int, where: str = "true") -> None:
    ask(database, f"UPDATE source_message SET stored_at = now() - interval '{days} days' WHERE {where}")


def forget(hospital: Hospital) -> int:
    async def go() -> int:
        step, total = Forget(hospital.ledger.remapper()), 0
        async with await databases.connect_writer(hospital.settings.database, "test") as conn:
            while count := await step(conn):
                total += count
        return total

    return asyncio.run(go())


def left(database: str, number: int) -> dict[str, int]:
    columns = {"alert_event_payload": "chain"}
    query = "SELECT count(*) FROM {} WHERE {} = (SELECT id FROM patient WHERE sent_id = %s)"
    found = {}
    for table in ("source_message", "alert", "context_event"):
        found[table] = int(one(database, query.format(table, columns.get(table, "patient_id")), f"HOSP|{number}"))
    return found


def test_everything_of_who_was_never_enrolled_goes_and_is_audited(database: str, hospital: Hospital) -> None:
    hospital.take(events.report(1, {"ca": "13.9", "mspike": "30"}))
    record = one(database, "SELECT id FROM patient")
    assert one(database, "SELECT count(*) FROM alert") > 0
    aged(database, 401)
    assert forget(hospital) == 1
    assert {table: one(database, f"SELECT count(*) FROM {table}") for table in TABLES} == dict.fromkeys(TABLES, 0)
    assert ask(database, "SELECT 1 FROM patient") == []
    assert ask(database, "SELECT who, patient_id, detail FROM audit WHERE action = 'never_enrolled_deleted'") == [
        ("halo", record, "1 messages with 2 results older than 400 days; nothing is left")
    ]
    assert hospital.log_faults(record) == []
    hospital.take(events.report(1, {"ca": "13.9"}, hours=1))
    assert one(database, "SELECT count(*) FROM result") == 1, "whoever comes again is somebody new"


def test_what_is_younger_stays_and_is_derived_anew_without_a_word(database: str, hospital: Hospital) -> None:
    hospital.take(events.report(1, {"creat": "90"}, hours=-20), events.report(1, {"creat": "400"}))
    assert one(database, "SELECT condition FROM alert WHERE rule = 'REN_AKI'") == "active"
    aged(database, 401, "received_at = (SELECT min(received_at) FROM source_message)")
    forget(hospital)
    assert [value for (value,) in ask(database, "SELECT value::text FROM result")] == ["400"]
    assert one(database, "SELECT condition FROM alert WHERE rule = 'REN_AKI'") != "active"
    assert one(database, "SELECT count(*) FROM delivery") == 0


@pytest.mark.parametrize("word", ["enrolled", "ended"])
def test_of_who_was_enrolled_once_nothing_goes(database: str, hospital: Hospital, word: str) -> None:
    hospital.take(events.report(1, {"ca": "13.9"}),
                  events.context_change(1, ContextEntry(kind="enrolment", value="enrolled", from_="2020-01-01")),
                  events.context_change(1, ContextEntry(kind="enrolment", value=word, from_="2020-06-01"), hours=1))  # fmt: skip
    aged(database, 1000)
    forget(hospital)
    assert left(database, 1)["source_message"] == 3


def test_what_waits_for_the_steward_and_what_is_young_stays(database: str, hospital: Hospital) -> None:
    hospital.take(local(1, {"UNKNOWN": ("3.6", "mmol/L")}), events.report(2, {"ca": "13.9"}))
    aged(database, 401, "patient_id = (SELECT id FROM patient WHERE sent_id = 'HOSP|1')")
    aged(database, 399, "patient_id = (SELECT id FROM patient WHERE sent_id = 'HOSP|2')")
    forget(hospital)
    assert left(database, 1)["source_message"] == 1
    assert left(database, 2)["source_message"] == 1
    ask(database, "UPDATE quarantine SET closed_at = now(), closed_by = 'kovac', closed_as = 'closed'")
    forget(hospital)
    assert ask(database, "SELECT sent_id FROM patient") == [("HOSP|2",)]


def test_a_record_that_a_merge_names_stays_empty(database: str, hospital: Hospital) -> None:
    hospital.take(events.report(1, {"ca": "13.9"}), events.report(2, {"ca": "9.0"}), events.merge(1, 2))
    aged(database, 401)
    forget(hospital)
    names = ask(database, "SELECT sent_id LIKE 'deleted|%%', family, identifiers::text FROM patient")
    assert names == [(True, "", "[]")] * 2
    assert one(database, "SELECT count(*) FROM result") == 0


def test_where_everybody_is_watched_nothing_goes(database: str, tmp_path: Path) -> None:
    hospital = hospital_of(database, tmp_path, "all")
    hospital.take(events.report(1, {"ca": "13.9"}))
    aged(database, 1000)
    ask(database, "UPDATE patient SET unwatched = 'not_enrolled'")
    assert forget(hospital) == 0
    assert left(database, 1)["source_message"] == 1
