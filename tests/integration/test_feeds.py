"""Feeds: silent until two people say live, one list then, nothing from before; the test realm never touches the real."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.thresholds import default_pack
from schemas.patient_event import ContextEntry, LabReport, Refused
from services.clock.timers import Timers
from services.ledger import replaying, site_in_force
from services.ledger.batch import Ledger
from services.ledger.going_live import LIVE_PAGE, NoSuchTurn, Turned
from services.ledger.opening import open_ledger
from services.mapping.site import DEFAULT_SITE
from services.mapping.site_file import read_site
from services.shared import database as databases
from services.shared.clock import SystemClock
from tests.real import events
from tests.real.ledgers import ask, lapses, one, settings, stream

SITE = """
[identifier]
test_patients = ["TEST.*"]
[[sender]]
name = "lab"
application = "LIS"
facility = "LAB1"
"""
FRESH = 47
"""Hours after `events.NOW`, two days ago: an hour ago."""
PEOPLE = ("made-up a", "made-up b")


def opened(database: str, folder: Path, text: str = SITE) -> Ledger:
    site = folder / "site.toml"
    site.write_text(text)
    return open_ledger(settings(database, folder, site=site), stream())


class Feed:
    """Stores events, each in a batch of its own; turns the feed."""

    def __init__(self, store: Ledger, database: str) -> None:
        self.store, self.database, self._next = store, database, 0

    async def __call__(self, *batch: Any) -> None:
        for event in batch:
            outcome = await self.store.store(events.records(event, start=self._next))
            assert outcome.dead_letters == 0
            self._next += 1

    async def turn(self, state: str) -> Turned:
        async with await databases.connect_writer(self.database, "test") as conn, conn.transaction():
            done = await self.store.switch().turn(conn, "lab", state, PEOPLE)  # type: ignore[arg-type]
        timers = Timers(self.database, SystemClock(), every=1, actions={LIVE_PAGE: self.store.pager()})
        assert await timers.fire() == done.paged
        await timers.close()
        return done


def potassium(number: int | str, value: str, hours: float = 0, **more: Any) -> LabReport:
    return events.report(number, {"k": value}, hours=hours, **more)


def of_tests(report: LabReport) -> LabReport:
    return msgspec.structs.replace(
        report, source=msgspec.structs.replace(report.source, environment="T"), event_id=_other(report.event_id)
    )


def _other(identity: str) -> str:
    return identity[:-4] + "abcd"


def logged(database: str) -> list[str]:
    query = """SELECT p.payload->>'reason' FROM alert_event AS e JOIN alert_event_payload AS p USING (chain, number)
        WHERE p.payload ? 'notify' ORDER BY e.at, e.number"""
    return [reason for (reason,) in ask(database, query)]


def queued(database: str) -> list[tuple[Any, ...]]:
    return ask(
        database,
        "SELECT DISTINCT a.rule, a.severity, d.reason FROM delivery AS d JOIN alert AS a USING (alert_id) ORDER BY 1, 2",
    )


async def test_a_new_feed_is_silent_stored_and_evaluated(database: str, tmp_path: Path) -> None:
    feed = Feed(opened(database, tmp_path), database)
    await feed(potassium(1, "6.8", FRESH))
    await feed.store.close()
    assert ask(database, "SELECT name, key, state, live_from FROM feed") == [("lab", "LIS|LAB1", "silent", None)]
    assert ask(database, "SELECT rule, severity, feed, condition FROM alert") == [
        ("K_HIGH", "CRITICAL", "lab", "active")
    ]
    assert (queued(database), logged(database)) == ([], ["feed_silent"])
    sent = one(database, "SELECT payload FROM alert_event_payload WHERE payload->>'reason' = 'feed_silent'")
    assert (sent["feed"], sent["severity"], sent["notify"]) == ("lab", "CRITICAL", "no")


async def test_without_a_site_file_everything_is_live(database: str, tmp_path: Path) -> None:
    feed = Feed(open_ledger(settings(database, tmp_path), stream()), database)
    await feed(of_tests(potassium(1, "6.8", FRESH)))
    await feed.store.close()
    assert queued(database) == [("K_HIGH", "CRITICAL", "first")]
    assert ask(database, "SELECT sent_id FROM patient") == [("HOSP|1",)]
    assert ask(database, "SELECT count(*) FROM feed_tally") == [(0,)]


async def test_going_live_pages_what_is_critical_and_fresh_and_lists_the_rest_once(
    database: str, tmp_path: Path
) -> None:
    feed = Feed(opened(database, tmp_path), database)
    await feed(potassium(1, "6.8", FRESH), potassium(2, "6.8", 0), potassium(3, "6.2", FRESH))
    assert queued(database) == []
    done = await feed.turn("live")
    assert (done.listed, done.paged) == (3, 1), "CRITICAL of two days ago is listed, not paged"
    assert queued(database) == [("K_HIGH", "CRITICAL", "now_live")]
    ((audience, severity, detail, slovene, link),) = ask(
        database, "SELECT audience, severity, detail, detail_sl, link FROM operations_alert WHERE kind = 'feed_live'"
    )
    assert (audience, link) == ("clinical", "/alerts?state=unacknowledged")
    assert severity == "MEDIUM", "the list does not ring"
    assert "2 CRITICAL, 1 HIGH" in detail
    assert detail.count("HYPERKALAEMIA") + detail.count("K_HIGH") >= 3
    assert "v živo" in slovene
    assert "told here once: 2 CRITICAL, 1 HIGH. Of these, CRITICAL by a sample under 24 h old: 1; each of" in detail
    assert "them pages as well, the others do not." in detail
    assert "Od teh CRITICAL po vzorcu, mlajšem od 24 ur: 1; vsako od njih pokliče tudi posamič, druga ne." in slovene
    for words in (detail, slovene):
        assert "not one by one" not in words
        assert "ne posamič" not in words
    assert "Made-up" not in detail + slovene
    with pytest.raises(NoSuchTurn):
        await feed.turn("live")
    await feed.store.close()


async def test_going_live_says_how_many_held_values_look_critical_and_called_nobody(
    database: str, tmp_path: Path
) -> None:
    def unitless(number: int | str, **more: Any) -> LabReport:
        made = events.report(number, {"ca_mmol": "13.9"}, hours=FRESH, **more)
        return events.again(made, results=tuple(msgspec.structs.replace(one, unit="") for one in made.results))

    feed = Feed(opened(database, tmp_path), database)
    await feed(unitless(1), unitless(2), unitless(3), unitless(4, purpose="history"), of_tests(unitless("TEST9")))
    ask(database, "UPDATE quarantine SET closed_at = now(), closed_by = 'vida', closed_as = 'closed' WHERE patient_id ="
        " (SELECT id FROM patient WHERE sent_id = 'HOSP|3')")  # fmt: skip
    done = await feed.turn("live")
    assert (done.listed, done.held) == (0, 2)
    ((detail, slovene),) = ask(database, "SELECT detail, detail_sl FROM operations_alert WHERE kind = 'feed_live'")
    assert "Held values that look CRITICAL and called nobody: 2; see /quarantine now" in detail
    assert "ki niso poklicale nikogar: 2" in slovene
    await feed.store.close()


async def test_samples_from_before_are_never_sent_and_later_ones_are(database: str, tmp_path: Path) -> None:
    feed = Feed(opened(database, tmp_path), database)
    await feed(potassium(1, "4.0", 1))
    await feed.turn("live")
    await feed(potassium(2, "6.8", FRESH))
    assert (queued(database), logged(database)) == ([], ["before_live"])
    ask(database, "UPDATE feed SET live_from = live_from - interval '2 hours'")
    await feed(potassium(3, "6.8", FRESH))
    assert queued(database) == [("K_HIGH", "CRITICAL", "first")]
    await feed.store.close()


async def test_silent_again_sends_nothing_new_and_still_takes_back(database: str, tmp_path: Path) -> None:
    feed = Feed(opened(database, tmp_path), database)
    await feed(potassium(1, "6.8", FRESH))
    await feed.turn("live")
    await feed.turn("silent")
    await feed(potassium(2, "6.8", FRESH), potassium(1, "6.8", FRESH, status="W", later=0.5))
    reasons = ask(database, "SELECT DISTINCT reason FROM delivery ORDER BY 1")
    assert reasons == [("now_live",), ("retracted",)], "who was told hears of the withdrawal; nobody of the new one"
    assert ask(database, "SELECT state, live_from, who, second FROM feed") == [("silent", None, *PEOPLE)]
    await feed.store.close()


async def test_history_never_notifies_in_a_live_feed(database: str, tmp_path: Path) -> None:
    feed = Feed(opened(database, tmp_path, SITE + 'state = "live"\nlive_from = "2020-01-01T00:00Z"\n'), database)
    await feed(potassium(1, "6.8", FRESH, purpose="history"))
    assert (queued(database), logged(database)) == ([], ["history_import"])
    await feed.store.close()


@pytest.mark.parametrize("salt", ["", "other bytes"])
async def test_what_import_brought_first_is_told_by_the_feed_that_shows_it(
    database: str, tmp_path: Path, salt: str
) -> None:
    feed = Feed(opened(database, tmp_path), database)
    await feed(potassium(1, "6.8", FRESH, purpose="history"), potassium(1, "6.8", FRESH, salt=salt))
    assert (queued(database), logged(database)) == ([], ["history_import", "feed_silent"])
    ask(database, "UPDATE feed SET state = 'live', live_from = '2020-01-01T00:00Z'")
    await feed(potassium(2, "6.8", FRESH, purpose="history"), potassium(2, "6.8", FRESH, salt=salt))
    assert queued(database) == [("K_HIGH", "CRITICAL", "first")]
    await feed.store.close()


async def test_a_sender_known_before_there_were_feeds_stays_live(database: str, tmp_path: Path) -> None:
    before = Feed(open_ledger(settings(database, tmp_path), stream()), database)
    await before(potassium(2, "4.0", 0), potassium(2, "4.0", 0, salt="again"))
    await before.store.close()
    feed = Feed(
        opened(database, tmp_path, SITE + SITE[SITE.index("[[") :].replace("lab", "new").replace("LAB1", "X")), database
    )
    feed._next = 2
    await feed(potassium(1, "6.8", 0))
    assert ask(database, "SELECT name, state, live_from FROM feed ORDER BY 1") == [
        ("lab", "live", None), ("new", "silent", None),
    ]  # fmt: skip
    assert [reason for *_, reason in queued(database)] == ["first"]
    await feed.store.close()


async def test_what_came_before_the_file_in_force_listed_its_sender_makes_no_feed_live(
    database: str, tmp_path: Path
) -> None:
    """Intake lets in by HALO_SITE at once; the file in force may list the sender only later."""
    feed = Feed(opened(database, tmp_path, SITE.replace('"lab"', '"other"').replace("LAB1", "X")), database)
    await feed(potassium(2, "4.0", 0))
    later = read_site(SITE)
    async with await databases.connect_writer(database, "test") as conn, conn.transaction():
        await site_in_force.keep(conn, later)
        await conn.execute(
            "INSERT INTO active_version (kind, version, hash, from_at, who) VALUES ('site', %s, '', now(), 'test')",
            (later.version,),
        )
    await feed(potassium(1, "6.8", 0))
    assert ask(database, "SELECT state FROM feed WHERE name = 'lab'") == [("silent",)]
    assert queued(database) == []
    await feed.store.close()


async def test_a_sender_that_the_file_in_force_does_not_list_tells_nobody_but_operations(
    database: str, tmp_path: Path
) -> None:
    """Added to HALO_SITE, not applied: one person must not make a sender live. History is nobody's feed."""
    feed = Feed(opened(database, tmp_path, SITE.replace('"lab"', '"other"').replace("LAB1", "X")), database)
    await feed(potassium(1, "6.8", FRESH))
    assert (queued(database), logged(database)) == ([], ["feed_silent"])
    assert ask(database, "SELECT kind, audience FROM operations_alert WHERE kind = 'feed_unlisted'") == [
        ("feed_unlisted", "operations")
    ]
    past = msgspec.structs.replace(potassium(2, "6.8", 0), purpose="history")
    await feed(past)
    assert ask(database, "SELECT feed FROM alert ORDER BY opened_at") == [("",), ("(unlisted)",)]
    await feed.store.close()


