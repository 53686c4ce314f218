"""Time alone makes alerts: fired once whatever happens to the clock, and only up to what is stored for certain."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.thresholds import default_pack
from schemas.patient_event import ContextEntry, Event
from services.clock.silence import Silence
from services.ledger import replaying
from services.ledger.journal import Journal
from services.ledger.memory import Memory
from services.mapping.site import DEFAULT_SITE
from services.shared import database as databases
from services.shared.clock import ManualClock
from tests.real import events, servers
from tests.real.ledgers import ask, held, lapses, ledger, one

DAY0 = -24 * 200
"""Hours from `events.NOW` to the last collection of most stories."""
FOLLOWED = (ContextEntry(kind="patient_type", code="SERUM"), ContextEntry(kind="monitoring_interval", value="61"))


def day(number: float) -> datetime:
    return events.NOW + timedelta(hours=DAY0) + timedelta(days=number)


def m_protein(number: int, on: float, value: str = "10", **more: Any) -> Event:
    return events.report(number, {"mspike": value}, hours=DAY0 + 24 * on, **more)


def known(number: int, *entries: ContextEntry, on: float = 0.1) -> Event:
    return events.context_change(number, *(entries or FOLLOWED), hours=DAY0 + 24 * on)


class Hospital:
    """A worker and a clock on one database; one partition."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.worker, self.lapses = ledger(database, folder), lapses(database, folder)
        self.wall = ManualClock(day(0))
        self.silence = Silence(self.lapses, self.wall, every=1)
        self.offset = 0

    async def take(self, *items: Event) -> None:
        await self.worker.store(events.records(*items, start=self.offset))
        self.offset += len(items)

    async def until(self, number: float) -> int:
        """Time passes to a day: the heartbeat is stored, the clock fires until nothing is due. How many were fired."""
        await self.take(events.heartbeat(0, day(number)))
        self.wall.set(day(number))
        return await self.fire()

    async def fire(self) -> int:
        fired = 0
        while more := await self.silence.fire():
            fired += more
        return fired

    async def close(self) -> None:
        await self.worker.close()
        await self.lapses.close()

    def said(self) -> list[tuple[Any, ...]]:
        return ask(self.database, "SELECT level, severity, condition FROM alert ORDER BY opened_at")

    def sent(self) -> list[tuple[Any, ...]]:
        return ask(
            self.database,
            "SELECT change, reason, body FROM delivery WHERE channel = 'pager' ORDER BY alert_id, alert_version",
        )

    def waiting(self) -> list[tuple[Any, ...]]:
        return ask(
            self.database,
            "SELECT p.sent_id, t.due_at FROM timer t JOIN patient p ON p.id = t.patient_id WHERE fired_at IS NULL ORDER BY 1",
        )

    async def lines(self, now: datetime) -> list[dict[str, Any]]:
        async with await databases.connect(self.database, "test") as conn:
            found = await replaying.lines(conn, DEFAULT_SITE.zone, default_pack(), now=now)
        return [msgspec.json.decode(line) for line in found]

    async def differences(self) -> list[str]:
        async with await databases.connect(self.database, "test") as conn:
            return [d.problem async for d in replaying.differences(conn, DEFAULT_SITE.zone, default_pack())]


@pytest.fixture
async def hospital(database: str, tmp_path: Path) -> Any:
    made = Hospital(database, tmp_path)
    yield made
    await made.close()


async def test_without_any_message_a_test_becomes_due_then_overdue_then_urgent(hospital: Hospital) -> None:
    """L08. Told late: the story lies in the past."""
    await hospital.take(m_protein(1, 0), known(1))
    seen = []
    for number in (74, 75, 92, 122):
        await hospital.until(number)
        seen.append([severity for _, severity, _ in hospital.said()])
    assert seen == [[], ["INFO"], ["MEDIUM"], ["HIGH"]]
    assert [(change, reason) for change, reason, _ in hospital.sent()] == [
        ("regraded", "late"), ("regraded", "higher_severity"),
    ]  # fmt: skip
    assert ask(hospital.database, "SELECT opened_at, regraded_at FROM alert") == [(day(75), day(122))]
    kinds = ask(hospital.database, "SELECT kind FROM alert_event ORDER BY number")
    assert kinds == [("opened",), ("regraded",), ("regraded",)]
    assert one(hospital.database, "SELECT count(*) FROM outbox WHERE topic = 'alerts.v1'") == 3
    assert hospital.waiting() == []
    assert one(hospital.database, "SELECT as_of FROM patient") == day(122)
    assert await hospital.differences() == []


