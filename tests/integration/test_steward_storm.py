"""A feed that loses its units: twenty held values that look urgent page one by one, what follows joins one page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from schemas.patient_event import LabReport
from services.ledger.operations import AFTER, LATELY, WINDOW, Technical, report
from tests.real import events
from tests.real.ledgers import ask, ledger, one

PAGES = "SELECT count(*), sum(count) FROM operations_alert WHERE kind = 'steward_page'"
JOINED = "SELECT severity, count, told_at IS NULL FROM operations_alert WHERE key LIKE 'storm:%%' ORDER BY 1, opened_at"


def unitless(number: int, value: str = "13.9", laboratory: str = "LAB1", name: str = "ca_mmol") -> LabReport:
    """A value of one more made-up person whose unit was lost."""
    sent = events.report(number, {name: value}, hours=number / 60)
    results = tuple(msgspec.structs.replace(one, unit="", laboratory=laboratory) for one in sent.results)
    return events.again(sent, results=results)


async def test_beyond_twenty_of_a_feed_in_ten_minutes_they_join_one_page_that_counts(
    database: str, tmp_path: Path
) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(*(unitless(n) for n in range(AFTER - 1))))
    assert ask(database, PAGES) == [(AFTER - 1, AFTER - 1)]
    await store.store(events.records(*(unitless(n) for n in range(AFTER - 1, AFTER + 2)), start=100))
    assert ask(database, PAGES) == [(AFTER + 1, AFTER + 2)], "the twentieth alone, two together"
    ask(database, "UPDATE operations_alert SET told_at = now()")
    await store.store(events.records(*(unitless(n) for n in range(AFTER + 2, AFTER + 30)), start=200))
    assert (ask(database, JOINED), one(database, "SELECT count(*) FROM quarantine")) == (
        [("CRITICAL", 30, False)], AFTER + 30,
    )  # fmt: skip
    detail = one(database, "SELECT detail FROM operations_alert WHERE key LIKE 'storm:%%'")
    assert "LAB1" in detail
    assert "unit_missing" in detail
    assert "13.9" not in detail
    assert "Made-up" not in detail
    await store.store(events.records(unitless(AFTER + 1), start=300))
    assert ask(database, JOINED) == [("CRITICAL", 30, False)], "given again it is counted once"
    await store.store(events.records(unitless(90, laboratory="LAB2"), start=301))
    await store.close()
    assert ask(database, PAGES) == [(AFTER + 2, AFTER + 31)], "another feed pages on its own"


async def test_a_critical_one_is_never_hidden_in_a_page_of_lesser_ones(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(*(unitless(n, "6.2", name="k") for n in range(AFTER + 2))))
    assert ask(database, JOINED) == [("HIGH", 2, True)]
    await store.store(events.records(unitless(90), start=100))
    await store.close()
    assert ask(database, JOINED) == [("CRITICAL", 1, True), ("HIGH", 2, True)]


async def test_when_it_is_over_each_pages_again_and_while_it_lasts_one_page_a_window(
    database: str, tmp_path: Path
) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(*(unitless(n) for n in range(AFTER + AFTER))))
    ask(
        database,
        "UPDATE operations_alert SET last_at = last_at - interval '10 minutes' WHERE key LIKE 'steward_page:%'",
    )
    ask(database, "UPDATE operations_alert SET key = key || ' earlier window' WHERE key LIKE 'storm:%'")
    await store.store(events.records(unitless(90), start=100))
    assert [row[1] for row in ask(database, JOINED)] == [AFTER, 1], "the storm goes on: a page of the next window"
    ask(database, "UPDATE operations_alert SET last_at = last_at - interval '10 minutes'")
    before = one(database, "SELECT count(*) FROM operations_alert WHERE key LIKE 'steward_page:%'")
    await store.store(events.records(unitless(91), start=101))
    await store.close()
    assert one(database, "SELECT count(*) FROM operations_alert WHERE key LIKE 'steward_page:%'") == before + 1


async def test_processors_side_by_side_share_the_count(database: str) -> None:
    async def transaction(name: str, count: int) -> None:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            await report(conn, (_page(f"{name}{n}") for n in range(count)))
            await asyncio.sleep(0.2)

    await asyncio.gather(*(transaction(name, AFTER // 2 + 1) for name in "abc"))
    assert ask(database, PAGES) == [(AFTER + 1, 3 * (AFTER // 2 + 1))]


async def test_what_came_lately_is_found_by_an_index(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database) as conn:
        await conn.execute("SET enable_seqscan = off")
        plan = await (await conn.execute("EXPLAIN " + LATELY, ("LAB1:unit_missing", WINDOW, AFTER))).fetchall()
    (where,) = (line for (line,) in plan if "Index Cond" in line)
    assert "operations_alert_feed" in str(plan)
    assert "feed =" in where
    assert "last_at >" in where, "not all that ever came of the feed"


def _page(key: str, **more: Any) -> Technical:
    return Technical(key=key, kind="steward_page", detail="made up", feed="LAB1:unit_missing", **more)
