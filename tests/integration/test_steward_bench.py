"""The data steward's bench on real PostgreSQL: who may look, what it shows, what is decided and written down."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client import REGISTRY

from services.board.secret import hash_password
from services.clock.held import OTHER, count
from services.ledger.quarantine import REASONS
from tests.real import bench, servers
from tests.real.board import BoardProcess, bearer, board, link, person, token
from tests.real.ledgers import ask

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def running(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    """One board over one morning; each test decides about items of its own."""
    with servers.cloned_database(postgres_dsn) as dsn:
        folder = tmp_path_factory.mktemp("bench")
        asyncio.run(bench.fill(dsn, folder))
        for login, role in (("vida", "steward"), ("oncall", "on_call"), ("nurse", "ward")):
            person(dsn, login, role, hash_password("not used here"))
        with board(dsn, folder) as process:
            yield process


@pytest.fixture(scope="module")
def steward(running: BoardProcess) -> Iterator[httpx.Client]:
    """A logged-in steward's browser."""
    with httpx.Client(base_url=running.url) as client:
        client.post("/enter", data={"once": link(running.dsn, running.url, "vida").partition("#once=")[2]})
        yield client


@pytest.fixture(scope="module")
def program(running: BoardProcess) -> Iterator[httpx.Client]:
    """A program of scope admin that acts for the steward."""
    secret = token(running.dsn, "api", "admin", login="vida", name="bench")
    with httpx.Client(base_url=f"{running.url}/api/v1", headers=bearer(secret)) as client:
        yield client