async def test_who_is_described_late_is_told_at_once_and_no_result_is_called_late(hospital: Hospital) -> None:
    """The last value is 130 days old when somebody says how the patient is followed."""
    await hospital.take(m_protein(1, 0), known(1, on=130))
    assert hospital.said() == [("STALE_OVERDUE", "HIGH", "active")]
    assert ask(hospital.database, "SELECT opened_at, late FROM alert") == [(day(75), False)]
    assert len(hospital.sent()) == 1
    assert hospital.waiting() == []


async def test_an_attempt_without_a_value_does_not_set_the_timer_back(hospital: Hospital) -> None:
    """L26."""
    await hospital.take(m_protein(1, 0), known(1), m_protein(1, 80, status="X"))
    assert [severity for _, severity, _ in hospital.said()] == ["INFO"]
    await hospital.until(92)
    assert [severity for _, severity, _ in hospital.said()] == ["MEDIUM"]
    assert len(hospital.sent()) == 1


async def test_the_next_value_ends_it_though_another_process_raised_it(hospital: Hospital) -> None:
    """The worker has the patient in its cache; what the clock stored in between must not be overlooked."""
    await hospital.take(m_protein(1, 0), known(1))
    await hospital.until(93)
    await hospital.take(m_protein(1, 94))
    assert hospital.said() == [("STALE_OVERDUE", "MEDIUM", "cleared")]
    assert hospital.waiting() == [("HOSP|1", day(94 + 75))]
    assert one(hospital.database, "SELECT version FROM alert") == 3
    assert await hospital.differences() == []


async def test_nothing_is_called_late_before_it_is_certain_that_nothing_came(hospital: Hospital) -> None:
    """A processor that lags has a value of day 70 before it; the wall clock is far ahead."""
    await hospital.take(m_protein(1, 0), known(1))
    hospital.wall.set(day(100))
    assert await hospital.fire() == 0
    assert await hospital.until(69) == 0
    hospital.wall.set(day(100))
    assert await hospital.fire() == 0
    await hospital.take(m_protein(1, 70), events.heartbeat(0, day(100)))
    assert await hospital.fire() == 0
    assert hospital.said() == []


async def test_a_partition_without_a_heartbeat_holds_everything_back(hospital: Hospital) -> None:
    await hospital.take(m_protein(1, 0), known(1))
    await hospital.worker.store(events.records(known(2), partition=1))
    assert await hospital.until(100) == 0
    await hospital.worker.store(events.records(events.heartbeat(1, day(80)), partition=1, start=1))
    assert await hospital.fire() == 1
    assert [severity for _, severity, _ in hospital.said()] == ["INFO"]


async def test_partitions_that_were_never_read_hold_everything_back(hospital: Hospital) -> None:
    await hospital.take(m_protein(1, 0), known(1))
    hospital.silence = Silence(hospital.lapses, hospital.wall, every=1, partitions=lambda: 2)
    assert await hospital.until(100) == 0


async def test_a_clock_that_was_away_for_weeks_says_the_same(hospital: Hospital) -> None:
    """Each line is passed in turn: the same alert, history and telling as if it had been there."""
    await hospital.take(m_protein(1, 0), known(1))
    await hospital.take(m_protein(2, 0), known(2))
    for number in (75, 92, 122):
        await hospital.until(number)
    timely = ask(hospital.database, "SELECT body FROM alert ORDER BY alert_id")
    await hospital.take(m_protein(3, 0, order="O3"), known(3, on=0.1))
    late = await hospital.until(130)
    assert late == 3
    kinds = ask(
        hospital.database,
        "SELECT e.kind FROM alert_event e JOIN patient p ON p.id = e.chain WHERE p.sent_id = 'HOSP|3' ORDER BY number",
    )
    assert kinds == [("opened",), ("regraded",), ("regraded",)]
    levels = ask(hospital.database, "SELECT level, severity, opened_at, regraded_at FROM alert")
    assert len(timely) == 2
    assert len(set(levels)) == 1


async def test_two_clocks_fire_once(database: str, tmp_path: Path) -> None:
    hospital, other = Hospital(database, tmp_path), Hospital(database, tmp_path)
    people = range(1, 9)
    await hospital.take(*(m_protein(n, 0) for n in people), *(known(n) for n in people))
    await hospital.take(events.heartbeat(0, day(130)))
    hospital.wall.set(day(130))
    other.wall.set(day(130))
    fired = await asyncio.gather(hospital.fire(), other.fire())
    assert sum(fired) == 3 * len(people)
    assert ask(database, "SELECT DISTINCT version, severity FROM alert") == [(3, "HIGH")]
    assert one(database, "SELECT count(*) FROM alert_event") == 3 * len(people)
    assert await hospital.differences() == []
    await hospital.close()
    await other.close()


class _Died(BaseException):
    """The process is gone."""


