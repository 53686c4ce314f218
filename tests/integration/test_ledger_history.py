"""Imported history: the same episodes as live, told to nobody; what is live afterwards is told as ever, once."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.patient_event import Event, LabReport
from services.ledger.batch import Ledger
from services.reading.formats import read_file
from tests.integration.test_ledger_order import course, wipe
from tests.integration.test_ledger_watching import reasons
from tests.real import events
from tests.real.ledgers import ask, held, ledger, one
from tests.unit.fhir_messages import as_fhir
from tests.unit.messages import Sent
from tests.unit.test_csv_tells_the_same import as_csv
from tests.unit.test_fhir_tells_the_same import _stories

TOLD = "SELECT alert_version, change, reason FROM delivery WHERE channel = 'pager' ORDER BY alert_version"


class Feed:
    """Stores events, those given together in one batch."""

    def __init__(self, store: Ledger) -> None:
        self._store, self._next = store, 0

    async def __call__(self, *items: Event) -> None:
        records = events.records(*items, start=self._next)
        self._next += len(items)
        await self._store.store(records)


@pytest.fixture
async def feed(database: str, tmp_path: Path) -> AsyncIterator[Feed]:
    store = ledger(database, tmp_path)
    yield Feed(store)
    await store.close()


def old(*items: Event) -> list[Event]:
    return [events.again(item, purpose="history") if isinstance(item, LabReport) else item for item in items]


def calcium(value: str, hours: float, **more: Any) -> LabReport:
    return events.report(1, {"ca": value}, hours=hours, **more)


async def test_history_makes_the_alerts_that_live_makes_whatever_its_batches(database: str, tmp_path: Path) -> None:
    items = [event for number in range(3) for event in course(number)]
    luck = random.Random(11)
    found = []
    for turn in range(4):
        store, records = ledger(database, tmp_path), events.records(*(old(*items) if turn else items))
        while records:
            size = luck.randint(1, 9) if turn else 1
            await store.store(records[:size])
            records = records[size:]
        await store.close()
        found.append(held(database))
        assert (one(database, "SELECT count(*) FROM delivery") == 0) == (turn > 0)
        wipe(database)
        luck.shuffle(items)
    assert found[0]
    assert all(alerts == found[0] for alerts in found)


def read(name: str, sent: list[Sent]) -> list[Event]:
    """The same reports as one standard or the other writes them, all received at one moment."""
    lines = {"hl7v2": (one.message() for one in sent), "fhir": (as_fhir(one, system="LN") for one in sent),
             "csv": as_csv(sent)}[name]  # fmt: skip
    outcomes = list(read_file("\n".join(lines).encode(), name))  # type: ignore[arg-type] # one of them
    assert all(outcome.refusal is None for outcome in outcomes)
    source = {"received_at": "2026-11-20T08:00:00Z"}
    found = [event for outcome in outcomes for event in outcome.events if isinstance(event, LabReport)]
    return [events.again(event, source=msgspec.structs.replace(event.source, **source)) for event in found]


async def test_one_history_by_hl7_fhir_and_csv_is_one_history(database: str, tmp_path: Path) -> None:
    """Live by one standard, imported from the others: the same alerts under the same ids, and nothing is new."""
    query = """SELECT alert_id::text, rule, level, severity, condition, opened_at, regraded_at, summary::text FROM alert
        WHERE condition IN ('active', 'cleared') ORDER BY 1"""
    sent = [one for one in _stories() if one.reported is not None and one.sent in (None, one.reported)]
    found = []
    for name in ("hl7v2", "fhir", "csv"):
        store = ledger(database, tmp_path)
        await store.store(events.records(*(read(name, sent) if name == "hl7v2" else old(*read(name, sent)))))
        await store.close()
        found.append(ask(database, query))
        wipe(database)
    assert found[0]
    assert found[0] == found[1] == found[2]


async def test_a_live_sample_that_goes_on_with_an_old_episode_is_told_once(database: str, feed: Feed) -> None:
    await feed(*old(calcium("12.4", -2000), calcium("12.5", -48)))
    assert (reasons(database), ask(database, TOLD)) == (["history_import"], [])
    await feed(calcium("12.5", 0))
    await feed(calcium("12.5", 1))
    await feed(calcium("12.6", 2))
    assert [row[2] for row in ask(database, TOLD)] == ["first"]
    assert reasons(database)[1:] == ["first", "already_told", "already_told"]


async def test_what_is_live_but_only_moves_the_past_is_told_to_nobody(database: str, feed: Feed) -> None:
    """An albumin of the same draw arrives live: the old alert reads differently, it is no news of today."""
    await feed(*old(calcium("13.9", -48, order="O1")))
    await feed(events.report(1, {"alb": "4.0"}, hours=-48, order="O1"))
    assert one(database, "SELECT version FROM alert WHERE rule = 'CA_HIGH'") > 1, "the albumin changed nothing"
    assert ask(database, TOLD) == []
    assert set(reasons(database)) == {"history_import"}


async def test_a_live_correction_that_makes_the_past_graver_is_told(database: str, feed: Feed) -> None:
    await feed(*old(calcium("12.4", -48, order="O1")))
    before = one(database, "SELECT severity FROM alert WHERE rule = 'CA_HIGH'")
    await feed(calcium("14.9", -48, order="O1", status="C", later=40))
    after = one(database, "SELECT severity FROM alert WHERE rule = 'CA_HIGH'")
    assert (before, after) == ("HIGH", "CRITICAL")
    assert [row[2] for row in ask(database, TOLD)] == ["first"]


async def test_history_does_not_undo_what_is_known_of_the_person_today(database: str, feed: Feed) -> None:
    """A name and a ward of years ago, imported after the present ones came in."""
    await feed(calcium("9.2", 0))
    past = old(calcium("9.3", -20000))[0]
    assert isinstance(past, LabReport)
    maiden = msgspec.structs.replace(past.patient, family="Before", ward="OLD", bed="9")
    source = msgspec.structs.replace(past.source, received_at="2026-11-25T20:00:00Z")
    await feed(msgspec.structs.replace(past, patient=maiden, source=source))
    assert ask(database, "SELECT family, ward, bed FROM patient") == [("Made-up1", "H2", "1")]


HOURLY = 47
"""Hours after `events.NOW`: an hour ago."""


async def test_what_import_brought_first_is_told_when_it_comes_live(database: str, feed: Feed) -> None:
    """A backfill up to now, while the laboratory's engine still holds the messages of today: told once."""
    await feed(*old(calcium("14.9", HOURLY)))
    assert (reasons(database), ask(database, TOLD)) == (["history_import"], [])
    await feed(calcium("14.9", HOURLY, salt="other bytes"))
    assert [row[1:] for row in ask(database, TOLD)] == [("opened", "first")]
    await feed(calcium("14.9", HOURLY, salt="once more"), calcium("14.9", HOURLY))
    assert len(ask(database, TOLD)) == 1
    assert ask(database, "SELECT imported_until FROM alert") == [(None,)]


