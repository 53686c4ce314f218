"""Whatever the order, the batches and the merges between: the same alerts, ids and texts; and the same as `evaluate`."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from alerts.thresholds import default_pack
from schemas.patient_event import Event
from services.ledger import replaying
from services.ledger.memory import Memory
from services.mapping.site import DEFAULT_SITE
from services.shared import database as databases
from tests.real import events
from tests.real.ledgers import ask, held, ledger


def course(number: int) -> list[Event]:
    """A patient with calcium rising and falling, kidneys failing, a correction, a withdrawal and a late result."""
    return [
        events.report(number, {"ca": "9.4", "creat": "80", "k": "4.4"}, hours=0),
        events.report(number, {"ca": "11.9", "creat": "130", "k": "5.9"}, hours=12),
        events.report(number, {"ca": "13.8", "creat": "260", "k": "6.6"}, hours=24),
        events.report(
            number, {"ca": "12.6", "creat": "260", "k": "6.6"}, hours=24, order=f"O{number}-24", status="C", later=3
        ),
        events.report(number, {"hb": "7.6"}, hours=26),
        events.report(number, {"hb": "7.6"}, hours=26, order=f"O{number}-26", status="D", later=4),
        events.report(number, {"ca": "9.2", "k": "4.6"}, hours=40),
        events.report(number, {"ca": "9.1", "k": "4.5"}, hours=60),
    ]


async def stored_lines(database: str) -> list[bytes]:
    async with await databases.connect(database, "test") as conn:
        return await replaying.lines(conn, DEFAULT_SITE.zone, default_pack())


async def run(database: str, folder: Path, items: list[Event], sizes: random.Random) -> None:
    """Two workers in turn, batches of random size, some given twice."""
    workers = [ledger(database, folder, cached=2), ledger(database, folder, cached=100)]
    records = events.records(*items)
    while records:
        size = sizes.randint(1, 6)
        await sizes.choice(workers).store(records[:size])
        records = records[size if sizes.random() < 0.8 else max(size - 2, 1) :]
    for worker in workers:
        await worker.close()


def wipe(database: str) -> None:
    tables = "patient, source_message, result, result_key, alert, alert_event, alert_event_payload, delivery, outbox, live_event"
    ask(database, "ALTER TABLE alert_event DISABLE TRIGGER USER")
    ask(database, f"TRUNCATE {tables}, consumer_offset, quarantine, patient_alias, patient_merge CASCADE")


async def test_any_order_ends_in_the_same_alerts_and_equals_evaluate(database: str, tmp_path: Path) -> None:
    items = [event for number in range(3) for event in course(number)]
    memory = Memory(DEFAULT_SITE)
    for event in items:
        assert memory.take(event) == ""
    expected = list(memory.lines())
    rules = {alert["rule"] for line in expected for alert in msgspec.json.decode(line)["alerts"]}
    assert {"CA_HIGH", "K_HIGH", "REN_AKI"} <= rules
    seen = []
    for seed in range(4):
        chance = random.Random(seed)
        wipe(database)
        order = items[:] if seed == 0 else chance.sample(items, len(items))
        await run(database, tmp_path, order, chance)
        assert await stored_lines(database) == expected, f"seed {seed}"
        seen.append(held(database))
    assert all(one == seen[0] for one in seen)


async def test_merges_and_their_undoing_in_any_order(database: str, tmp_path: Path) -> None:
    reports = [
        *course(1),
        events.report(2, {"creat": "75"}, hours=-20),
        *course(2)[3:],
        events.report(3, {"ca": "13.9"}),
    ]
    merges: list[Event] = [
        events.merge(1, 2, hours=1), events.merge(1, 3, hours=2), events.merge(1, 3, hours=5, undo=True),
    ]  # fmt: skip
    memory = Memory(DEFAULT_SITE)
    for event in [*reports, *merges]:
        assert memory.take(event) == ""
    expected = list(memory.lines())
    assert [msgspec.json.decode(line)["patient"] for line in expected] == ["HOSP|1", "HOSP|3"]
    for seed in range(5):
        chance = random.Random(seed)
        wipe(database)
        await run(database, tmp_path, chance.sample([*reports, *merges], len(reports) + len(merges)), chance)
        assert await stored_lines(database) == expected, f"seed {seed}"
        assert ask(database, "SELECT count(*) FROM patient_alias") == [(1,)]


async def test_a_merge_supersedes_and_never_retracts_and_its_undoing_reopens(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(events.report(1, {"ca": "9.0"}), events.report(2, {"ca": "13.9"}, hours=1)))
    before = ask(database, "SELECT alert_id::text, condition FROM alert")
    await store.store(events.records(events.merge(1, 2, hours=2), start=2))
    merged = dict(ask(database, "SELECT alert_id::text, condition FROM alert"))
    sends = ask(database, "SELECT count(*) FROM delivery")
    await store.store(events.records(events.merge(1, 2, hours=3, undo=True), start=3))
    after = dict(ask(database, "SELECT alert_id::text, condition FROM alert"))
    await store.close()
    assert before[0][1] == "active"
    assert merged[before[0][0]] == "superseded"
    assert sorted(merged.values()) == ["active", "superseded"]
    assert after[before[0][0]] == "active"
    assert sorted(after.values()) == ["active", "superseded"]
    assert sends == [(2,)]


async def test_a_circle_of_merges_goes_to_operations(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    items = [events.report(n, {"ca": "13.9"}) for n in (1, 2)]
    await store.store(events.records(*items, events.merge(1, 2, hours=1), events.merge(2, 1, hours=2)))
    await store.close()
    assert ask(database, "SELECT kind FROM operations_alert") == [("merge_cycle",)]
    roots = ask(
        database,
        "SELECT r.sent_id, p.sent_id FROM patient_alias JOIN patient r ON r.id = retired_id JOIN patient p ON p.id = root_id",
    )
    assert roots == [("HOSP|1", "HOSP|2")]


async def test_rebuild_finds_no_difference_and_finds_a_made_one(database: str, tmp_path: Path) -> None:
    await run(database, tmp_path, [event for n in range(3) for event in course(n)], random.Random(1))

    async def differences() -> list[str]:
        async with await databases.connect(database, "test") as conn:
            return [d.problem async for d in replaying.differences(conn, DEFAULT_SITE.zone, default_pack())]

    assert await differences() == []
    ask(
        database,
        "UPDATE alert SET condition = 'retracted' WHERE alert_id = (SELECT min(alert_id::text)::uuid FROM alert WHERE condition IN ('active', 'cleared'))",
    )
    assert await differences() == ["is missing in the ledger"]