async def test_a_clock_that_dies_before_the_commit_has_stored_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital = Hospital(database, tmp_path)
    await hospital.take(m_protein(1, 0), known(1), events.heartbeat(0, day(92)))
    hospital.wall.set(day(92))
    append = Journal.append

    async def dies(self: Journal, *given: Any) -> Any:
        await append(self, *given)
        raise _Died

    monkeypatch.setattr(Journal, "append", dies)
    with pytest.raises(_Died):
        await hospital.silence.fire()
    await hospital.lapses.close()
    monkeypatch.undo()
    assert hospital.said() == []
    assert hospital.waiting() == [("HOSP|1", day(75))]
    after = Hospital(database, tmp_path)
    after.wall.set(day(92))
    assert await after.fire() == 2
    assert after.said() == [("STALE_OVERDUE", "MEDIUM", "active")]
    assert len(after.sent()) == 1
    await hospital.close()
    await after.close()


async def test_a_connection_that_is_cut_is_made_again(hospital: Hospital) -> None:
    await hospital.take(m_protein(1, 0), known(1))
    await hospital.until(75)
    ask(
        hospital.database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%clock%'",
    )
    await hospital.take(events.heartbeat(0, day(92)))
    hospital.wall.set(day(92))
    assert await hospital.silence._try_round() == 0
    assert "database" in hospital.silence.wrong()
    assert await hospital.silence._try_round() == 1
    assert hospital.silence.wrong() == {}
    assert [severity for _, severity, _ in hospital.said()] == ["MEDIUM"]


async def test_a_database_that_is_killed_loses_no_timer_and_fires_none_twice(tmp_path: Path) -> None:
    """The clock says why it stands still, and goes on by itself when the database is back."""
    with servers.postgres() as server:
        servers.make_template(server.dsn())
        with servers.cloned_database(server.dsn()) as database:
            hospital = Hospital(database, tmp_path)
            await hospital.take(m_protein(1, 0), known(1))
            await hospital.until(75)
            await hospital.take(events.heartbeat(0, day(122)))
            hospital.wall.set(day(122))
            ticking = asyncio.create_task(hospital.silence.run())
            server.kill()
            await asyncio.sleep(1.5)
            assert "database" in hospital.silence.wrong()
            server.start()  # in this thread: the server ends with the thread that started it
            for _ in range(200):
                if hospital.silence.wrong() == {} and hospital.waiting() == []:
                    break
                await asyncio.sleep(0.1)
            ticking.cancel()
            assert hospital.said() == [("STALE_OVERDUE", "HIGH", "active")]
            assert one(database, "SELECT count(*) FROM alert_event") == 3
            assert await hospital.differences() == []
            await hospital.close()


