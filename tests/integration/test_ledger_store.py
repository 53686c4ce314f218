"""One batch, one transaction: results, alerts, deliveries, outbox, log and offset; and again without effect."""

from __future__ import annotations

from pathlib import Path

from tests.real import events
from tests.real.ledgers import ask, ledger, one

COUNTS = """SELECT (SELECT count(*) FROM source_message), (SELECT count(*) FROM result), (SELECT count(*) FROM alert),
    (SELECT count(*) FROM alert_event), (SELECT count(*) FROM delivery), (SELECT count(*) FROM outbox),
    (SELECT coalesce(max(version), 0) FROM alert)"""


async def test_a_report_becomes_results_an_alert_deliveries_and_an_offset(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    outcome = await store.store(events.records(events.report(1, {"ca": "13.9", "alb": "3.5"})))
    await store.close()
    assert (outcome.events, outcome.results, outcome.dead_letters) == (1, 2, 0)
    assert ask(database, "SELECT rule, condition, version FROM alert") == [("CA_HIGH", "active", 1)]
    assert ask(database, "SELECT DISTINCT channel, change, reason FROM delivery ORDER BY 1") == [
        ("mail", "opened", "first"), ("pager", "opened", "first"),
    ]  # fmt: skip
    assert one(database, "SELECT count(*) FROM outbox WHERE topic = 'alerts.v1'") == 1
    assert one(database, "SELECT next_offset FROM consumer_offset") == 1
    assert ask(database, "SELECT results, stored, duplicate, quarantined, ignored FROM source_message") == [
        (2, 2, 0, 0, 0)
    ]
    assert one(database, "SELECT family FROM patient") == "Made-up1"


async def test_a_redelivery_is_a_no_op(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    batch = events.records(*(events.report(n % 3, {"ca": "13.9", "k": "6.6"}, hours=n) for n in range(6)))
    first = await store.store(batch)
    before = ask(database, COUNTS)
    again = await store.store(batch)
    await store.close()
    other = ledger(database, tmp_path)
    await other.store(batch[2:])
    await other.close()
    assert first.events == 6
    assert (again.events, again.repeated) == (0, 6)
    assert ask(database, COUNTS) == before
    assert one(database, "SELECT next_offset FROM consumer_offset") == 6


async def test_the_same_event_twice_in_one_batch_counts_once(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    report = events.report(1, {"ca": "13.9"})
    outcome = await store.store(events.records(report, report))
    await store.close()
    assert (outcome.events, outcome.repeated, outcome.results) == (1, 1, 1)