async def test_a_test_message_about_a_real_number_touches_nothing_real(database: str, tmp_path: Path) -> None:
    feed = Feed(opened(database, tmp_path, SITE + 'state = "live"\nlive_from = "2020-01-01T00:00Z"\n'), database)
    await feed(potassium(1, "4.0", FRESH - 1))
    before = ask(database, "SELECT id, series_version, unwatched FROM patient")
    await feed(of_tests(potassium(1, "7.2", FRESH)), potassium("TEST9", "7.2", FRESH))
    assert ask(database, "SELECT id, series_version, unwatched FROM patient ORDER BY id LIMIT 1") == before
    assert ask(database, "SELECT sent_id, unwatched FROM patient ORDER BY id OFFSET 1") == [
        ("~test~HOSP|1", "test_realm"), ("~test~HOSP|TEST9", "test_realm"),
    ]  # fmt: skip
    assert queued(database) == []
    assert logged(database) == ["test_realm", "test_realm"], "evaluated, apart"
    assert ask(database, "SELECT count(*) FROM outbox WHERE topic = 'alerts.v1'") == [(0,)]
    assert ask(database, "SELECT count(*) FROM candidate") == [(0,)]
    assert ask(database, "SELECT sum(messages)::int, sum(test)::int FROM feed_tally") == [(1, 2)]
    await feed.store.close()