def gauge(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(name, labels)
    assert value is not None, name
    return value


def csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found, page.text[:300]
    return found[1]


def item(program: httpx.Client, **wanted: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = program.get("/quarantine", params=wanted).json()
    assert found, wanted
    return found[0]


@pytest.mark.parametrize("login", ["oncall", "nurse"])
def test_only_stewards_come_in(running: BoardProcess, login: str) -> None:
    """Neither pages nor API, and no link to them in the head of other pages."""
    with httpx.Client(base_url=running.url) as client:
        client.post("/enter", data={"once": link(running.dsn, running.url, login).partition("#once=")[2]})
        for path in ("/quarantine", "/quarantine/items", "/dead-letters", "/api/v1/quarantine", "/api/v1/dead-letters"):
            assert client.get(path).status_code == 403, path
        assert 'href="/quarantine"' not in client.get("/alerts").text


def test_the_bench_shows_groups_counts_and_questions(steward: httpx.Client) -> None:
    """An unknown code is one line with its count; the counts of the feed add up; what looks urgent stands first."""
    page = steward.get("/quarantine?lang=en").text
    groups = re.findall(r'<a class="finding" href="/quarantine/items\?reason=(\w+)', page)
    assert groups[0] == "unit_missing"
    assert sorted(groups) == [
        "ambiguous_number",
        "local_code_needed",
        "local_code_needed",
        "unit_missing",
        "unit_missing",
    ]
    assert "LOOKS CRITICAL" in page
    assert "A silent correction" in page
    assert "does not add up" not in page
    assert re.search(r'data-label="Count" class="figure">5', page)
    assert steward.get("/quarantine?lang=sl").text.count("Enota manjka") == 2


def test_an_item_shows_the_field_in_doubt_and_what_to_do(steward: httpx.Client, program: httpx.Client) -> None:
    """The message is whole, its OBX marked, the empty unit marked in it; the value stands as unverified."""
    held = item(program, reason="unit_missing", looks="CRITICAL")
    page = steward.get(f"/quarantine/{held['id']}?lang=en").text
    assert "UNVERIFIED: Calcium (total) 13.9 without unit, CRITICAL if mg/dL; call the laboratory LAB1" in page
    assert "Ask the laboratory for the unit; it is never guessed." in page
    assert re.search(
        r'<mark class="segment">OBX\|1\|NM\|2000-8\^Kalcij\^LN\|\|13.9\|</mark><mark class="field"[^>]*> </mark>', page
    )
    assert "Izmišljen1 Bolnik" in page
    assert "HOSP" not in held.values()
    whole = program.get(f"/quarantine/{held['id']}").json()
    raw, segment, field = base64.b64decode(whole["message"]["raw"]), whole["segment"], whole["field"]
    assert raw[segment["offset"] : segment["offset"] + segment["length"]].startswith(b"OBX|1|NM|2000-8")
    assert (field["length"], whole["more_like_it"]) == (0, 0)
    wrong = item(program, reason="ambiguous_number")
    assert (
        '<mark class="field" title="the field in doubt">1,234.5</mark>'
        in steward.get(f"/quarantine/{wrong['id']}").text
    )


def test_a_clinician_reads_of_it_on_the_patients_page(running: BoardProcess, program: httpx.Client) -> None:
    """The call leads there: the value stands as unverified, without a way into the bench."""
    held = item(program, reason="unit_missing", looks="CRITICAL")
    with httpx.Client(base_url=running.url) as client:
        client.post("/enter", data={"once": link(running.dsn, running.url, "oncall").partition("#once=")[2]})
        page = client.get(f"/patients/{held['patient']}?lang=en").text
    assert "UNVERIFIED: Calcium (total) 13.9 without unit, CRITICAL if mg/dL" in page
    assert "/quarantine/" not in page


def test_what_is_read_and_decided_is_written_down(
    running: BoardProcess, steward: httpx.Client, program: httpx.Client
) -> None:
    """Reading leaves a row of the patient with the route's template; a note and a take carry the person."""
    held = item(program, reason="ambiguous_number")
    page = steward.get(f"/quarantine/{held['id']}")
    last = "SELECT who, action, route, patient_id IS NOT NULL FROM audit ORDER BY id DESC LIMIT 1"
    assert ask(running.dsn, last) == [("vida", "read", "/quarantine/{item}", True)]
    for act, note in (("note", "asked Dr X"), ("take", ""), ("give_back", "")):
        done = steward.post(f"/quarantine/{held['id']}/{act}", data={"csrf": csrf(page), "note": note})
        assert (done.status_code, done.headers["location"]) == (303, f"/quarantine/{held['id']}")
    log = program.get(f"/quarantine/{held['id']}").json()["log"]
    assert [(entry["kind"], entry["who"], entry["note"]) for entry in log] == [
        ("noted", "vida", "asked Dr X"), ("assigned", "vida", "vida"), ("assigned", "vida", ""),
    ]  # fmt: skip
    assert steward.post(f"/quarantine/{held['id']}/take", data={}).status_code == 403, "without the form's token"
    assert steward.post(f"/quarantine/{held['id']}/dance", data={"csrf": csrf(page)}).status_code == 404


def test_closing_needs_a_reason(steward: httpx.Client, program: httpx.Client) -> None:
    """409 without one, and once it is closed; the reason stands on the page."""
    held = item(program, reason="unit_missing", looks="HIGH")
    assert program.post(f"/quarantine/{held['id']}/close", json={"note": ""}).status_code == 409
    assert program.post(f"/quarantine/{held['id']}/close", json={"note": "sent anew as 4.2"}).json() == {"items": 1}
    again = program.post(f"/quarantine/{held['id']}/close", json={"note": "twice"})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert "sent anew as 4.2" in steward.get(f"/quarantine/{held['id']}").text
    assert program.post(f"/quarantine/{held['id']}/reopen", json={}).status_code == 204
    assert item(program, reason="unit_missing", looks="HIGH")["closed_at"] is None


def test_a_group_is_released_and_the_clock_has_the_work(running: BoardProcess, program: httpx.Client) -> None:
    """202 with how many; a timer a person, one stored release; an unknown group is 409."""
    group = {"reason": "local_code_needed", "laboratory": "LAB1", "code": "KREA", "unit": "umol/L"}
    found = program.post("/quarantine/release", json=group | {"note": "mapped today"})
    assert (found.status_code, found.json()["items"]) == (202, 5)
    assert ask(running.dsn, "SELECT count(*) FROM timer WHERE kind = 'quarantine_release'") == [(5,)]
    assert ask(running.dsn, "SELECT who, note, cardinality(items) FROM quarantine_release") == [
        ("vida", "mapped today", 5)
    ]
    assert program.post("/quarantine/release", json=group | {"code": "?"}).status_code == 409
    assert program.post("/quarantine/release", json={"reason": "x"}).status_code == 400


def test_lists_go_on_behind_the_link_header(program: httpx.Client) -> None:
    """Every item once, whatever the page's size; a cursor nobody gave is 400."""
    seen, address = [], "/quarantine?limit=3&state=all"
    while address:
        page = program.get(address.removeprefix("/api/v1"))
        seen += [one["id"] for one in page.json()]
        address = page.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen)) == 9
    assert program.get("/quarantine?cursor=nonsense").status_code == 400
    assert [group["count"] for group in program.get("/quarantine/groups?limit=1").json()] == [1]
    assert (
        program.get("/quarantine/groups?limit=1")
        .links["next"]["url"]
        .startswith("/api/v1/quarantine/groups?limit=1&cursor=")
    )


def test_an_unknown_code_is_ignored_and_heeded_again(steward: httpx.Client, program: httpx.Client) -> None:
    """The bench prints the line for the site file; a code Halo knows cannot be ignored."""
    group = {"reason": "local_code_needed", "laboratory": "LAB1", "code": "COVID", "unit": "Ct", "note": "not ours"}
    assert program.post("/quarantine/ignore", json=group | {"reason": "unit_missing"}).status_code == 409
    assert program.post("/quarantine/ignore", json=group).json() == {"items": 1}
    page = steward.get("/quarantine?lang=en")
    assert (
        "[[ignore]]\nlaboratory = &#34;LAB1&#34;\ncode = &#34;COVID&#34;" in page.text
        or '[[ignore]]\nlaboratory = "LAB1"\ncode = "COVID"' in page.text
    )
    data = {"csrf": csrf(page), "reason": "local_code_needed", "laboratory": "LAB1", "code": "COVID"}
    assert steward.post("/quarantine/ignored/heed", data=data).status_code == 303
    assert item(program, code="COVID")["closed_at"] is None