async def test_a_timer_that_cannot_be_fired_holds_nobody_back_and_is_told(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hospital.take(m_protein(1, 0), known(1), m_protein(2, 0.5), known(2))
    fire = type(hospital.lapses).fire
    first = one(hospital.database, "SELECT id FROM patient WHERE sent_id = 'HOSP|1'")

    async def broken(self: Any, due: Any, until: Any) -> Any:
        if due.patient == first:
            raise ArithmeticError("made up")
        return await fire(self, due, until)

    monkeypatch.setattr(type(hospital.lapses), "fire", broken)
    assert await hospital.until(76) == 1
    assert ask(hospital.database, "SELECT kind, patient_id FROM operations_alert") == [("timer_failed", first)]
    assert [name for name, _ in hospital.waiting()] == ["HOSP|1", "HOSP|2"]
    monkeypatch.undo()
    assert await hospital.fire() == 0, "it pauses"
    hospital.wall.advance(timedelta(minutes=2))
    assert await hospital.fire() == 1
    assert len(hospital.said()) == 2


async def test_a_merged_patient_has_one_timer_and_the_undoing_gives_both_back(hospital: Hospital) -> None:
    await hospital.take(m_protein(1, 0), known(1), m_protein(2, 20), known(2, on=20.1))
    assert hospital.waiting() == [("HOSP|1", day(75)), ("HOSP|2", day(95))]
    await hospital.take(events.merge(1, 2, hours=DAY0 + 24 * 30))
    assert hospital.waiting() == [("HOSP|1", day(95))]
    await hospital.until(96)
    assert len(hospital.said()) == 1
    assert await hospital.differences() == []
    await hospital.take(events.merge(1, 2, hours=DAY0 + 24 * 97, undo=True))
    assert [name for name, _ in hospital.waiting()] == ["HOSP|1", "HOSP|2"]
    await hospital.until(98)
    active = ask(
        hospital.database,
        "SELECT p.sent_id, a.severity FROM alert a JOIN patient p ON p.id = a.patient_id WHERE condition = 'active' ORDER BY 1",
    )
    assert active == [("HOSP|1", "MEDIUM"), ("HOSP|2", "INFO")]
    assert await hospital.differences() == []


async def test_a_timer_set_before_a_merge_that_fires_after_it_does_nothing(hospital: Hospital) -> None:
    """The clock looked, then the merge was stored, then it fires."""
    await hospital.take(m_protein(1, 80), known(1, on=80.1), m_protein(2, 0), known(2))
    (due,) = await hospital.lapses.due(day(76))
    await hospital.take(events.merge(1, 2, hours=DAY0 + 24 * 81))
    outcome = await hospital.lapses.fire(due, day(76))
    assert (outcome.events, outcome.changes) == (0, [])


async def test_death_and_care_without_blood_tests_end_the_count_and_can_be_taken_back(hospital: Hospital) -> None:
    await hospital.take(m_protein(1, 0), known(1))
    await hospital.until(80)
    dead = ContextEntry(kind="deceased", from_=day(81).isoformat(), to=day(200).isoformat())
    await hospital.take(known(1, dead, on=81.5))
    assert [condition for *_, condition in hospital.said()] == ["cleared"]
    assert [at.date() for _, at in hospital.waiting()] == [day(200).date()], "the entry says itself that it ends"


async def test_a_rebuild_names_a_timer_that_is_missing_or_too_late(hospital: Hospital) -> None:
    await hospital.take(m_protein(1, 0), known(1))
    assert await hospital.differences() == []
    for broken in ("DELETE FROM timer", "UPDATE timer SET due_at = due_at + interval '1 day'"):
        before = ask(hospital.database, "SELECT id, kind, patient_id, due_at FROM timer")
        ask(hospital.database, broken)
        assert await hospital.differences() == [f"is due at {day(75):%Y-%m-%dT%H:%M}Z and no timer fires then"]
        ask(hospital.database, "DELETE FROM timer")
        ask(hospital.database, "INSERT INTO timer (id, kind, patient_id, due_at) VALUES (%s, %s, %s, %s)", *before[0])


async def test_evaluate_says_the_same_as_the_ledger_after_its_timers(hospital: Hospital) -> None:
    story = [
        m_protein(1, 0), known(1), m_protein(1, 40, "14"), m_protein(2, 10),
        known(2, ContextEntry(kind="state", code="smouldering")), events.report(3, {"hb": "9.9"}, hours=DAY0),
    ]  # fmt: skip
    memory = Memory(DEFAULT_SITE, now=day(140))
    for event in story:
        assert memory.take(event) == ""
    await hospital.take(*story)
    for number in (50, 75, 133, 140):
        await hospital.until(number)
    expected = [msgspec.json.decode(line) for line in memory.lines()]
    assert await hospital.lines(day(140)) == expected
    assert [[a["rule"] for a in line["alerts"]] for line in expected] == [["STALE"], ["STALE"], ["HB_HALO"]]


async def test_a_worker_and_two_clocks_at_once_end_as_evaluate_says(database: str, tmp_path: Path) -> None:
    """Reports, context and heartbeats come in while two clocks fire for the same patients."""
    chance, people = random.Random(7), range(1, 9)
    hospital, other = Hospital(database, tmp_path), Hospital(database, tmp_path)
    memory = Memory(DEFAULT_SITE, now=day(250))
    story = [known(n) for n in people]
    story += [m_protein(n, on, str(10 + on % 3)) for n in people for on in sorted(chance.sample(range(0, 230, 5), 4))]
    story.sort(key=lambda event: event.source.received_at)
    for event in story:
        assert memory.take(event) == ""
    done = asyncio.Event()

    async def work() -> None:
        for event in story:
            at = datetime.fromisoformat(event.source.received_at)
            await hospital.take(event, events.heartbeat(0, at))
            hospital.wall.set(at)
            other.wall.set(at)
            await asyncio.sleep(0)
        done.set()

    async def tick(clock: Silence) -> None:
        while not done.is_set():
            await clock.fire()
            await asyncio.sleep(0.001)

    await asyncio.gather(work(), tick(hospital.silence), tick(other.silence))
    await hospital.until(250)
    assert await hospital.differences() == []
    assert await hospital.lines(day(250)) == [msgspec.json.decode(line) for line in memory.lines()]
    assert ask(database, "SELECT kind FROM operations_alert WHERE kind = 'timer_failed'") == []
    await hospital.close()
    await other.close()


async def test_whatever_the_order_of_messages_and_timers_the_alerts_are_the_same(
    hospital: Hospital, tmp_path: Path
) -> None:
    await hospital.take(m_protein(1, 0), known(1))
    for number in (75, 92, 122):
        await hospital.until(number)
    timely = held(hospital.database)
    body = ask(hospital.database, "SELECT body FROM alert")
    await hospital.take(known(1, ContextEntry(kind="isotype", code="IgG-kappa"), on=123))
    assert ask(hospital.database, "SELECT body FROM alert") == body
    assert held(hospital.database) == timely