async def test_what_would_be_urgent_in_a_test_message_calls_nobody(database: str, tmp_path: Path) -> None:
    feed = Feed(opened(database, tmp_path), database)
    report = events.report(1, {"ca": "13.9"}, hours=FRESH)
    bare = msgspec.structs.replace(report, results=(msgspec.structs.replace(report.results[0], unit=""),))
    await feed(of_tests(bare))
    assert ask(database, "SELECT would_be FROM quarantine") == [("CRITICAL",)]
    assert ask(database, "SELECT kind FROM operations_alert") == []
    await feed.store.close()


async def test_what_came_is_counted_with_refusals(database: str, tmp_path: Path) -> None:
    feed = Feed(opened(database, tmp_path), database)
    await feed(potassium(1, "4.0", 0), potassium(1, "4.0", 0, salt="again"), potassium(2, "4.1", 1, purpose="history"))
    source = events.source("refused", events.NOW)
    await feed(Refused(event_id=_other(potassium(1, "4.0").event_id), source=source, reason="too_large"))
    counts = ask(
        database,
        "SELECT sum(messages)::int, sum(results)::int, sum(stored)::int, sum(duplicate)::int, sum(refused)::int,"
        " sum(history)::int FROM feed_tally WHERE feed = 'lab'",
    )
    assert counts == [(2, 2, 1, 1, 1, 1)]
    await feed.store.close()


