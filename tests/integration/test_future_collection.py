"""A collection time in the future: held, then taken by the clock when its time has come, once, whatever happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.thresholds import default_pack
from schemas.patient_event import LabReport
from services.clock.timers import TRIES, Timers
from services.ledger import replaying
from services.ledger.applying import FUTURE_COLLECTION
from services.ledger.memory import Memory
from services.mapping.site import DEFAULT_SITE
from services.shared import database as databases
from services.shared.clock import ManualClock
from tests.real import events
from tests.real.ledgers import ask, ledger, one

AHEAD = timedelta(hours=3)
RECEIVED = events.NOW + timedelta(minutes=30)
DUE = events.NOW + AHEAD - timedelta(minutes=15)
OPEN = "SELECT reason FROM quarantine WHERE closed_at IS NULL ORDER BY reason"


def future(values: dict[str, str], *, units: dict[str, str] | None = None, **more: Any) -> LabReport:
    """A report whose collection time lies three hours after the start, two and a half after its reception."""
    made = events.report(1, values, **more)
    at = (events.NOW + AHEAD).isoformat().replace("+00:00", "Z")
    names = list(values)
    results = tuple(
        msgspec.structs.replace(r, collected_at=at, unit=(units or {}).get(names[i], r.unit))
        for i, r in enumerate(made.results)
    )
    return msgspec.structs.replace(made, results=results)


class Clock:
    """The timers of a clock process on a test's database; the processor has heard heartbeats up to its time."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.hands = ManualClock(events.NOW)

    async def at(self, moment: datetime, *, heard: datetime | None = None) -> int:
        """Fire what is due then, in a clock process that was just started."""
        self.hands.set(moment)
        beat = events.heartbeat(0, heard or moment)
        start = one(self.database, "SELECT coalesce(max(next_offset), 0) FROM consumer_offset")
        store = ledger(self.database, self.folder)
        await store.store(events.records(beat, start=start))
        timers = Timers(self.database, self.hands, every=1, actions={FUTURE_COLLECTION: store.retaker()})
        try:
            return await timers.fire()
        finally:
            await timers.close()
            await store.close()


async def held(database: str, folder: Path, *reports: LabReport) -> Clock:
    store = ledger(database, folder)
    await store.store(events.records(*reports))
    await store.close()
    return Clock(database, folder)


async def test_it_is_held_until_its_time_and_then_alerts(database: str, tmp_path: Path) -> None:
    clock = await held(database, tmp_path, future({"ca": "13.9", "alb": "3.5"}))
    assert ask(database, OPEN) == [("collected_in_future",), ("collected_in_future",)]
    assert one(database, "SELECT count(*) FROM alert") == 0
    assert ask(database, "SELECT due_at FROM timer WHERE kind = %s", FUTURE_COLLECTION) == [(DUE,)]
    assert await clock.at(DUE - timedelta(seconds=1)) == 0
    assert await clock.at(DUE) == 1
    assert ask(database, OPEN) == []
    assert ask(database, "SELECT rule, condition FROM alert") == [("CA_HIGH", "active")]
    assert one(database, "SELECT count(*) FROM delivery") == 2
    assert ask(database, "SELECT results, stored, duplicate, quarantined, ignored FROM source_message") == [
        (2, 2, 0, 0, 0)
    ]
    assert one(database, "SELECT as_of FROM patient") == DUE
    assert await clock.at(DUE + timedelta(hours=1)) == 0, "once is enough"
    assert one(database, "SELECT max(version) FROM alert") == 1


async def test_what_the_ledger_then_holds_is_what_evaluate_says(database: str, tmp_path: Path) -> None:
    story = [
        events.report(1, {"ca": "9.4", "alb": "4.0"}),
        future({"ca": "13.9", "alb": "3.5", "k": "5.1"}, order="later"),
        events.report(1, {"ca": "9.1", "alb": "4.0"}, hours=30),
    ]
    clock = await held(database, tmp_path, *story)
    await clock.at(events.NOW + timedelta(hours=31))
    memory = Memory(DEFAULT_SITE)
    for event in story:
        assert memory.take(event) == ""
    async with await databases.connect(database, "test") as conn:
        stored = await replaying.lines(conn, DEFAULT_SITE.zone, default_pack())
    assert stored == list(memory.lines())
    assert b'"13.9"' in stored[0] or b"CA_HIGH" in stored[0]


async def test_it_stays_held_while_the_processor_lags(database: str, tmp_path: Path) -> None:
    clock = await held(database, tmp_path, future({"ca": "13.9"}))
    assert await clock.at(DUE + timedelta(hours=1), heard=DUE - timedelta(minutes=5)) == 0
    assert ask(database, OPEN) == [("collected_in_future",)]
    assert await clock.at(DUE + timedelta(hours=1), heard=DUE + timedelta(minutes=5)) == 1


async def test_what_the_laboratory_put_right_in_the_meantime_is_not_taken_again(database: str, tmp_path: Path) -> None:
    wrong = future({"ca": "13.9"}, order="same")
    right = events.report(1, {"ca": "13.9"}, order="same", later=1, salt="right")
    clock = await held(database, tmp_path, wrong, right)
    assert ask(database, OPEN) == []
    assert await clock.at(DUE + timedelta(hours=1)) == 1
    assert ask(database, "SELECT count(*), min(collected_at) FROM result") == [(1, events.NOW)]


