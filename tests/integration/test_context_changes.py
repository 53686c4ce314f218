"""Context by the API and by file, through real Kafka: alerts are derived anew, twice changes nothing, roles, an outage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from services.cli.app import halo
from tests.conftest import Topics
from tests.real import events
from tests.real.board import BoardProcess, bearer, board, person, token
from tests.real.ledgers import ask, one
from tests.real.servers import free_ports
from tests.real.workers import produce, wait, worker

pytestmark = pytest.mark.real
HEADER = "patient,kind,from,to,code,value,unit,note\n"
DAY_0 = (events.NOW - timedelta(days=1)).date().isoformat()


@pytest.fixture
def running(topics: Topics, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardProcess]:
    """A worker and a board on one stream; two reports of a made-up patient have been taken."""
    monkeypatch.setenv("HALO_KAFKA", topics.bootstrap)
    monkeypatch.setenv("HALO_DATABASE", database)
    haemoglobin = {0: "11.5", 24: "11.6", 48: "9.2"}  # g/dL
    reports = [events.report(7, {"creat": "80", "hb": haemoglobin[0]})]
    reports += [events.report(7, {"creat": "300", "hb": haemoglobin[n]}, hours=n) for n in (24, 48)]
    with worker(topics.bootstrap, database, tmp_path), board(database, tmp_path) as process:
        produce(topics.bootstrap, reports)
        wait(lambda: one(database, "SELECT count(*) FROM source_message") == 3)
        yield process


def put(process: BoardProcess, secret: str, *entries: dict[str, str], patient: str = "") -> httpx.Response:
    patient = patient or one(process.dsn, "SELECT public_id FROM patient")
    address = f"{process.url}/api/v1/patients/{patient}/context"
    return httpx.put(address, json={"entries": entries}, headers=bearer(secret), timeout=30)


def alerts(dsn: str) -> dict[str, str]:
    """State of the newest alert of each rule."""
    return dict(ask(dsn, "SELECT rule, condition FROM alert ORDER BY opened_at"))


def taken(dsn: str, count: int) -> bool:
    return bool(one(dsn, "SELECT count(*) FROM context_event") == count)


def imported(file: Path, *lines: str) -> Result:
    file.write_text(HEADER + "".join(f"{line}\n" for line in lines), "utf-8")
    return CliRunner().invoke(halo, ["context", "import", str(file)])


def test_dialysis_and_transfusion_by_api_derive_alerts_anew(running: BoardProcess) -> None:
    before = alerts(running.dsn)
    assert (before["REN_AKI"], before["HB_DROP"]) == ("active", "active")
    secret = token(running.dsn, "api", "write")
    answer = put(running, secret, {"kind": "dialysis", "from": "2020-01-01"})
    assert (answer.status_code, answer.json()["entries"]) == (202, 1)
    wait(lambda: alerts(running.dsn)["REN_AKI"] == "retracted", what=running.log)
    assert put(running, secret, {"kind": "transfusion", "from": DAY_0, "to": DAY_0}).status_code == 202
    wait(lambda: alerts(running.dsn)["HB_DROP"] == "retracted", what=running.log)
    audited = ask(running.dsn, "SELECT who, route, detail FROM audit WHERE action = 'context' ORDER BY id")
    assert audited[0] == (
        "api:test", "/api/v1/patients/{public_id}/context", f"{answer.json()['event_id']} dialysis",
    )  # fmt: skip
    assert len(audited) == 2


def test_the_same_again_changes_nothing(running: BoardProcess, tmp_path: Path) -> None:
    """By API and by file, in any order of lines, with received_at of another time."""
    lines = ["HOSP|7,dialysis,2020-01-01,,,,,", f"HOSP|7,transfusion,{DAY_0},,,,,", "HOSP|8,isotype,,,IgG-kappa,,,"]
    first = imported(tmp_path / "a.csv", *lines)
    assert (first.exit_code, first.output.splitlines()[-1]) == (0, "lines 3, sent 3, doubles 0, patients 2")
    wait(lambda: taken(running.dsn, 3))
    held = ask(running.dsn, "SELECT alert_id, version, condition FROM alert ORDER BY alert_id")
    again = imported(tmp_path / "b.csv", "", *reversed(lines), lines[0])
    assert again.output.splitlines()[-1] == "lines 4, sent 0, doubles 4, patients 2", "nothing of it is new"
    secret, same = token(running.dsn, "api", "write"), {"kind": "dialysis", "from": "2020-01-01"}
    patient = one(running.dsn, "SELECT public_id FROM patient WHERE sent_id = 'HOSP|7'")
    assert put(running, secret, same, patient=patient).status_code == 202
    assert put(running, secret, {"kind": "isotype", "code": "IgA-kappa"}, patient=patient).status_code == 202
    wait(lambda: taken(running.dsn, 4))
    after = ask(running.dsn, "SELECT alert_id, version, condition FROM alert ORDER BY alert_id")
    assert after == held


def test_who_may_and_what_is_refused(running: BoardProcess) -> None:
    person(running.dsn, "vida", "on_call")
    write = token(running.dsn, "api", "write", name="lis")
    named = token(running.dsn, "api", "write", name="app", login="vida")
    entry, verdict = {"kind": "dialysis", "from": "2020-01-01"}, {"kind": "verdict", "code": "CLIN_RELAPSE"}
    baseline = {"kind": "chronic_baseline", "code": "creat", "value": "220", "unit": "umol/L", "from": "2020-01-01"}
    said: list[tuple[httpx.Response, int, str]] = [
        (put(running, "wrong", entry), 401, "log in"),
        (put(running, token(running.dsn, "api", "read", name="r"), entry), 403, "cannot change"),
        (put(running, token(running.dsn, "device", "H2", name="d", named=True), entry), 403, "a screen"),
        (put(running, write, entry, patient="nobody"), 404, "no such patient"),
        (put(running, write), 400, "entries is empty"),
        (put(running, write, {"kind": "dance"}), 400, "dance"),
        (put(running, write, entry | {"form": "2020-01-01"}), 400, "form"),
        (put(running, write, entry | {"from": "yesterday"}), 400, "entries[0], from: 'yesterday' is no time"),
        (put(running, write, entry | {"to": "2019-12-31"}), 400, "lies before from"),
        (put(running, write, verdict), 403, "named person"),
        (put(running, write, baseline), 403, "chronic_baseline needs a named person"),
        (put(running, named, baseline | {"unit": ""}), 400, "entries[0], value: '220' ''"),
        (put(running, write, {"kind": "care", "value": "mooved", "from": "2020-01-01"}), 400, "no word of care"),
        (put(running, write, {"kind": "deceased"}), 400, "deceased needs the time"),
        (put(running, named, verdict), 202, ""),
    ]
    assert [(answer.status_code, text in answer.text) for answer, _, text in said] == [(c, True) for _, c, _ in said]
    assert said[1][0].headers["content-type"] == "application/problem+json"
    wait(lambda: taken(running.dsn, 1))


def test_without_kafka_503_and_nothing_is_claimed(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("HALO_KAFKA", nowhere)
    ask(database, "INSERT INTO patient (sent_id, public_id) VALUES ('HOSP|1', 'opaque')")
    with board(database, tmp_path) as process:
        answer = put(process, token(database, "api", "write"), {"kind": "dialysis", "from": "2020-01-01"})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "did not confirm" in answer.json()["detail"]
    assert [row[0] for row in ask(database, "SELECT action FROM audit ORDER BY id")] == [
        "context",
        "context_not_confirmed",
    ]
    failed = imported(tmp_path / "a.csv", "HOSP|1,dialysis,2020-01-01,,,,,")
    assert failed.exit_code != 0
    assert "0 of 1 changes were confirmed; run it again" in str(failed.exception)


@pytest.mark.parametrize(("lines", "said"), [
    (["HOSP|1,dialysis,,,,,,", "HOSP|1,dance,,,,,,", ",sex,,,,F,,"], ["line 3: kind 'dance'", "line 4: no patient"]),
    (["17,sex,,,,F,,"], ["line 2: the patient is written"]),
    (["HOSP|1,drug,2020-13-01,,,,,"], ["line 2, from: '2020-13-01' is no time"]),
    (["HOSP|1,drug,0020-01-01,,,,,"], ["line 2, from: '0020-01-01' lies before 1900"]),
    (["HOSP|1,drug,,,,,,a,b"], ["line 2: more cells than columns"]),
])  # fmt: skip
def test_a_file_with_a_wrong_line_sends_nothing_and_names_every_line(
    tmp_path: Path, lines: list[str], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_KAFKA", "127.0.0.1:1")
    result: Any = imported(tmp_path / "a.csv", *lines)
    assert result.exit_code == 1
    assert "nothing was sent" in result.output
    assert [text for text in said if text not in result.output] == []
