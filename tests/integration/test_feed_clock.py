"""What the clock says of feeds and of ourselves: silence, drift, a span in which nothing was processed, the watchdog."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from psycopg import AsyncConnection

from services.clock.blind import Blind
from services.clock.drift import Drift
from services.clock.settings import ClockSettings
from services.clock.silences import Silences
from services.clock.watchdog import Watchdog
from services.ledger.opening import open_ledger
from services.shared import database as databases
from services.shared.topics import PATIENT_EVENTS
from tests.real import events
from tests.real.ledgers import ask, one, settings, stream

OWN, UTC_ZONE = ClockSettings(), ZoneInfo("UTC")
GROUP = "test"
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(minute=50, second=0, microsecond=0)


class Moved:
    """A clock that a test moves."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def heartbeat(database: str, at: datetime) -> None:
    ask(database, "DELETE FROM consumer_offset")
    ask(
        database,
        "INSERT INTO consumer_offset (consumer_group, cluster_id, topic, topic_id, partition, next_offset, heartbeat_at)"
        " VALUES (%s, 'c', %s, 't', 0, 1, %s)", GROUP, PATIENT_EVENTS, at,
    )  # fmt: skip


async def do(database: str, step: Callable[[AsyncConnection[Any]], Awaitable[int]]) -> None:
    async with await databases.connect_writer(database, "test") as conn:
        await step(conn)


def told(database: str) -> list[tuple[Any, ...]]:
    return ask(
        database,
        "SELECT kind, audience, closed_at IS NULL FROM operations_alert ORDER BY opened_at, audience DESC",
    )


def live(database: str, at: datetime, *, state: str = "live") -> None:
    ask(database, "INSERT INTO feed (name, key, state, live_from, changed_at) VALUES ('lab', 'LIS|LAB1', %s, %s, %s)",
        state, at - timedelta(days=60), at - timedelta(days=60))  # fmt: skip


def message(database: str, at: datetime) -> None:
    ask(database, "INSERT INTO feed_tally (feed, first_at, last_at, messages) VALUES ('lab', %s, %s, 1)", at, at)


async def test_a_silent_laboratory_pages_operations_then_clinicians_and_both_hear_when_it_is_back(
    database: str,
) -> None:
    live(database, NOW)
    for week in range(1, 4):
        for minute in range(-40, 45, 12):  # every 12 min around this hour of the week
            message(database, NOW - timedelta(days=7 * week) + timedelta(minutes=minute))
    message(database, NOW - timedelta(minutes=20))
    clock = Moved(NOW)
    step = Silences(OWN, clock, zone=UTC_ZONE, group=GROUP, partitions=lambda: 1)
    await do(database, step)
    assert told(database) == [], "nothing is known of how far all is stored"
    heartbeat(database, NOW + timedelta(minutes=9))
    clock.at = NOW + timedelta(minutes=9)
    await do(database, step)
    # the pause over the week between touches this hour too, so the usual pause is put right by hand
    ask(database, "UPDATE feed_hour SET longest_gap = interval '12 minutes'")
    await do(database, step)
    assert told(database) == [], "29 min: three times 12 is allowed"
    ask(database, "UPDATE feed_hour SET last_at = last_at - interval '8 minutes' WHERE last_at > %s", NOW - HOUR)
    await do(database, step)
    assert told(database) == [("feed_silence", "operations", True)]
    await do(database, step)
    assert ask(database, "SELECT count FROM operations_alert") == [(1,)], "said once"
    ask(database, "UPDATE feed_hour SET last_at = last_at - interval '36 minutes' WHERE last_at > %s", NOW - HOUR)
    await do(database, step)
    assert told(database) == [("feed_silence", "operations", True), ("feed_silence", "clinical", True)]
    said, slovene = ask(database, "SELECT detail, detail_sl FROM operations_alert WHERE audience = 'clinical'")[0]
    assert said.startswith("no results from lab since ")
    assert said.endswith(": telephone")
    assert slovene.startswith("ni izvidov iz lab od ")
    message(database, NOW + timedelta(minutes=8))
    await do(database, step)
    assert told(database) == [
        ("feed_silence", "operations", False), ("feed_silence", "clinical", False), ("feed_heard", "clinical", True),
    ]  # fmt: skip


async def test_a_processor_that_lags_and_a_feed_that_is_not_live_make_no_laboratory_silent(database: str) -> None:
    live(database, NOW)
    message(database, NOW - 30 * HOUR)
    heartbeat(database, NOW - 29 * HOUR)
    step = Silences(OWN, Moved(NOW), zone=UTC_ZONE, group=GROUP, partitions=lambda: 1)
    await do(database, step)
    assert told(database) == []
    heartbeat(database, NOW)
    ask(database, "UPDATE feed SET state = 'silent'")
    await do(database, step)
    assert told(database) == []
    ask(database, "UPDATE feed SET state = 'live'")
    await do(database, step)
    assert told(database) == [("feed_silence", "operations", True)], "24 h at most, whatever is usual"


