"""The board on real PostgreSQL: who gets in, what is written down, and a stream that skips nothing."""

from __future__ import annotations

import base64
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from services.board.secret import hash_password
from services.cli import token as token_command
from services.cli import user as user_command
from tests.real import made_up_ward
from tests.real.board import BoardProcess, bearer, board, link, person, token

pytestmark = pytest.mark.real
PASSWORD = "correct horse battery"


@pytest.fixture
def running(database: str, tmp_path: Path) -> Iterator[BoardProcess]:
    made_up_ward.fill(database)
    with board(database, tmp_path) as process:
        yield process


def rows(dsn: str, query: str, *values: Any) -> list[Any]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query.encode(), values).fetchall()


def get(process: BoardProcess, path: str, secret: str, **more: Any) -> httpx.Response:
    return httpx.get(process.url + path, headers=bearer(secret) | more)


def test_nobody_gets_in_without_proof(running: BoardProcess) -> None:
    """Pages lead to the login, the API answers 401 with a problem document; a wrong, expired or revoked token is none."""
    for path in (
        "/alerts",
        "/patients",
        "/events",
        "/dead-letters",
        "/quarantine",
        "/wards/H2/board",
        "/patients/x/series",
    ):
        answer = httpx.get(f"{running.url}/api/v1{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert answer.json()["status"] == 401
    for path in ("/", "/alerts", "/patients", "/cards/x"):
        answer = httpx.get(running.url + path)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/login?next=")
    assert get(running, "/api/v1/alerts", "wrong").status_code == 401
    assert get(running, "/api/v1/alerts", token(running.dsn, "api", "read", hours=-1)).status_code == 401
    good = token(running.dsn, "api", "read", name="good")
    assert get(running, "/api/v1/alerts", good).status_code == 200
    rows_updated = "UPDATE token SET revoked_at = now() WHERE name = 'good' RETURNING last_used_at"
    assert rows(running.dsn, rows_updated)[0][0] is not None
    assert get(running, "/api/v1/alerts", good).status_code == 401
    assert httpx.get(f"{running.url}/schema/openapi.json").json()["paths"]["/api/v1/alerts"]


def test_password_login_throttle_and_logout(running: BoardProcess) -> None:
    """Right password: a strict session; five wrong ones: even the right one waits; after logging out the cookie is dead."""
    person(running.dsn, "vida", "on_call", hash_password(PASSWORD))
    person(running.dsn, "metka", "on_call", hash_password(PASSWORD))
    with httpx.Client(base_url=running.url) as client:
        assert client.post("/login", data={"login": "vida", "password": "nope"}).status_code == 401
        done = client.post("/login", data={"login": "vida", "password": PASSWORD, "next": "//evil.example"})
        assert (done.status_code, done.headers["location"]) == (303, "/")
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        page = client.get("/alerts")
        assert page.status_code == 200
        csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
        assert csrf
        assert client.post("/logout").status_code == 403
        kept = dict(client.cookies)
        assert client.post("/logout", data={"csrf": csrf[1]}).status_code == 303
        assert httpx.get(f"{running.url}/alerts", cookies=kept).status_code == 302
    for _ in range(5):
        assert httpx.post(f"{running.url}/login", data={"login": "metka", "password": "nope"}).status_code == 401
    assert httpx.post(f"{running.url}/login", data={"login": "metka", "password": PASSWORD}).status_code == 429
    assert rows(running.dsn, "SELECT count(*) FROM audit WHERE action = 'login_failed' AND who = 'metka'") == [(5,)]
    assert PASSWORD not in running.log()


def test_a_link_works_once(running: BoardProcess) -> None:
    """Its secret stands behind the `#`; the second use is refused."""
    address = link(running.dsn, running.url, "demo")
    secret = address.partition("#once=")[2]
    assert len(secret) > 40
    assert get(running, "/api/v1/alerts", secret).status_code == 401, "good for the entrance only"
    assert httpx.post(f"{running.url}/enter", data={"once": secret}).status_code == 303
    assert httpx.post(f"{running.url}/enter", data={"once": secret}).status_code == 401
    assert get(running, "/api/v1/alerts", secret).status_code == 401


def test_forged_posts_are_refused(running: BoardProcess) -> None:
    """A session's cookie alone, or another origin, changes nothing."""
    secret = link(running.dsn, running.url, "demo").partition("#once=")[2]
    with httpx.Client(base_url=running.url) as client:
        client.post("/enter", data={"once": secret})
        alert = client.get("/api/v1/alerts").json()[0]
        path, body = f"/api/v1/alerts/{alert['alert_id']}/acknowledge", {"version": 1}
        assert client.post(path, json=body).status_code == 403
        csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/alerts").text)
        assert csrf
        token_header = {"X-CSRF-Token": csrf[1]}
        assert (
            client.post(path, json=body, headers=token_header | {"Origin": "https://evil.example"}).status_code == 403
        )
        assert client.post(path, json=body, headers=token_header | {"Origin": running.url}).status_code == 200


def test_acknowledging(running: BoardProcess) -> None:
    """In a person's name, for the version read; an older version is refused: worse since, read again."""
    person(running.dsn, "vida", "on_call")
    person(running.dsn, "ward", "ward")
    write = token(running.dsn, "api", "write", login="vida", name="pager")
    alert = get(running, "/api/v1/alerts?severity=CRITICAL", write).json()[0]
    path = f"{running.url}/api/v1/alerts/{alert['alert_id']}"
    for secret in (
        token(running.dsn, "api", "read"),
        token(running.dsn, "api", "write"),
        token(running.dsn, "device", "H2"),
    ):
        assert httpx.post(f"{path}/acknowledge", json={"version": 1}, headers=bearer(secret)).status_code == 403
    stale = httpx.post(f"{path}/acknowledge", json={"version": 0}, headers=bearer(write))
    assert (stale.status_code, stale.json()["title"]) == (409, "Conflict")
    done = httpx.post(f"{path}/acknowledge", json={"version": 1, "note": "seen, fluids"}, headers=bearer(write))
    assert (done.status_code, done.json()["response"], done.json()["acknowledged_by"]) == (200, "acknowledged", "vida")
    assert httpx.post(f"{path}/comment", json={"note": "repeat at 18:00"}, headers=bearer(write)).status_code == 204
    log = "SELECT e.kind, e.actor, p.payload->>'note' FROM alert_event e JOIN alert_event_payload p USING (chain, number) WHERE alert_id = %s ORDER BY number"
    assert rows(running.dsn, log, alert["alert_id"]) == [
        ("acknowledged", "vida", "seen, fluids"),
        ("commented", "vida", "repeat at 18:00"),
    ]
    with httpx.Client(base_url=running.url) as client:
        client.post("/enter", data={"once": link(running.dsn, running.url, "ward").partition("#once=")[2]})
        page = client.get(f"/alerts/{alert['alert_id']}")
        assert page.status_code == 200
        assert "/acknowledge" not in page.text


def test_explanation_and_source_lead_to_the_bytes(running: BoardProcess) -> None:
    """The deciding segment of the kept message is exactly the one that carried the value."""
    secret = token(running.dsn, "api", "read")
    alert = next(a for a in get(running, "/api/v1/alerts", secret).json() if a["rule"] == "CA_HIGH")
    why = get(running, f"/api/v1/alerts/{alert['alert_id']}/explanation", secret).json()
    assert why["draft"] is True
    assert why["conditions"]["truth"] == "TRUE"
    assert why["sentences"]["sl"]

    messages = get(running, f"/api/v1/alerts/{alert['alert_id']}/source", secret).json()
    segments = [
        base64.b64decode(m["raw"])[d["offset"] : d["offset"] + d["length"]]
        for m in messages
        for d in m["deciding"]
        if d["analyte"] == "ca"
    ]
    assert segments
    assert all(segment.startswith(b"OBX|") and b"|ca^^L||" in segment for segment in segments)
    page = get(running, f"/alerts/{alert['alert_id']}", secret).text
    assert re.search(r"<mark[^>]*>OBX\|1\|NM\|ca\^\^L\|\|[0-9.]+\|mmol/L", page)


def test_every_reading_is_audited_with_the_template(running: BoardProcess) -> None:
    """Page, API and screen leave a row a patient; no address, no number."""
    secret, screen = token(running.dsn, "api", "read", name="lis"), token(running.dsn, "device", "H2", name="hall")
    patient = get(running, "/api/v1/patients", secret).json()[0]["patient"]
    own = "SELECT who, action, route FROM audit WHERE patient_id = (SELECT id FROM patient WHERE public_id = %s) ORDER BY audit.id DESC LIMIT 1"
    for path, route in (
        (f"/api/v1/patients/{patient}", "/api/v1/patients/{public_id}"), (f"/api/v1/patients/{patient}/series", "/api/v1/patients/{public_id}/series"),
        (f"/patients/{patient}", "/patients/{public_id}"), ("/", "/"),
    ):  # fmt: skip
        assert get(running, path, secret).status_code == 200
        assert rows(running.dsn, own, patient) == [("api:lis", "read", route)]
    assert get(running, f"/cards/{patient}", screen).status_code == 200
    assert rows(running.dsn, own, patient) == [("device:hall", "read", "/cards/{public_id}")]
    found = httpx.post(f"{running.url}/api/v1/patients/search", json={"number": "Izmisljena1"}, headers=bearer(secret))
    assert [p["family"] for p in found.json()] == ["Izmisljena"]
    assert "Izmisljena1" not in str(rows(running.dsn, "SELECT * FROM audit"))
    assert patient not in str(rows(running.dsn, "SELECT route, detail FROM audit"))
    assert "Izmisljena" not in running.log()


def test_a_screen_sees_its_ward_without_names(running: BoardProcess) -> None:
    """Nothing else is open to it; another ward's patient is not there."""
    with psycopg.connect(running.dsn) as conn:
        other = made_up_ward.add_patient(conn, "Drugi", "Ivan", "9", ward="H3")
    elsewhere = rows(running.dsn, "SELECT public_id FROM patient WHERE id = %s", other)[0][0]
    screen = token(running.dsn, "device", "H2")
    page = get(running, "/?ward=H3&mode=named", screen).text
    assert page.count("data-patient=") == len(made_up_ward.WARD)
    for family, given, _, _ in made_up_ward.WARD:
        assert family not in page
        assert given not in page
    assert "M-protein" not in page
    assert get(running, f"/cards/{elsewhere}", screen).status_code == 404
    assert get(running, "/api/v1/wards/H3/board", screen).status_code == 403
    for path in ("/alerts", "/patients", "/api/v1/alerts", "/api/v1/patients", "/api/v1/quarantine"):
        assert get(running, path, screen).status_code == 403
    assert len(get(running, "/api/v1/wards/H2/board", screen).json()) == len(made_up_ward.WARD)
    named = token(running.dsn, "device", "H2", name="office", named=True)
    assert "Izmisljena" in get(running, "/", named).text


def test_stewards_only(running: BoardProcess) -> None:
    """Dead letters and quarantine hold raw data."""
    for path in ("/api/v1/dead-letters", "/api/v1/quarantine"):
        assert get(running, path, token(running.dsn, "api", "write")).status_code == 403
        assert get(running, path, token(running.dsn, "api", "admin")).json() == []


def test_merged_patients_answer_under_both_ids(running: BoardProcess) -> None:
    """The retired id finds the survivor, who has both series; the list shows one person."""
    ids = dict(rows(running.dsn, "SELECT given, id FROM patient"))
    public = dict(rows(running.dsn, "SELECT given, public_id FROM patient"))
    rows(running.dsn, "INSERT INTO patient_alias VALUES (%s, %s) RETURNING 1", ids["Fani"], ids["Eva"])
    secret = token(running.dsn, "api", "read")
    assert get(running, f"/api/v1/patients/{public['Fani']}", secret).json()["given"] == "Eva"
    series = get(running, f"/api/v1/patients/{public['Eva']}/series", secret).json()["series"]
    assert {one["analyte"] for one in series} >= {"visc", "creat", "hb"}
    assert len(get(running, "/api/v1/patients", secret).json()) == len(made_up_ward.WARD) - 1
    assert get(running, f"/api/v1/alerts?state=open", secret).json()  # noqa: F541


class Stream:
    """A reader of server-sent events."""

    def __init__(self, process: BoardProcess, secret: str, last: str = "") -> None:
        headers = bearer(secret) | ({"Last-Event-ID": last} if last else {})
        self._client = httpx.Client(timeout=10)
        self._context = self._client.stream("GET", f"{process.url}/api/v1/events", headers=headers)
        self._lines = self._context.__enter__().iter_lines()

    def until(self, kind: str) -> list[dict[str, str]]:
        """Events up to and with the first of this kind."""
        found: list[dict[str, str]] = []
        event: dict[str, str] = {}
        deadline = time.monotonic() + 15
        for line in self._lines:
            assert time.monotonic() < deadline, f"no {kind} within 15 s, only {found}"
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                found.append(event)
                if event.get("event") == kind:
                    return found
                event = {}
        raise AssertionError(f"the stream ended after {found}")

    def close(self) -> None:
        self._context.__exit__(None, None, None)
        self._client.close()


def test_stream_resumes_where_it_was(running: BoardProcess) -> None:
    """Events written while nobody listened come in order after Last-Event-ID; ids that cannot be told mean reload."""
    secret = token(running.dsn, "api", "read")
    patient = rows(running.dsn, "SELECT id FROM patient ORDER BY id LIMIT 1")[0][0]
    stream = Stream(running, secret)
    ping = json.loads(stream.until("ping")[0]["data"])
    assert ping["live"] is True
    with psycopg.connect(running.dsn) as conn:
        made_up_ward.announce(conn, patient)
    first = stream.until("series")[-1]
    stream.close()
    with psycopg.connect(running.dsn) as conn:
        for _ in range(3):
            made_up_ward.announce(conn, patient)
        conn.execute("INSERT INTO live_event (kind) VALUES ('operations')")
    later = Stream(running, secret, first["id"])
    missed = [e for e in later.until("operations") if e["event"] != "ping"]
    later.close()
    assert [int(e["id"]) - int(first["id"]) for e in missed] == [1, 2, 3, 4]
    for lost in ("99999999",):
        again = Stream(running, secret, lost)
        assert again.until("reload")
        again.close()
    rows(running.dsn, "DELETE FROM live_event WHERE seq <= %s RETURNING 1", int(first["id"]) + 2)
    again = Stream(running, secret, first["id"])
    assert again.until("reload")
    again.close()


def test_a_transaction_held_open_skips_nothing(running: BoardProcess) -> None:
    """A row whose transaction commits after a later row's is told after it, not lost."""
    secret = token(running.dsn, "api", "read")
    ids = [row[0] for row in rows(running.dsn, "SELECT id FROM patient ORDER BY id LIMIT 2")]
    public = dict(rows(running.dsn, "SELECT id, public_id FROM patient"))
    stream = Stream(running, secret)
    stream.until("ping")
    with psycopg.connect(running.dsn) as slow:
        made_up_ward.announce(slow, ids[0])
        with psycopg.connect(running.dsn) as quick:
            made_up_ward.announce(quick, ids[1])
        heard = stream.until("series")[-1]
        assert json.loads(heard["data"])["patient"] == public[ids[1]]
        slow.commit()
    late = stream.until("series")[-1]
    assert json.loads(late["data"])["patient"] == public[ids[0]]
    assert int(late["id"]) == int(heard["id"]) + 1
    stream.close()


def test_stopping_does_not_wait_for_screens(running: BoardProcess) -> None:
    """Open streams end at once; metrics counted them."""
    secret = token(running.dsn, "api", "read")
    streams = [Stream(running, secret) for _ in range(3)]
    for stream in streams:
        stream.until("ping")
    assert "halo_dashboard_clients 3.0" in httpx.get(f"{running.probes}/metrics").text
    assert running.stop(signal.SIGTERM) < 4
    for stream in streams:
        stream.close()


def test_headers(running: BoardProcess) -> None:
    """Nothing inline, nothing from elsewhere, nothing cached."""
    answer = get(running, "/", token(running.dsn, "api", "read"))
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"\sstyle=|\son[a-z]+=|<script>|https?://(?!www\.w3\.org)", answer.text)
    assert "MADE-UP PATIENTS" in get(running, "/?lang=en", token(running.dsn, "api", "read")).text
    assert "NI ODOBRENO ZA KLINIČNO UPORABO" in answer.text


