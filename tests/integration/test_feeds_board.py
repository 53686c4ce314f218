"""Feeds on the board: SILENT is said everywhere, the page and the API of feeds, candidates, and the test realm hidden."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from schemas.patient_event import Event, Refused
from services.clock.rhythm import collect
from services.ledger.opening import open_ledger
from services.shared import database as databases
from tests.conftest import Topics
from tests.real import events
from tests.real.board import BoardProcess, bearer, board, link, person, token
from tests.real.ledgers import ask, one, settings, stream
from tests.real.workers import produce, wait, worker

pytestmark = pytest.mark.real
SITE = (
    '[enrolment]\nwatch = "all"\n[identifier]\ntest_patients = ["TEST.*"]\n[[sender]]\nname = "lab"\napplication = "LIS"\n'
    'facility = "LAB1"\n'
)


def take(database: str, folder: Path, *batch: Event) -> None:
    site = folder / "site.toml"
    site.write_text(SITE)

    async def store() -> None:
        ledger = open_ledger(settings(database, folder, site=site), stream())
        await ledger.store(events.records(*batch))
        await ledger.close()
        async with await databases.connect_writer(database, "test") as conn:
            await collect(conn)

    asyncio.run(store())


@pytest.fixture
def running(database: str, tmp_path: Path) -> Iterator[BoardProcess]:
    for login, role in (("novak", "on_call"), ("zupan", "steward")):
        person(database, login, role)
    refused = Refused(
        event_id="22222222-2222-5222-8222-222222222222", raw=b"x", reason="unlisted_sender",
        source=msgspec.structs.replace(events.source("b", datetime.now(UTC)), sender="WHO|KNOWS"),
    )  # fmt: skip
    now = (datetime.now(UTC) - events.NOW).total_seconds() / 3600 - 1  # a result is sent an hour after its collection
    take(database, tmp_path, events.report(1, {"k": "6.8"}, hours=now), events.report("TEST9", {"k": "6.9"}, hours=now),
         events.report(2, {"mspike": "12"}, hours=now), refused)  # fmt: skip
    ask(database, "INSERT INTO feed_shift VALUES ('lab', 'k', current_date - 1, 'median', 4.2, 5.1, 24)")
    with board(database, tmp_path) as started:
        yield started


@contextmanager
def page_of(running: BoardProcess, login: str) -> Iterator[httpx.Client]:
    """Somebody who is logged in, in English."""
    with httpx.Client(base_url=running.url, follow_redirects=True, headers={"Accept-Language": "en"}) as client:
        client.post("/enter", data={"once": link(running.dsn, running.url, login).partition("#once=")[2]})
        yield client


def silence_is_said_on_every_page_and_ends_with_it(running: BoardProcess) -> None:
    with page_of(running, "novak") as client:
        alert = one(running.dsn, "SELECT alert_id::text FROM alert WHERE rule = 'K_HIGH' AND patient_id = 1")
        for path in ("/", "/alerts", f"/alerts/{alert}", "/feeds"):
            text = client.get(path, params={"lang": "en"}).text
            assert "SILENT FEEDS: lab" in text, path
        assert text.count(">SILENT<") == 1
        assert ">SILENT<" in client.get("/").text
        assert ">SILENT<" in client.get("/alerts").text
        assert "TIHI VIRI: lab" in client.get("/", params={"lang": "sl"}).text
        ask(running.dsn, "UPDATE feed SET state = 'live', live_from = now()")
        deadline = datetime.now(UTC).timestamp() + 5
        while "SILENT" in client.get("/", params={"lang": "en"}).text:
            assert datetime.now(UTC).timestamp() < deadline


def the_page_and_the_api_say_what_came_and_what_was_refused(running: BoardProcess) -> None:
    with page_of(running, "zupan") as client:
        text = client.get("/feeds", params={"lang": "en"}).text
    for said in ("2 this hour and the last, 2 in the last day", "of tests: 1", "WHO|KNOWS", "unlisted_sender", "4.2 → 5.1",
                 '<svg class="bars"'):  # fmt: skip
        assert said in text
    secret = token(running.dsn, "api", "read")
    found = httpx.get(f"{running.url}/api/v1/feeds", headers=bearer(secret)).json()
    (feed,) = found["feeds"]
    assert (feed["name"], feed["state"], feed["day"], feed["test"]) == ("lab", "silent", 2, 1)
    assert sum(feed["counts"]) == 2
    assert [row["sender"] for row in found["refused"]] == ["WHO|KNOWS"]
    screen = token(running.dsn, "device", "H2", name="screen")
    assert httpx.get(f"{running.url}/api/v1/feeds", headers=bearer(screen)).status_code == 403


def nobody_of_the_test_realm_is_on_a_board_or_list_but_a_steward_finds_them(running: BoardProcess) -> None:
    public, alert = ask(
        running.dsn,
        "SELECT p.public_id, a.alert_id::text FROM patient AS p JOIN alert AS a ON a.patient_id = p.id"
        " WHERE p.sent_id = '~test~HOSP|TEST9'",
    )[0]
    with page_of(running, "novak") as client:
        for path in ("/", "/alerts", "/patients", "/patients?realm=test", "/candidates"):
            text = client.get(path).text
            assert public not in text, path
            assert alert not in text, path
        assert client.get(f"/patients/{public}").status_code == 404
        assert client.get(f"/alerts/{alert}").status_code == 404
        assert client.get(f"/cards/{public}").status_code == 404
    with page_of(running, "zupan") as client:
        assert public not in client.get("/patients").text
        text = client.get("/patients?realm=test&lang=en").text
        assert public in text
        assert ">TEST<" in text
        assert ">TEST<" in client.get(f"/alerts/{alert}").text
    secret = token(running.dsn, "api", "read")
    found = httpx.get(f"{running.url}/api/v1/alerts", headers=bearer(secret)).text
    assert alert not in found
    assert httpx.get(f"{running.url}/api/v1/patients/{public}", headers=bearer(secret)).status_code == 404
    root = one(running.dsn, "SELECT id FROM patient WHERE public_id = %s", public)
    assert ask(running.dsn, "SELECT count(*) FROM live_event WHERE patient_id = %s", root) == [(0,)], "no screen hears"


def a_person_enrols_a_candidate(running: BoardProcess) -> None:
    """Without Kafka the decision is not taken, and says so; the form and its guard are what is tested here."""
    ask(running.dsn, "UPDATE patient SET unwatched = 'not_enrolled' WHERE sent_id = 'HOSP|2'")
    ask(
        running.dsn,
        "INSERT INTO candidate (patient_id, reason, collected_at, result_id, value, unit)"
        " SELECT p.id, 'm_protein', now(), gen_random_uuid(), 12, 'g/L' FROM patient AS p WHERE p.sent_id = 'HOSP|2'",
    )
    public = one(running.dsn, "SELECT public_id FROM patient WHERE sent_id = 'HOSP|2'")
    with page_of(running, "novak") as client:
        text = client.get("/candidates", params={"lang": "en"}).text
        assert "M-protein" in text
        assert f'action="/candidates/{public}"' in text
        refused = client.post(f"/candidates/{public}", data={"value": "enrolled", "csrf": "wrong"})
        assert refused.status_code == 403
    assert ask(running.dsn, "SELECT count(*) FROM audit WHERE action = 'context'") == [(0,)]


def test_feeds_on_pages_and_in_the_api(running: BoardProcess) -> None:
    """On one board: it takes seconds to start."""
    the_page_and_the_api_say_what_came_and_what_was_refused(running)
    nobody_of_the_test_realm_is_on_a_board_or_list_but_a_steward_finds_them(running)
    a_person_enrols_a_candidate(running)
    silence_is_said_on_every_page_and_ends_with_it(running)


def test_a_person_enrols_a_candidate_from_the_page(
    topics: Topics, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the stream: the finding lists the patient, the person's word takes it off and opens the watch."""
    site = tmp_path / "site.toml"
    site.write_text('[enrolment]\nwatch = "listed"\n')
    for name, value in (("KAFKA", topics.bootstrap), ("DATABASE", database), ("SITE", str(site))):
        monkeypatch.setenv(f"HALO_{name}", value)
    person(database, "novak", "on_call")
    with worker(topics.bootstrap, database, tmp_path), board(database, tmp_path) as process:
        produce(topics.bootstrap, [events.report(2, {"mspike": "12"})])
        wait(lambda: one(database, "SELECT count(*) FROM candidate") == 1)
        public = one(database, "SELECT public_id FROM patient")
        with page_of(process, "novak") as client:
            text = client.get("/candidates", params={"lang": "en"}).text
            csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
            assert csrf
            done = client.post(f"/candidates/{public}", data={"value": "enrolled", "csrf": csrf[1]})
            assert (done.status_code, "The decision was taken" in done.text) == (200, True)
            wait(lambda: one(database, "SELECT unwatched FROM patient") == "")
            assert public not in client.get("/candidates").text
    entry = one(database, "SELECT body FROM context_event")
    assert (entry["kind"], entry["value"]) == ("enrolment", "enrolled")
    assert ask(database, "SELECT who FROM audit WHERE action = 'context'") == [("novak",)]