async def test_byte_for_byte_too(database: str, feed: Feed) -> None:
    await feed(*old(calcium("14.9", HOURLY)))
    await feed(calcium("14.9", HOURLY))
    await feed(calcium("14.9", HOURLY))
    assert [row[1:] for row in ask(database, TOLD)] == [("opened", "first")]
    assert one(database, "SELECT count(*) FROM source_message") == 1


async def test_in_one_batch_too(database: str, feed: Feed) -> None:
    await feed(*old(calcium("14.9", HOURLY)), calcium("14.9", HOURLY))
    assert [row[1:] for row in ask(database, TOLD)] == [("opened", "first")]


async def test_under_another_order_too(database: str, feed: Feed) -> None:
    """An export that names the order otherwise, or dates the report otherwise."""
    await feed(*old(calcium("14.9", HOURLY, order="EXPORT")))
    await feed(calcium("14.9", HOURLY, order="O1"))
    assert [row[2] for row in ask(database, TOLD)] == ["first"]


@pytest.mark.parametrize("salt", ["", "other bytes"])
async def test_older_samples_that_come_again_stay_silent(database: str, feed: Feed, salt: str) -> None:
    """Years sent over the wire after they were imported, and the day before yesterday."""
    days = (-9000.0, -48.0, 23.0)
    await feed(*old(*(calcium("14.9", hours) for hours in days)))
    for hours in days:
        await feed(calcium("14.9", hours, salt=salt))
    assert ask(database, TOLD) == []
    await feed(*old(calcium("14.9", HOURLY)))
    await feed(calcium("14.9", 23.0, salt=salt + "again"))
    assert ask(database, TOLD) == [], "what came live is not the sample of today"


async def test_history_again_and_what_was_withdrawn_are_told_to_nobody(database: str, feed: Feed) -> None:
    first = calcium("14.9", HOURLY, order="O1")
    await feed(*old(first), *old(calcium("14.9", HOURLY, order="O1", salt="other bytes")))
    await feed(*old(calcium("14.9", HOURLY, order="O1", status="W", later=0.2)))
    await feed(first)
    assert ask(database, TOLD) == []
