"""The clock brings everybody up to the rules in force: one who cannot be judged holds nobody back, nor the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from services.clock.catching_up import CatchingUp
from services.ledger import catching_up
from services.ledger.catching_up import CatchUp
from services.shared import database as databases
from tests.real import events
from tests.real.board import person
from tests.real.ledgers import ask, one
from tests.real.rules import TEST, Hospital

pytestmark = pytest.mark.real
BEHIND = "SELECT sent_id FROM patient WHERE rule_pack = 'before' ORDER BY id"


@pytest.fixture(autouse=True)
def named(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    person(database, "novak", "on_call")


@pytest.fixture
def hospital(database: str, tmp_path: Path) -> Hospital:
    """Three made-up persons who were judged by rules of before."""
    made = Hospital(database, tmp_path, TEST)
    made.take(*(events.report(number, {"ca": "13.9"}) for number in (1, 2, 3)))
    put_back(database)
    return made


def put_back(database: str) -> None:
    """As a worker of the version before does it in a rolling upgrade."""
    ask(database, "UPDATE patient SET rule_pack = 'before', series_version = series_version + 1")


def rounds(hospital: Hospital, count: int, step: CatchUp | None = None) -> list[int]:
    async def go() -> list[int]:
        chosen = step or hospital.ledger.catch_up()
        async with await databases.connect_writer(hospital.settings.database, "test") as conn:
            return [await chosen(conn) for _ in range(count)]

    return asyncio.run(go())


def break_one(database: str) -> int:
    """The alert's stored state of the first person cannot be read by this version."""
    record = one(database, "SELECT min(id) FROM patient")
    ask(database, "UPDATE alert SET body = '{\"rule\": 7}' WHERE patient_id = %s", record)
    return int(record)


def test_who_cannot_be_judged_is_named_and_left_out(database: str, hospital: Hospital) -> None:
    record = break_one(database)
    assert rounds(hospital, 2) == [3, 0]
    assert len(ask(database, BEHIND)) == 1
    found = "SELECT key, patient_id, count, detail LIKE '%%ValidationError%%' FROM operations_alert WHERE kind = %s"
    assert ask(database, found, "catch_up_failed") == [(f"catch_up_failed:{record}", record, 1, True)]


def test_who_was_left_out_is_tried_again(database: str, hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    body = one(database, "SELECT body FROM alert ORDER BY patient_id LIMIT 1")
    record = break_one(database)
    step = hospital.ledger.catch_up()
    rounds(hospital, 1, step)
    ask(database, "UPDATE alert SET body = %s WHERE patient_id = %s", body, record)
    monkeypatch.setattr(catching_up, "LOOK_AGAIN", 0.0)
    assert rounds(hospital, 1, step) == [1]
    assert ask(database, BEHIND) == []


def test_who_is_put_back_by_an_old_worker_is_brought_up_again(
    database: str, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = hospital.ledger.catch_up()
    assert rounds(hospital, 2, step) == [3, 0]
    put_back(database)
    assert rounds(hospital, 1, step) == [0], "it looks every few minutes only"
    monkeypatch.setattr(catching_up, "LOOK_AGAIN", 0.0)
    assert rounds(hospital, 1, step) == [3]


def test_a_round_ends_after_its_span_and_keeps_what_it_did(
    database: str, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each person is committed alone, so that nobody's rows are locked while the others are judged."""
    monkeypatch.setattr(catching_up, "SPAN", 0.0)
    assert rounds(hospital, 1) == [1]
    assert len(ask(database, BEHIND)) == 2
    monkeypatch.setattr(catching_up, "SPAN", 60.0)
    assert rounds(hospital, 1) == [2]
    written = "SELECT count(DISTINCT xmin::text) FROM patient WHERE rule_pack <> 'before'"
    assert one(database, written) == 3


async def test_the_clock_goes_on_whatever_happens(database: str) -> None:
    """An error nobody expects is shown by the probes, and what comes after it is done."""
    calls = 0

    class Step(CatchUp):
        async def __call__(self, conn: AsyncConnection) -> int:
            nonlocal calls
            calls += 1
            assert await (await conn.execute("SHOW idle_in_transaction_session_timeout")).fetchone() == ("2min",)
            if calls == 1:
                raise KeyError("a bug, with a value in its text")
            return 0

    task = CatchingUp(database, object.__new__(Step), every=0.02)
    running = asyncio.create_task(task.run())
    assert await _comes(lambda: task.wrong() == {"rules": "KeyError"})
    assert await _comes(lambda: calls >= 3)
    assert (running.done(), task.wrong()) == (False, {})
    running.cancel()
    await asyncio.wait([running])
    await task.close()


async def _comes(holds: Callable[[], bool]) -> bool:
    for _ in range(1000):
        if holds():
            return True
        await asyncio.sleep(0.005)
    return False
