"""A person says who is who: by command and by API, through real Kafka; both records are evaluated anew."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from schemas.patient_event import Identifier, LabReport
from services.cli.app import halo
from tests.conftest import Topics
from tests.real import events
from tests.real.board import bearer, board, person, token
from tests.real.ledgers import ask, one
from tests.real.workers import produce, wait, worker

pytestmark = pytest.mark.real
ZZZS = Identifier(value="777", authority="ZZZS")


def at_hospital(report: LabReport, authority: str) -> LabReport:
    number = report.patient.id.partition("|")[2]
    numbers = (Identifier(value=number, authority=authority), ZZZS)
    patient = msgspec.structs.replace(report.patient, id=f"{authority}|{number}", identifiers=numbers)
    return msgspec.structs.replace(report, patient=patient)


def ran(*words: str) -> Result:
    return CliRunner().invoke(halo, ["patient", *words])


def test_a_link_is_confirmed_by_command_and_undone_by_api(
    topics: Topics, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_KAFKA", topics.bootstrap)
    monkeypatch.setenv("HALO_DATABASE", database)
    person(database, "sten", "steward")
    person(database, "vida", "on_call")
    reports = [at_hospital(events.report(1, {"creat": "80"}), "HERE"),
               at_hospital(events.report(2, {"creat": "300"}, hours=24), "THERE")]  # fmt: skip
    with worker(topics.bootstrap, database, tmp_path), board(database, tmp_path) as process:
        produce(topics.bootstrap, reports)
        wait(lambda: one(database, "SELECT count(*) FROM patient_link") == 1)
        (line,) = ran("links").output.splitlines()
        assert "(HERE)" in line
        assert "same_number" in line
        assert line.endswith(" open")
        assert "not the login" in ran("confirm", "HERE|1", "THERE|2", "--by", "vida").output
        assert "no patient record" in ran("confirm", "HERE|1", "THERE|9", "--by", "sten").output
        assert "never merged" in ran("unmerge", "THERE|2", "--by", "sten").output
        done = ran("confirm", "HERE|1", "THERE|2", "--by", "sten")
        assert done.exit_code == 0, done.output
        rise = "SELECT count(*) FROM alert WHERE rule = 'REN_AKI' AND condition = 'active'"
        wait(lambda: one(database, rise) == 1)  # 80 to 300 in a day: only as one person
        assert ask(database, "SELECT state, decided_by FROM patient_link") == [("confirmed", "sten")]
        names = [row[0] for row in ask(database, "SELECT public_id FROM patient ORDER BY sent_id")]
        address = f"{process.url}/api/v1/patient-links"
        body = {"survivor": names[0], "other": names[1], "decision": "undo"}
        nameless = token(database, "api", "admin", name="program")
        assert httpx.post(address, json=body, headers=bearer(nameless)).status_code == 403
        named = token(database, "api", "admin", name="app", login="sten")
        assert httpx.post(address, json=body | {"other": "nobody"}, headers=bearer(named)).status_code == 404
        assert httpx.post(address, json=body, headers=bearer(named), timeout=30).status_code == 202
        wait(lambda: one(database, rise) == 0)
        assert ask(database, "SELECT state FROM patient_link") == [("undone",)]
        found = httpx.get(address, params={"everything": "true"}, headers=bearer(named)).json()
        assert [(one_["reason"], one_["state"]) for one_ in found] == [("same_number", "undone")]
        assert httpx.get(address, headers=bearer(named)).json() == []
    kinds = ask(database, "SELECT action FROM audit WHERE action LIKE 'patient%%' ORDER BY id")
    assert kinds == [("patient_merged",)] * 2 + [("patient_parted",)] * 2
