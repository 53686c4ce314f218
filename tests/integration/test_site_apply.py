"""Another site file: a preview that changes nothing, two people, and everything stored is read by it once more."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from schemas.patient_event import Identifier
from services.cli import site_apply
from services.cli.app import halo
from services.cli.checks import check_site
from services.ledger import site_in_force
from services.ledger.bringing_up import BringUp
from services.ledger.opening import open_ledger
from services.mapping.site_file import read_site
from services.shared import database as databases
from services.shared.settings import Settings
from tests.real import events
from tests.real.board import person
from tests.real.ledgers import ask, one, stream
from tests.real.rules import TEST, Hospital
from tests.real.sites import BEFORE, done, local, run, site_file

pytestmark = pytest.mark.real
MENDED = BEFORE + '\n[[code]]\nlaboratory = "LAB1"\ncode = "KREA"\nanalyte = "creat"\n'
BY = ("--by", "kovac", "--second", "novak", "--yes", "--here")


@pytest.fixture(autouse=True)
def named(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    person(database, "novak", "on_call")
    person(database, "kovac", "steward")


@pytest.fixture
def hospital(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    """Started with a site file; its channel is a test recipient."""
    file = site_file(tmp_path, BEFORE, "first.toml")
    monkeypatch.setenv("HALO_SITE", str(file))
    monkeypatch.setenv("HALO_CHANNELS", str(tmp_path / "channels.toml"))
    made = Hospital(database, tmp_path, TEST)
    made.settings = Settings(database=database, data_dir=tmp_path, channels=tmp_path / "channels.toml", site=file)
    made.ledger = open_ledger(made.settings, stream())
    return made


def version(database: str) -> str:
    return str(one(database, "SELECT version FROM active_version WHERE kind = 'site' ORDER BY id DESC LIMIT 1"))


def results(database: str) -> list[tuple[object, ...]]:
    return ask(database, "SELECT analyte, value::text, unit FROM result ORDER BY collected_at, analyte, value")


def alerts(database: str) -> list[tuple[object, ...]]:
    return ask(database, "SELECT rule, condition, value::text FROM alert ORDER BY rule, created_at")


def counts(database: str) -> list[tuple[object, ...]]:
    return ask(
        database, "SELECT results, stored, duplicate, quarantined, ignored FROM source_message ORDER BY received_at"
    )


def told(database: str) -> list[tuple[object, ...]]:
    return ask(database, "SELECT change, reason FROM delivery ORDER BY created_at, alert_version")


def rebuild() -> str:
    return CliRunner().invoke(halo, ["rebuild"]).output


def test_the_file_of_the_first_start_is_taken_over_and_then_the_database_rules(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    hospital.take(local(1, {"KALCIJ": ("2.30", "mmol/L")}))
    assert ask(database, "SELECT who FROM active_version WHERE kind = 'site'") == [("first start",)]
    assert done("show") == BEFORE
    other = site_file(tmp_path, MENDED, "other.toml")
    again = Settings(database=database, data_dir=tmp_path, channels=tmp_path / "channels.toml", site=other)
    hospital.ledger = open_ledger(again, stream())
    hospital.take(local(2, {"KREA": ("300", "umol/L")}))
    assert [row[0] for row in results(database)] == ["ca"], "a worker with another file works by the one in force"
    assert {v for (v,) in ask(database, "SELECT site_version FROM patient")} == {version(database)}


def test_a_preview_says_what_would_change_and_changes_nothing(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    hospital.take(local(1, {"KREA": ("90", "umol/L")}, hours=-24), local(1, {"KREA": ("400", "umol/L")}))
    said = done("apply", site_file(tmp_path, MENDED))
    assert "+ [[code]] LAB1 KREA" in said
    assert "2 results would read differently, of 1 patient; 2 held results would be read" in said
    assert "LAB1 KREA: not read -> creat  2" in said
    assert "open   REN_AKI" in said
    assert "Nothing was changed" in said
    assert results(database) == []
    assert alerts(database) == []
    assert len(ask(database, "SELECT 1 FROM active_version WHERE kind = 'site'")) == 1


def test_what_was_held_is_read_and_its_alerts_come_out(database: str, hospital: Hospital, tmp_path: Path) -> None:
    hospital.take(local(1, {"KREA": ("90", "umol/L")}, hours=-200), local(1, {"KREA": ("400", "umol/L")}, hours=-176))
    said = done("apply", site_file(tmp_path, MENDED), *BY)
    assert "is in force, by Kovac (kovac) and Novak (novak)" in said
    assert "read again: 1 patient, 2 results" in said
    assert results(database) == [("creat", "90", "umol/L"), ("creat", "400", "umol/L")]
    assert [row[:2] for row in alerts(database) if row[0] == "REN_AKI"] == [("REN_AKI", "active")]
    assert ("opened", "late") in told(database)
    assert counts(database) == [(1, 1, 0, 0, 0)] * 2
    assert ask(database, "SELECT DISTINCT closed_as, closed_by FROM quarantine") == [
        ("released", f"site file {version(database)}")
    ]
    assert {v.partition("+")[2] for (v,) in ask(database, "SELECT mapping_version FROM result")} == {version(database)}
    assert "0 differences" in rebuild()


def test_a_file_of_before_that_cannot_be_read_any_more_keeps_nobody_waiting(database: str, hospital: Hospital) -> None:
    """An earlier release took it, and its patients were not all read again before the update."""
    hospital.take(local(1, {"KREA": ("90", "umol/L")}, hours=-200))
    ask(database, "ALTER TABLE site_file DISABLE TRIGGER ALL")
    ask(database, "UPDATE site_file SET content = 'a_key_of_before = 1'")
    mended = read_site(MENDED)
    put = "INSERT INTO site_file (version, hash, content) VALUES (%s, %s, %s)"
    ask(database, put, mended.version, site_in_force.hash_of(MENDED), MENDED.encode())
    force = (
        "INSERT INTO active_version (kind, version, hash, from_at, who) VALUES ('site', %s, %s, clock_timestamp(), 'x')"
    )
    ask(database, force, mended.version, site_in_force.hash_of(MENDED))
    hospital.take(local(1, {"KREA": ("400", "umol/L")}, hours=-176))
    assert results(database) == [("creat", "90", "umol/L"), ("creat", "400", "umol/L")]
    assert one(database, "SELECT DISTINCT site_version FROM patient") == mended.version


def test_a_value_that_is_held_only_now_and_looks_critical_is_called_for(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    spelt = MENDED.replace("KREA", "KALIJ").replace('"creat"', '"k"')
    done("apply", site_file(tmp_path, spelt + '[units]\nMM = "mmol/L"\n'), *BY)
    hospital.take(local(1, {"KALIJ": ("7.4", "MM")}), local(2, {"KALIJ": ("7.4", "MM")}, purpose="history"))
    done("apply", site_file(tmp_path, spelt), *BY)
    assert ask(database, "SELECT DISTINCT reason, would_be FROM quarantine") == [("unit_not_allowed", "CRITICAL")]
    whose = "SELECT p.sent_id, t.due_at > now() FROM timer AS t JOIN patient AS p ON p.id = t.patient_id WHERE t.kind = 'unverified'"
    assert ask(database, whose) == [("HOSP|1", True)]


def test_a_test_of_an_authority_that_is_listed_later_stays_apart_from_the_patient_of_that_number(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    sender = '[[sender]]\nname = "central"\napplication = "LIS"\nfacility = "LAB1"\nenvironment = "P"\n'
    listed = '[identifier]\nauthorities = ["OTHER", "HOSP"]\n' + sender
    done("apply", site_file(tmp_path, listed.replace(', "HOSP"', "")), *BY)
    made = events.report(1, {"k": "4.1"})
    person_ = msgspec.structs.replace(made.patient, identifiers=(Identifier(value="1", authority="HOSP"),))
    source = msgspec.structs.replace(made.source, environment="T")
    hospital.take(events.again(made, patient=person_, source=source))
    done("apply", site_file(tmp_path, listed), *BY)
    assert ask(database, "SELECT sent_id FROM patient WHERE as_of IS NOT NULL") == [("~test~HOSP|1",)]
    hospital.take(events.again(events.report(1, {"k": "4.1"}, hours=2), patient=person_))
    whose = "SELECT p.sent_id FROM patient_identifier AS i JOIN patient AS p ON p.id = i.patient_id"
    assert (ask(database, whose), ask(database, "SELECT 1 FROM patient_link")) == ([("HOSP|1",)], [])


def test_a_wrong_unit_is_put_right_and_the_told_are_told_old_and_new(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    """`MM` was taken for mmol/L; it is mg/dL."""
    wrong = BEFORE + '\n[[laboratory]]\nname = "LAB1"\nunits = { MM = "mmol/L" }\n'
    done("apply", site_file(tmp_path, wrong), *BY)
    hospital.take(local(1, {"KALCIJ": ("5.20", "MM")}))
    assert alerts(database) == [("CA_HIGH", "active", "5.2")]
    sent = told(database)
    right = wrong.replace('MM = "mmol/L"', 'MM = "mg/dL"')
    said = done("apply", site_file(tmp_path, right), *BY)
    assert "~ [[laboratory]] LAB1" in said
    assert "LAB1 KALCIJ: ca -> ca, another value  1" in said
    assert "close  CA_HIGH" in said
    assert results(database) == [("ca", "1.2974", "mmol/L")]
    assert ("CA_HIGH", "retracted", "5.2") in alerts(database)
    assert next(row for row in told(database) if row not in sent) == ("retracted", "retracted")
    payload = one(
        database, "SELECT convert_from(body, 'UTF8')::jsonb ->> 'before' FROM delivery WHERE change = 'retracted'"
    )
    assert '"value": "5.2"' in payload
    assert counts(database) == [(1, 1, 0, 0, 0)]
    assert "0 differences" in rebuild()


def test_a_code_that_is_taken_away_is_held_again_and_back_again(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    hospital.take(local(1, {"KALCIJ": ("3.60", "mmol/L"), "KREA": ("80", "umol/L")}))
    without = 'zone = "Europe/Ljubljana"\n'
    done("apply", site_file(tmp_path, without), *BY)
    assert results(database) == []
    assert counts(database) == [(2, 0, 0, 2, 0)]
    assert one(database, "SELECT count(*) FROM quarantine WHERE closed_at IS NULL") == 2
    done("apply", site_file(tmp_path, BEFORE), *BY)
    assert results(database) == [("ca", "3.6", "mmol/L")]
    assert ("CA_HIGH", "active", "3.6") in alerts(database)
    done("apply", site_file(tmp_path, without), *BY)
    assert one(database, "SELECT count(*) FROM quarantine WHERE closed_at IS NULL") == 2, "the same item is open again"
    assert counts(database) == [(2, 0, 0, 2, 0)]
    hospital.take(events.report(2, {"ca": "9.0"}))
    assert "0 differences" in rebuild()


def test_what_a_person_closed_stays_closed(database: str, hospital: Hospital, tmp_path: Path) -> None:
    hospital.take(local(1, {"KREA": ("400", "umol/L")}), local(2, {"KREA": ("400", "umol/L")}))
    ask(database, "UPDATE quarantine SET closed_at = now(), closed_by = 'kovac', closed_as = 'closed' WHERE patient_id ="
        " (SELECT id FROM patient WHERE sent_id = 'HOSP|1')")  # fmt: skip
    ask(database, "UPDATE quarantine SET reason = 'identity_conflict' WHERE closed_at IS NULL")
    done("apply", site_file(tmp_path, MENDED), *BY)
    assert results(database) == []
    assert counts(database) == [(1, 0, 0, 1, 0)] * 2


def test_two_people_are_needed_and_stand_in_audit_and_sealed_log(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    file = site_file(tmp_path, MENDED)
    person(database, "sestra", "ward")
    for people in (["--by", "kovac"], ["--by", "kovac", "--second", "kovac"], ["--by", "kovac", "--second", "sestra"],
                   ["--by", "kovac", "--second", "nobody"]):  # fmt: skip
        assert run("apply", file, *people, "--yes").exit_code == 1, people
    assert run("apply", file, "--by", "kovac", "--second", "novak", typed="n\n").exit_code == 1
    assert len(ask(database, "SELECT 1 FROM active_version WHERE kind = 'site'")) == 1
    done("apply", file, *BY)
    assert ask(database, "SELECT who FROM audit WHERE action = 'site_applied' ORDER BY id") == [("kovac",), ("novak",)]
    assert one(database, "SELECT second FROM active_version WHERE kind = 'site' ORDER BY id DESC LIMIT 1") == "novak"
    assert hospital.log_faults() == []
    assert f"{version(database)} by kovac and novak" in done("show", "--history")


def test_results_that_come_before_their_patient_is_re_derived_bring_them_up_first(
    database: str, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock stands still, or the command was killed: nobody's series is of two site files at once."""
    hospital.take(local(1, {"KREA": ("90", "umol/L")}, hours=-24), local(2, {"KREA": ("90", "umol/L")}, hours=-24))

    monkeypatch.setattr(site_apply, "PATIENCE", 0.6)
    said = done("apply", site_file(tmp_path, MENDED), *BY[:-1])
    assert "2 patients are still to be read again" in said
    assert "nothing moves: is the clock running? 2 patients wait for it" in said
    assert results(database) == []
    hospital.take(local(1, {"KREA": ("400", "umol/L")}))
    assert [row[1] for row in results(database)] == ["90", "400"]
    assert [row[0] for row in alerts(database) if row[0] == "REN_AKI"] == ["REN_AKI"]
    assert asyncio.run(_clock(hospital)) == 1, "the clock finishes what is left"
    assert len(results(database)) == 3
    assert "everybody is read by the file in force" in done("apply", site_file(tmp_path, MENDED))
    assert "0 differences" in rebuild()


