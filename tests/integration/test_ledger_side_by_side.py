"""Two writers at once: the offset row and the patients' locks put them in line; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer

from services.notifier.outbox import publish_waiting
from services.shared import database as databases
from services.shared.kafka import PRODUCER_DEFAULTS
from tests.conftest import Topics
from tests.real import events
from tests.real.ledgers import ask, ledger, one

_ROW = "INSERT INTO outbox (shard, topic, key, value) VALUES (0, 'alerts.v1', 'k', %s::text::bytea)"


async def test_two_workers_with_the_same_partition_store_everything_once(database: str, tmp_path: Path) -> None:
    items = [events.report(n % 5, {"ca": "13.9", "k": "6.6"}, hours=n) for n in range(60)]
    records = events.records(*items)
    first, second = ledger(database, tmp_path), ledger(database, tmp_path)

    async def work(store: object, start: int) -> None:
        for at in range(start, 60, 7):
            await store.store(records[at : at + 7])  # type: ignore[attr-defined]

    await asyncio.gather(work(first, 0), work(second, 0))
    await first.close()
    await second.close()
    assert one(database, "SELECT count(*) FROM source_message") == 60
    assert one(database, "SELECT count(*) FROM result") == 120
    assert ask(database, "SELECT count(*) FROM alert WHERE condition = 'active'") == [(10,)]


async def test_one_patient_from_two_partitions_at_once(database: str, tmp_path: Path) -> None:
    """As after a merge, when the two records' keys lie in different partitions."""
    first, second = ledger(database, tmp_path), ledger(database, tmp_path)
    await first.store(events.records(events.merge(1, 2, hours=-1)))
    ones = events.records(*(events.report(1, {"ca": "13.9"}, hours=n) for n in range(25)), start=1)
    twos = events.records(*(events.report(2, {"ca": "13.9"}, hours=n + 0.5) for n in range(25)), partition=1)

    async def work(store: object, records: list[object]) -> None:
        for record in records:
            await store.store([record])  # type: ignore[attr-defined]

    await asyncio.gather(work(first, ones), work(second, twos))
    await first.close()
    await second.close()
    assert one(database, "SELECT count(*) FROM result") == 50
    alert = ask(database, "SELECT condition, version, cardinality(slots) FROM alert WHERE condition = 'active'")
    assert alert == [("active", 50, 50)]


async def test_the_relay_does_not_pass_over_a_transaction_held_open(
    topics: Topics, database: str, tmp_path: Path
) -> None:
    """Rows with lower numbers that commit later are published all the same."""
    producer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, **PRODUCER_DEFAULTS)
    await producer.start()
    store = ledger(database, tmp_path)
    async with await databases.connect(database, "slow") as slow, await databases.connect(database, "relay") as relay:
        await slow.execute(_ROW, ("slow",))
        await store.store(events.records(events.report(1, {"ca": "13.9"})))
        assert await publish_waiting(relay, producer) == 1
        await slow.commit()
        assert await publish_waiting(relay, producer) == 1
        await relay.commit()
    await store.close()
    await producer.stop()
    rows = ask(database, "SELECT value = 'slow', published_at IS NOT NULL FROM outbox ORDER BY id")
    assert rows == [(True, True), (False, True)]


async def test_two_tasks_of_one_writer_take_turns(database: str, tmp_path: Path) -> None:
    """Faust may ask for the offsets twice at once, and while a batch is being stored."""
    store = ledger(database, tmp_path)
    records = events.records(*(events.report(n, {"ca": "13.9"}, hours=n) for n in range(20)))
    seen: list[int] = []

    async def look(count: int) -> None:
        for _ in range(count):
            async with store.transaction() as conn:
                before = await (await conn.execute("SELECT count(*) FROM result")).fetchone()
                await asyncio.sleep(0.005)
                after = await (await conn.execute("SELECT count(*) FROM result")).fetchone()
                assert before == after, "somebody else's batch ran inside this transaction"
                seen.append(after[0])

    async def work() -> None:
        for at in range(0, 20, 2):
            await store.store(records[at : at + 2])

    await asyncio.gather(look(10), look(10), work())
    await store.close()
    assert len(seen) == 20
    assert one(database, "SELECT count(*) FROM result") == 20


async def test_a_task_that_gives_up_waiting_does_not_disturb_the_one_at_work(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    async with store.transaction() as conn:
        waiting = asyncio.create_task(store.store(events.records(events.report(1, {"ca": "13.9"}))))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)
    await store.close()