@pytest.mark.parametrize(("before", "last"), [((45,), 23.2), ((48, 45), 23.2), ((107, 95, 85, 76), 22.2)])
async def test_on_its_first_day_a_feed_may_say_nothing_for_a_day(
    database: str, before: tuple[int, ...], last: float
) -> None:
    """After an upgrade, or of a new feed: one message, or a few minutes of them, are no rhythm."""
    live(database, NOW)
    clock = Moved(NOW)
    step = Silences(OWN, clock, zone=UTC_ZONE, group=GROUP, partitions=lambda: 1)
    for minutes in before:
        message(database, NOW - timedelta(minutes=minutes))
        await do(database, step)
    for hours in (0, 1, 5, last):  # the last in the hour of the messages, a day later
        clock.at = NOW + hours * HOUR
        heartbeat(database, clock.at)
        await do(database, step)
        assert told(database) == [], f"{hours} h"
    clock.at = NOW + 25 * HOUR
    heartbeat(database, clock.at)
    await do(database, step)
    assert [row[0] for row in told(database)] == ["feed_silence"]


async def test_blind_is_told_once_when_it_is_over_with_what_came_late(database: str, tmp_path: Path) -> None:
    began, clock = datetime.now(UTC) - timedelta(minutes=95), Moved(datetime.now(UTC))
    heartbeat(database, began)
    step = Blind(OWN, clock, zone=UTC_ZONE, group=GROUP, partitions=lambda: 1)
    clock.at = began + timedelta(minutes=9)
    await do(database, step)
    assert told(database) == []
    clock.at = began + timedelta(minutes=11)
    await do(database, step)
    await do(database, step)
    assert told(database) == [("blind", "operations", True)]
    ledger = open_ledger(settings(database, tmp_path), stream())
    hours = (began - events.NOW + timedelta(minutes=30)) / HOUR
    await ledger.store(events.records(events.report(1, {"k": "6.8"}, hours=hours)))
    await ledger.close()
    clock.at = datetime.now(UTC)
    heartbeat(database, clock.at)
    await do(database, step)
    await do(database, step)
    assert told(database) == [("blind", "operations", False), ("blind", "clinical", True)]
    detail = one(database, "SELECT detail FROM operations_alert WHERE audience = 'clinical'")
    assert detail.startswith("blind ")
    assert detail.endswith(", 1 results late, 1 alerts")
    assert one(database, "SELECT results FROM blind_span WHERE ended_at IS NOT NULL") == 1


async def test_drift_of_a_feed_is_told_once_and_test_patients_do_not_count(database: str, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    for ago in range(1, 20):
        ask(database, "INSERT INTO feed_day VALUES ('lab', 'k', %s, 40, 4.2, 0.05)", today - timedelta(days=ago))
    site = tmp_path / "site.toml"
    site.write_text(
        '[identifier]\ntest_patients = ["TEST.*"]\n[[sender]]\nname = "lab"\napplication = "LIS"\nfacility = "LAB1"\n'
    )
    ledger = open_ledger(settings(database, tmp_path, site=site), stream())
    batch = [events.report(n, {"k": "5.1"}, hours=40) for n in range(24)]
    batch += [events.report(f"TEST{n}", {"k": "4.2"}, hours=40) for n in range(30)]
    batch += [events.report(n, {"k": "4.2"}, hours=41, purpose="history") for n in range(30)]
    await ledger.store(events.records(*batch))
    await ledger.close()
    step = Drift(OWN, Moved(datetime.now(UTC) + timedelta(days=1)), zone=UTC_ZONE, audiences=("operations", "steward"))
    await do(database, step)
    await do(database, Drift(OWN, Moved(datetime.now(UTC) + timedelta(days=1)), zone=UTC_ZONE, audiences=("steward",)))
    assert ask(database, "SELECT analyte, kind, before::text, now::text, results FROM feed_shift") == [
        ("k", "median", "4.2", "5.1", 24)
    ]
    assert ask(database, "SELECT audience, count FROM operations_alert WHERE kind = 'feed_shift' ORDER BY 1") == [
        ("operations", 1), ("steward", 1),
    ]  # fmt: skip


async def test_the_watchdog_beats_only_while_results_are_processed_and_sent(database: str, tmp_path: Path) -> None:
    beats: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beats.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    faults: dict[str, str] = {}
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, httpx.AsyncClient() as client:
        port = server.sockets[0].getsockname()[1]
        dog = Watchdog(f"http://127.0.0.1:{port}/beat", database, lambda: faults, GROUP)
        assert not await dog.beat(client), "no heartbeat was ever committed"
        heartbeat(database, datetime.now(UTC) - timedelta(minutes=3))
        assert not await dog.beat(client), "results wait"
        heartbeat(database, datetime.now(UTC))
        assert await dog.beat(client)
        faults["database"] = "away"
        assert not await dog.beat(client)
        faults.clear()
        ledger = open_ledger(settings(database, tmp_path), stream())
        await ledger.store(events.records(events.report(1, {"k": "6.8"}, hours=47)))
        await ledger.close()
        heartbeat(database, datetime.now(UTC))
        assert await dog.beat(client)
        ask(database, "UPDATE delivery SET next_attempt_at = now() - interval '6 minutes'")
        assert not await dog.beat(client), "nobody takes it up"
        ask(
            database,
            "UPDATE delivery SET next_attempt_at = now() + interval '1 minute', created_at = now() - interval '16 minutes'",
        )
        assert not await dog.beat(client), "it reaches nobody"
        ask(database, "UPDATE delivery SET status = 'handed_over' WHERE channel = 'pager'")
        assert await dog.beat(client), "one channel of two is broken"
    assert beats == ["GET /beat HTTP/1.1\r\n"] * 3
