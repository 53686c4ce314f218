"""People answer an alert: with the version they saw, in the log, and against what happens at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ledger.acknowledge import acknowledge, unacknowledge
from services.ledger.errors import NoSuchAlert, StaleVersion
from services.ledger.opening import open_journal
from services.shared import database as databases
from tests.real import events
from tests.real.ledgers import ask, ledger, one, settings

UNKNOWN = "00000000-0000-0000-0000-000000000000"


async def test_an_answer_is_stored_logged_and_taken_back(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(events.report(1, {"ca": "13.9"})))
    alert, chain = ask(database, "SELECT alert_id::text, patient_id FROM alert")[0]
    journal = open_journal(settings(database, tmp_path))
    async with await databases.connect(database, "test") as conn:
        await acknowledge(conn, alert, "Dr Made-up", 1, "given fluids", journal=journal)
        await conn.commit()
        row = ask(database, "SELECT response, acknowledged_by, acknowledged_version FROM alert")
        assert row == [("acknowledged", "Dr Made-up", 1)]
        await unacknowledge(conn, alert, "Dr Made-up", "by mistake", journal=journal)
        await conn.commit()
        assert await journal.verify(conn, chain) == []
    assert ask(database, "SELECT kind, actor FROM alert_event ORDER BY number") == [
        ("opened", "halo"), ("acknowledged", "Dr Made-up"), ("unacknowledged", "Dr Made-up"),
    ]  # fmt: skip
    assert one(database, "SELECT response FROM alert") == "unacknowledged"
    await store.store(events.records(events.report(1, {"ca": "14.9"}, hours=2), start=1))
    await store.close()
    assert one(database, "SELECT version FROM alert") == 2


async def test_an_answer_to_an_older_version_is_refused(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(events.report(1, {"ca": "11.5"}), events.report(1, {"ca": "14.9"}, hours=2)))
    await store.close()
    journal = open_journal(settings(database, tmp_path))
    alert, version = ask(database, "SELECT alert_id::text, version FROM alert WHERE rule = 'CA_HIGH'")[0]
    assert version == 2
    async with await databases.connect(database, "test") as conn:
        with pytest.raises(StaleVersion, match="read it again"):
            await acknowledge(conn, alert, "Dr Made-up", 1, journal=journal)
        with pytest.raises(NoSuchAlert):
            await acknowledge(conn, UNKNOWN, "Dr Made-up", 1, journal=journal)
    assert one(database, "SELECT response FROM alert WHERE rule = 'CA_HIGH'") == "unacknowledged"


async def test_worse_after_an_answer_asks_again(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(events.report(1, {"ca": "11.5"})))
    alert = one(database, "SELECT alert_id::text FROM alert WHERE rule = 'CA_HIGH'")
    async with await databases.connect(database, "test") as conn:
        await acknowledge(conn, alert, "Dr Made-up", 1, journal=open_journal(settings(database, tmp_path)))
        await conn.commit()
    await store.store(events.records(events.report(1, {"ca": "11.6"}, hours=1), start=1))
    kept = ask(database, "SELECT version, response FROM alert WHERE rule = 'CA_HIGH'")
    await store.store(events.records(events.report(1, {"ca": "14.9"}, hours=2), start=2))
    await store.close()
    assert kept == [(2, "acknowledged")]
    assert ask(database, "SELECT version, response, severity FROM alert WHERE rule = 'CA_HIGH'") == [
        (3, "unacknowledged", "CRITICAL")
    ]


async def test_a_changed_payload_and_a_changed_row_show(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(events.report(1, {"ca": "13.9"})))
    await store.close()
    journal, chain = open_journal(settings(database, tmp_path)), one(database, "SELECT max(chain) FROM alert_event")
    async with await databases.connect(database, "test", autocommit=True) as conn:
        assert await journal.verify(conn, chain) == []
        await conn.execute(
            """UPDATE alert_event_payload SET payload = payload || '{"notify": "no"}' WHERE number = 1"""
        )
        assert any("payload of row 1" in text for text in await journal.verify(conn, chain))
        await conn.execute("DELETE FROM alert_event_payload")
        assert await journal.verify(conn, chain) == []
        await conn.execute("ALTER TABLE alert_event DISABLE TRIGGER USER")
        await conn.execute("UPDATE alert_event SET kind = 'cleared' WHERE number = 1")
        assert any("was changed" in text for text in await journal.verify(conn, chain))