async def test_a_held_correction_is_not_closed_by_the_value_it_corrects(database: str, tmp_path: Path) -> None:
    good = events.report(1, {"ca": "9.4"}, order="same")
    correction = events.report(1, {"ca": "13.9"}, order="same", status="C", later=2)
    unit_lost = msgspec.structs.replace(
        correction, results=tuple(msgspec.structs.replace(r, unit="") for r in correction.results)
    )
    right = events.report(1, {"ca": "13.9"}, order="same", status="C", later=4, salt="right")
    for story, left in (((good, unit_lost), [("unit_missing",)]), ((good, unit_lost, right), [])):
        for order in (story, story[::-1]):
            ask(
                database,
                "TRUNCATE patient, source_message, result, result_key, quarantine, alert, consumer_offset CASCADE",
            )
            await held(database, tmp_path, *order)
            assert ask(database, OPEN) == left
        memory = Memory(DEFAULT_SITE)
        assert [memory.take(event) for event in story] == [""] * len(story)
        assert [item["reason"] for item in msgspec.json.decode(next(iter(memory.lines())))["quarantined"]] == [
            reason for (reason,) in left
        ]


async def test_what_is_wrong_besides_stays_in_quarantine_for_that(database: str, tmp_path: Path) -> None:
    clock = await held(database, tmp_path, future({"ca": "13.9", "k": "4.4"}, units={"ca": "furlong"}))
    assert await clock.at(DUE) == 1
    assert ask(database, OPEN) == [("unit_not_allowed",)]
    assert ask(database, "SELECT analyte FROM result") == [("k",)]
    assert ask(database, "SELECT results, stored, duplicate, quarantined FROM source_message") == [(2, 1, 0, 1)]


async def test_after_a_merge_it_comes_to_the_person(database: str, tmp_path: Path) -> None:
    clock = await held(database, tmp_path, future({"ca": "13.9", "alb": "3.5"}), events.merge(2, 1, hours=1))
    assert await clock.at(DUE) == 1
    owners = ask(database, "SELECT p.sent_id FROM alert JOIN patient AS p ON p.id = alert.patient_id")
    assert owners == [("HOSP|2",)]


async def test_a_clock_that_dies_in_the_middle_leaves_it_to_the_next_one(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = await held(database, tmp_path, future({"ca": "13.9", "alb": "3.5"}))
    monkeypatch.setattr("services.ledger.retaking._CLOSE", "SELECT 1/0, %s::text[]")
    assert await clock.at(DUE) == 0
    assert one(database, "SELECT count(*) FROM result") == 0, "nothing of a transaction that failed is left"
    assert ask(database, "SELECT kind, count FROM operations_alert WHERE kind = 'timer_failed'") == [
        ("timer_failed", 1)
    ]
    monkeypatch.undo()
    assert await clock.at(DUE) == 1
    assert ask(database, "SELECT rule FROM alert") == [("CA_HIGH",)]


async def test_a_timer_that_fails_does_not_hold_the_others_back(database: str, tmp_path: Path) -> None:
    clock = await held(database, tmp_path, future({"ca": "13.9", "alb": "3.5"}))
    ask(database, "INSERT INTO timer (id, kind, due_at, body) VALUES (gen_random_uuid(), %s, %s, '{}')",
        FUTURE_COLLECTION, DUE - timedelta(hours=1))  # fmt: skip
    assert await clock.at(DUE) == 1
    assert ask(database, "SELECT rule FROM alert") == [("CA_HIGH",)]
    assert ask(database, "SELECT kind FROM operations_alert WHERE kind = 'timer_failed'") == [("timer_failed",)]


async def test_a_timer_whose_message_is_not_stored_is_told_after_some_tries(database: str, tmp_path: Path) -> None:
    """One try may meet a moment; ten do not, and what it holds must not wait unheard."""
    clock = await held(database, tmp_path, future({"ca": "13.9", "alb": "3.5"}))
    await clock.at(DUE - timedelta(minutes=1))
    ask(database, "INSERT INTO timer (id, kind, due_at, body) VALUES (gen_random_uuid(), %s, %s, %s)",
        FUTURE_COLLECTION, DUE, '{"event_id": "00000000-0000-0000-0000-000000000000", "held": {}}')  # fmt: skip
    store = ledger(database, tmp_path)
    await store.store(events.records(events.heartbeat(0, DUE), start=2))
    clock.hands.set(DUE)
    timers = Timers(database, clock.hands, every=1, actions={FUTURE_COLLECTION: store.retaker()})
    try:
        assert sum([await timers.fire() for _ in range(TRIES - 1)]) == 1, "the other one"
        assert ask(database, "SELECT kind FROM operations_alert WHERE kind = 'timer_failed'") == []
        assert await timers.fire() == 0
        ((count, detail),) = ask(database, "SELECT count, detail FROM operations_alert WHERE kind = 'timer_failed'")
        assert (count, "OutOfStep" in detail) == (1, True)
        assert await timers.fire() == 0
        assert one(database, "SELECT max(count) FROM operations_alert WHERE kind = 'timer_failed'") == 1, "it rests"
    finally:
        await timers.close()
        await store.close()