async def _clock(hospital: Hospital) -> int:
    step, total = BringUp(hospital.ledger.remapper()), 0
    async with await databases.connect_writer(hospital.settings.database, "test") as conn:
        while count := await step(conn):
            total += count
    return total


def test_messages_of_an_authority_that_is_listed_now_find_their_patient(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    listed = MENDED.replace("[[code]]", '[identifier]\nauthorities = ["HOSP"]\n\n[[code]]', 1)
    done("apply", site_file(tmp_path, listed), *BY)
    hospital.take(local(7, {"KALCIJ": ("3.60", "mmol/L")}, authority="OTHER"))
    assert results(database) == []
    assert one(database, "SELECT count(*) FROM patient") == 0
    said = done("apply", site_file(tmp_path, listed.replace('["HOSP"]', '["HOSP", "OTHER"]')), *BY)
    assert "1 reports of an authority that is not listed now would find their patient" in said
    assert results(database) == [("ca", "3.6", "mmol/L")]
    assert one(database, "SELECT sent_id FROM patient") == "OTHER|7"
    assert counts(database) == [(1, 1, 0, 0, 0)]
    assert [row[0] for row in alerts(database)] == ["CA_HIGH"]


def test_imported_history_that_is_read_now_calls_nobody(database: str, hospital: Hospital, tmp_path: Path) -> None:
    hospital.take(local(1, {"KREA": ("90", "umol/L")}, hours=-24, purpose="history"),
                  local(1, {"KREA": ("400", "umol/L")}, purpose="history"))  # fmt: skip
    done("apply", site_file(tmp_path, MENDED), *BY)
    assert [row[0] for row in alerts(database) if row[0] == "REN_AKI"] == ["REN_AKI"]
    assert told(database) == []


def test_what_is_held_is_learned_from_and_nothing_of_a_patient_is_shown(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    hospital.take(local(1, {"KREA": ("90", "umol/L"), "KALCIJ": ("2.3", "MM")}), local(2, {"KREA": ("80", "umol/L")}))
    said = done("learn", "--from-quarantine")
    assert "LAB1 KREA name of KREA: 2 results, units umol/L (2), numbers 80 to 90" in said
    assert '# analyte = "creat"' in said
    assert "LAB1, ca in MM: 1 results" in said
    assert "KALCIJ" not in said, "it is mapped already"
    assert "Made-up" not in said
    assert run("learn").exit_code == 2
    assert run("learn", site_file(tmp_path, "", "empty.txt")).exit_code == 1


def test_doctor_says_when_the_file_of_the_settings_is_not_the_one_in_force(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    hospital.take(local(1, {"KALCIJ": ("2.30", "mmol/L")}))
    assert [one.level for one in check_site(hospital.settings)] == ["ok"]
    done("apply", site_file(tmp_path, MENDED), *BY)
    (found,) = check_site(hospital.settings)
    assert found.level == "warn"
    assert version(database) in found.text
    ask(database, "UPDATE patient SET site_version = 'before'")
    assert "1 patients are still to be read" in check_site(hospital.settings)[1].text


def test_a_message_that_finds_its_patient_now_and_contradicts_the_record_stays_held(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    both = MENDED.replace("[[code]]", '[identifier]\nauthorities = ["HOSP", "OTHER"]\n\n[[code]]', 1)
    done("apply", site_file(tmp_path, both), *BY)
    hospital.take(local(7, {"KALCIJ": ("2.30", "mmol/L")}, authority="OTHER"))
    done("apply", site_file(tmp_path, both.replace(', "OTHER"', "")), *BY)
    stranger = local(7, {"KALCIJ": ("3.60", "mmol/L")}, hours=1, authority="OTHER")
    who = msgspec.structs.replace(stranger.patient, family="Somebody", birth_date="1991-09-09", sex="M")
    hospital.take(msgspec.structs.replace(stranger, patient=who))
    done("apply", site_file(tmp_path, both), *BY)
    assert results(database) == [("ca", "2.3", "mmol/L")]
    held = "SELECT reason, patient_id IS NOT NULL FROM quarantine WHERE closed_at IS NULL"
    assert ask(database, held) == [("identity_conflict", True)]
    assert one(database, "SELECT count(*) FROM operations_alert WHERE detail LIKE 'identity_conflict%%'") == 1


def test_who_reads_alike_under_both_files_is_only_marked(database: str, hospital: Hospital, tmp_path: Path) -> None:
    """A sender's name or an entry about somebody else: no result, alert or version of a series is touched."""
    hospital.take(*(local(number, {"KALCIJ": ("3.60", "mmol/L")}) for number in (1, 2, 3)))
    seen = "SELECT sent_id, series_version FROM patient ORDER BY sent_id"
    before, read_by = ask(database, seen), ask(database, "SELECT mapping_version FROM result")
    for text in (
        f'name = "made up"\n{BEFORE}',
        f'name = "made up"\n{BEFORE}\n[[code]]\ncode = "ELSE"\nanalyte = "k"\n',
    ):
        assert "read again: 3 patients, 0 results" in done("apply", site_file(tmp_path, text), *BY)
        assert {v for (v,) in ask(database, "SELECT site_version FROM patient")} == {version(database)}
    assert ask(database, seen) == before
    assert ask(database, "SELECT mapping_version FROM result") == read_by


def test_the_clock_reads_everything_again_and_the_command_shows_how_far_it_is(
    database: str, hospital: Hospital, tmp_path: Path
) -> None:
    """Also the messages that named nobody; by the channels of the clock, whatever the command's environment says."""
    listed = BEFORE.replace("[[code]]", '[identifier]\nauthorities = ["HOSP"]\n\n[[code]]', 1)
    done("apply", site_file(tmp_path, listed), *BY)
    hospital.take(*(local(n, {"KREA": ("400", "umol/L"), "KALCIJ": ("3.60", "mmol/L")}) for n in range(5)),
                  local(9, {"KALCIJ": ("3.60", "mmol/L")}, authority="OTHER"))  # fmt: skip
    both = listed.replace('["HOSP"]', '["HOSP", "OTHER"]') + MENDED.removeprefix(BEFORE)
    stop = threading.Event()

    def clock() -> None:
        while not stop.wait(0.2):
            asyncio.run(_clock(hospital))

    beside = threading.Thread(target=clock)
    beside.start()
    try:
        said = done("apply", site_file(tmp_path, both), *BY[:-1])
    finally:
        stop.set()
        beside.join()
    assert said.endswith("everybody is read by the file in force\n")
    asyncio.run(_clock(hospital))
    assert len(results(database)) == 11
    assert one(database, "SELECT count(*) FROM quarantine WHERE closed_at IS NULL") == 0