async def test_whoever_decides_while_a_feed_goes_live_waits_for_it(database: str, tmp_path: Path) -> None:
    """The processor either comes before, and its alert stands on the list, or sees the feed live."""
    feed = Feed(opened(database, tmp_path), database)
    await feed(potassium(1, "4.0", 1))
    async with await databases.connect_writer(database, "test") as conn:
        async with conn.transaction():
            await feed.store.switch().turn(conn, "lab", "live", PEOPLE)
            late = asyncio.create_task(feed(potassium(2, "6.2", FRESH)))
            await asyncio.sleep(0.3)
            assert not late.done(), "it must not decide by the old state"
        await late
    assert logged(database) == ["before_live"]
    await feed.store.close()


async def test_late_tests_count_from_the_day_a_feed_went_live(database: str, tmp_path: Path) -> None:
    """A patient whose last value is 300 days old is late while silent; after going live the wait begins anew."""
    feed = Feed(opened(database, tmp_path), database)
    state = ContextEntry(kind="state", value="on_treatment", from_="2020-01-01")
    await feed(
        events.report(1, {"hb": "130", "creat": "70"}, hours=-300 * 24), events.context_change(1, state, hours=1)
    )
    assert ask(database, "SELECT rule, condition, feed FROM alert WHERE family = 'overdue_test'") == [
        ("STALE", "active", "lab")
    ]
    await feed.turn("live")
    (due,) = ask(database, "SELECT patient_id, due_at FROM timer WHERE kind = 'overdue' AND fired_at IS NULL")
    clock = lapses(database, tmp_path)
    found = await clock.due(due[1] + timedelta(seconds=1))
    assert len(found) == 1
    await clock.fire(found[0], due[1] + timedelta(seconds=1))
    await clock.close()
    conditions = ask(database, "SELECT condition FROM alert WHERE family = 'overdue_test' AND condition = 'active'")
    assert conditions == []
    (next_due,) = ask(database, "SELECT due_at FROM timer WHERE kind = 'overdue' AND fired_at IS NULL")
    live_from = one(database, "SELECT live_from FROM feed")
    assert timedelta(days=70) < next_due[0] - live_from < timedelta(days=110)
    assert queued(database) == []
    await feed.store.close()
    async with await databases.connect_writer(database, "test") as conn, conn.transaction():
        found = [one async for one in replaying.differences(conn, DEFAULT_SITE.zone, default_pack())]
    assert found == [], "derived anew they are the same"