def test_a_question_is_answered(running: BoardProcess, steward: httpx.Client, program: httpx.Client) -> None:
    """The answer stands in the audit under the person."""
    (question,) = program.get("/quarantine/questions").json()
    assert question["topic"] == "silent_correction"
    data = {"csrf": csrf(steward.get("/quarantine")), "key": question["key"], "note": "they will send C"}
    assert steward.post("/quarantine/questions/answer", data=data).status_code == 303
    assert program.get("/quarantine/questions").json() == []
    assert ask(running.dsn, "SELECT who, detail FROM audit WHERE action = 'question_answered'") == [
        ("vida", f"{question['key']}: they will send C")
    ]
    assert program.post("/quarantine/questions/answer", json={"key": "none", "note": "x"}).status_code == 409


def test_dead_letters_show_their_bytes_and_are_closed_with_a_reason(
    running: BoardProcess, steward: httpx.Client, program: httpx.Client
) -> None:
    """Odd bytes show as escapes and as hexadecimal; what cannot be read cannot be replayed; closing frees the patient."""
    (letter,) = program.get("/dead-letters").json()
    whole = program.get(f"/dead-letters/{letter['id']}").json()
    assert base64.b64decode(whole["value"]) == b'{"type": "lab_report", \x00\xff made up'
    page = steward.get(f"/dead-letters/{letter['id']}").text
    assert "\\x00\\xff made up" in page
    assert "00 ff 20 6d 61 64 65" in page
    assert program.post(f"/dead-letters/{letter['id']}/release", json={}).status_code == 409
    incomplete = "SELECT incomplete ? 'dead_letter' FROM patient WHERE sent_id = 'HOSP|2'"
    assert ask(running.dsn, incomplete) == [(True,)]
    assert program.post(f"/dead-letters/{letter['id']}/close", json={}).status_code == 409
    closed = program.post(f"/dead-letters/{letter['id']}/close", json={"note": "a test of ours"}).json()
    assert (closed["closed_by"], closed["close_reason"]) == ("vida", "a test of ours")
    assert program.get("/dead-letters").json() == []
    assert len(program.get("/dead-letters?everything=true").json()) == 1
    assert ask(running.dsn, incomplete) == [(False,)]
    missing = program.get("/dead-letters/00000000-0000-0000-0000-000000000000")
    assert (missing.status_code, missing.json()["status"]) == (404, 404)


def test_nobody_decides_without_a_name(running: BoardProcess, program: httpx.Client) -> None:
    """A program without a person reads and decides nothing; the API's description has all of it."""
    secret = token(running.dsn, "api", "admin", name="nameless")
    held = item(program, reason="ambiguous_number")
    answer = httpx.post(f"{running.url}/api/v1/quarantine/{held['id']}/release", json={}, headers=bearer(secret))
    assert answer.status_code == 403
    paths = httpx.get(f"{running.url}/schema/openapi.json").json()["paths"]
    for path in ("/quarantine", "/quarantine/{item}", "/quarantine/{item}/release", "/quarantine/release",
                 "/quarantine/{item}/close", "/dead-letters", "/dead-letters/{letter}", "/dead-letters/{letter}/release"):  # fmt: skip
        assert f"/api/v1{path}" in paths, path
    with psycopg.connect(running.dsn) as conn:
        assert conn.execute("SELECT count(*) FROM quarantine_log WHERE who = ''").fetchone() == (0,)


async def test_what_waits_is_counted_by_a_closed_set_of_reasons(running: BoardProcess) -> None:
    """A reason nobody knows counts as other; nothing held counts as 0 and no age."""
    async with await psycopg.AsyncConnection.connect(running.dsn, autocommit=True) as conn:
        await conn.execute(
            "UPDATE quarantine SET reason = 'made up' WHERE id = (SELECT min(id::text)::uuid FROM quarantine)"
        )
        assert await count(conn) == 0
        (open_,) = await (await conn.execute("SELECT count(*) FROM quarantine WHERE closed_at IS NULL")).fetchone() or (
            0,
        )
        values = {reason: gauge("halo_quarantine_open", reason=reason) for reason in (*REASONS, OTHER)}
        assert (sum(values.values()), values[OTHER]) == (open_, 1)
        (oldest,) = await (
            await conn.execute("SELECT min(received_at) FROM quarantine WHERE closed_at IS NULL")
        ).fetchone() or (None,)
        assert gauge("halo_quarantine_oldest_timestamp_seconds") == oldest.timestamp()
        await conn.execute("UPDATE quarantine SET closed_at = now() WHERE closed_at IS NULL")
        await count(conn)
        assert (
            sum(gauge("halo_quarantine_open", reason=reason) for reason in REASONS),
            gauge("halo_quarantine_oldest_timestamp_seconds"),
        ) == (0, 0)