def test_another_language_keeps_the_page(running: BoardProcess) -> None:
    """Whoever looks at a ward without names does not see names after changing the language."""
    page = get(running, "/?ward=H2&mode=public&lang=sl", token(running.dsn, "api", "read")).text
    assert 'href="?ward=H2&amp;mode=public&amp;lang=en"' in page
    assert "Izmisljena" not in page


def test_people_and_tokens_from_the_command_line(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No default password; a short one is refused; a token's secret is printed once and not stored."""
    monkeypatch.setenv("HALO_DATABASE", database)
    runner = CliRunner()
    secret_file = tmp_path / "password"
    secret_file.write_text("short\n")
    add = ["add", "vida", "--role", "on_call", "--password-file", str(secret_file)]
    assert runner.invoke(user_command.command, add).exit_code != 0
    secret_file.write_text(f"{PASSWORD}\n")
    assert runner.invoke(user_command.command, add).exit_code == 0
    assert runner.invoke(user_command.command, add).exit_code != 0
    assert "vida" in runner.invoke(user_command.command, ["list"]).output
    assert PASSWORD not in str(rows(database, "SELECT * FROM person"))
    assert "#once=" in runner.invoke(user_command.command, ["link", "vida"]).output
    assert runner.invoke(user_command.command, ["link", "nobody"]).exit_code != 0
    assert runner.invoke(token_command.command, ["create", "--name", "x", "--kind", "device"]).exit_code != 0
    made = runner.invoke(
        token_command.command,
        ["create", "--name", "lis", "--kind", "api", "--scope", "write", "--person", "vida", "--expires", "12h"],
    )
    assert made.exit_code == 0
    assert made.output.strip() not in str(rows(database, "SELECT * FROM token"))
    token_id = str(rows(database, "SELECT id FROM token WHERE kind = 'api'")[0][0])
    assert "valid" in runner.invoke(token_command.command, ["list"]).output
    assert runner.invoke(token_command.command, ["revoke", token_id]).exit_code == 0
    assert "revoked" in runner.invoke(token_command.command, ["list"]).output
    assert runner.invoke(user_command.command, ["disable", "vida"]).exit_code == 0
    assert rows(database, "SELECT disabled_at IS NOT NULL FROM person") == [(True,)]
