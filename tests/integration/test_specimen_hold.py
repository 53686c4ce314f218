"""Alerts of a specimen in doubt wait, for a limited time, and never CRITICAL ones; nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.thresholds import default_pack
from schemas.patient_event import ContextEntry, Event, LabReport
from services.clock.timers import Action, Timers
from services.ledger import replaying, site_in_force
from services.ledger.batch import Ledger
from services.ledger.ending_hold import end_hold
from services.ledger.errors import NotHolding
from services.ledger.holding import SPECIMEN_HOLD
from services.ledger.opening import open_journal
from services.mapping.site import DEFAULT_SITE
from services.mapping.site_file import read_site
from services.shared import database as databases
from services.shared import rule_pack
from services.shared.clock import ManualClock
from tests.real import events
from tests.real.board import bearer, board, link, person, token
from tests.real.ledgers import ask, held, ledger, one, settings
from tests.real.rules import done

OWN = events.report(1, {"hb": "13.1", "creat": "95", "k": "4.1"})
STRANGE = events.report(1, {"hb": "9.4", "creat": "45", "k": "6.2"}, hours=12)
"""Of somebody else, it seems: haemoglobin 94, creatinine 45, potassium 6.2. HB_ACUTE is CRITICAL, the rest is not."""
WAITS = ["HB_DROP", "HB_HALO", "K_HIGH"]
BLOCKED = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""


class Feed:
    """Stores events one after the other, each in a batch of its own unless given together."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.store: Ledger = ledger(database, folder)
        self._next = 0

    async def __call__(self, *batch: Event) -> None:
        outcome = await self.store.store(events.records(*batch, start=self._next))
        assert outcome.dead_letters == 0
        self._next += len(batch)

    async def fire(self, after: timedelta, wrapped: Callable[[Action], Action] | None = None) -> int:
        """The timers of a clock process that was just started, so long from now."""
        action: Action = self.store.releaser()
        clock = ManualClock(datetime.now(UTC) + after)
        action = wrapped(action) if wrapped else action
        timers = Timers(self.database, clock, every=1, actions={SPECIMEN_HOLD: action})
        try:
            return await timers.fire()
        finally:
            await timers.close()


@pytest.fixture
async def feed(database: str, tmp_path: Path) -> Any:
    made = Feed(database, tmp_path)
    yield made
    await made.store.close()


def told(database: str) -> list[tuple[str, str]]:
    """Rule and reason of what the pager is to get, each delivery once."""
    query = """SELECT a.rule, d.reason FROM delivery AS d JOIN alert AS a USING (alert_id)
        WHERE d.channel = 'pager' ORDER BY a.rule, d.created_at"""
    return [(rule, reason) for rule, reason in ask(database, query)]


def said(database: str, rule: str) -> list[str]:
    """The reasons on the log of one rule's alert, in order."""
    query = """SELECT p.payload->>'reason' FROM alert_event AS e JOIN alert_event_payload AS p USING (chain, number)
        JOIN alert AS a USING (alert_id) WHERE a.rule = %s ORDER BY e.number"""
    return [reason for (reason,) in ask(database, query, rule)]


def waiting(database: str) -> list[str]:
    query = "SELECT rule FROM alert WHERE held_until IS NOT NULL AND rule <> 'SPECIMEN_MISMATCH' ORDER BY rule"
    return [rule for (rule,) in ask(database, query)]


async def differences(database: str) -> list[Any]:
    async with await databases.connect(database, "test") as conn:
        return [d async for d in replaying.differences(conn, DEFAULT_SITE.zone, default_pack())]


async def test_what_is_below_critical_waits_with_its_reason_and_a_timer(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    assert told(database) == [("HB_ACUTE", "first"), ("SPECIMEN_MISMATCH", "first")]
    assert waiting(database) == WAITS
    assert [said(database, rule) for rule in WAITS] == [["held_specimen"]] * 3
    limits = ask(database, "SELECT DISTINCT due_at, kind, fired_at FROM timer WHERE kind = 'specimen_hold'")
    assert len(limits) == 1
    spans = ask(database, "SELECT DISTINCT held_until - created_at FROM alert WHERE held_until IS NOT NULL")
    assert all(timedelta(hours=5, minutes=59) < span <= timedelta(hours=6) for (span,) in spans)
    (summary,) = ask(database, "SELECT summary->>'en' FROM alert WHERE rule = 'SPECIMEN_MISMATCH'")
    assert summary[0].startswith(
        "Possible wrong blood in tube, held: Haemoglobin, Potassium, repeat, tell the laboratory"
    )
    (banner,) = ask(database, "SELECT summary->>'en' FROM alert WHERE rule = 'HB_ACUTE'")
    assert "specimen mismatch suspected" in banner[0]
    assert await differences(database) == []


async def test_after_six_hours_it_is_told_once_as_new(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    assert await feed.fire(timedelta(hours=5, minutes=58)) == 0
    assert waiting(database) == WAITS
    assert await feed.fire(timedelta(hours=6)) == 3
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]
    assert waiting(database) == []
    heard = ask(database, "SELECT DISTINCT convert_from(body, 'utf8')::jsonb->>'change' FROM delivery")
    assert heard == [("opened",)]
    assert await feed.fire(timedelta(hours=30)) == 0
    assert len(told(database)) == 5
    assert await differences(database) == []


async def test_a_clock_that_dies_before_its_commit_tells_nothing_and_then_once(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)

    def dies(action: Action) -> Action:
        async def act(*what: Any) -> None:
            await action(*what)
            raise OSError("killed")

        return act

    with pytest.raises(OSError, match="killed"):
        await feed.fire(timedelta(hours=7), dies)
    assert (waiting(database), len(told(database))) == (WAITS, 2)
    await feed.fire(timedelta(hours=7))
    await feed.fire(timedelta(hours=8))
    assert (waiting(database), len(told(database))) == ([], 5)


async def test_the_processor_goes_on_from_what_the_clock_told(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    await feed.fire(timedelta(hours=7))
    await feed(events.report(1, {"k": "6.3"}, hours=14))
    assert said(database, "K_HIGH") == ["held_specimen", "hold_over", "already_told"]


async def test_a_repeat_that_agrees_is_told_at_once_and_the_timers_find_nothing(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    await feed(events.report(1, {"hb": "9.5", "creat": "46", "k": "6.3"}, hours=13))
    assert [pair for pair in told(database) if pair[0] in WAITS] == [("HB_HALO", "first"), ("K_HIGH", "first")]
    assert said(database, "HB_DROP")[-1] == "held_and_over"  # against both draws before it is no fall of 20
    before = len(told(database))
    assert await feed.fire(timedelta(hours=7)) == 3
    assert len(told(database)) == before


async def test_a_repeat_that_disagrees_is_the_end_of_it(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    await feed(events.report(1, {"hb": "13.0", "creat": "94", "k": "4.2"}, hours=13))
    assert [pair for pair in told(database) if pair[0] in WAITS] == []
    assert [said(database, rule)[-1] for rule in WAITS] == ["held_and_over"] * 3
    assert waiting(database) == []
    await feed.fire(timedelta(hours=7))
    assert [pair for pair in told(database) if pair[0] in WAITS] == []
    assert await differences(database) == []


async def test_a_repeat_of_one_value_tells_the_others_they_are_not_answered(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    await feed(events.report(1, {"creat": "46"}, hours=13))
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]


async def test_something_else_measured_later_is_no_repeat(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE, events.report(1, {"alb": "4.0"}, hours=13))
    assert waiting(database) == WAITS


async def test_critical_goes_out_at_once_within_the_hold(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    worse = events.report(1, {"k": "7.1"}, hours=12, status="C", later=1)
    await feed(worse)
    assert ("K_HIGH", "first") in told(database)
    assert waiting(database) == ["HB_DROP", "HB_HALO"]
    await feed.fire(timedelta(hours=7))
    assert told(database).count(("K_HIGH", "first")) == 1
    assert [pair for pair in told(database) if pair[0] == "K_HIGH"] == [("K_HIGH", "first")]


async def test_a_withdrawn_specimen_takes_everything_back_and_tells_only_who_knew(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    gone = events.report(1, {"hb": "9.4", "creat": "45", "k": "6.2"}, hours=12, status="W", later=1)
    await feed(gone)
    assert ask(database, "SELECT rule, condition FROM alert WHERE condition <> 'retracted'") == []
    reasons = [pair for pair in told(database) if pair[1] != "first"]
    assert reasons == [("HB_ACUTE", "retracted"), ("SPECIMEN_MISMATCH", "retracted")]
    assert waiting(database) == []


async def test_a_correction_that_ends_the_doubt_tells_what_still_holds(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    fixed = events.report(1, {"hb": "12.9", "creat": "94"}, hours=12, status="C", later=1)
    await feed(fixed)
    assert ("K_HIGH", "first") in told(database)
    assert waiting(database) == []
    assert one(database, "SELECT condition FROM alert WHERE rule = 'SPECIMEN_MISMATCH'") == "retracted"


async def test_what_was_told_before_waits_with_its_worsening_only(database: str, feed: Feed) -> None:
    await feed(OWN, events.report(1, {"k": "5.6"}, hours=2), STRANGE)
    assert said(database, "K_HIGH") == ["first", "held_specimen"]
    await feed.fire(timedelta(hours=7))
    assert said(database, "K_HIGH")[-1] == "hold_over"
    assert told(database).count(("K_HIGH", "hold_over")) == 1


async def test_another_value_of_the_draw_waits_as_long_as_the_first(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    await feed(events.report(1, {"ca": "11.6", "alb": "4.0"}, hours=12))
    assert waiting(database) == ["CA_HIGH", *WAITS]
    assert one(database, "SELECT count(DISTINCT held_until) FROM alert WHERE held_until IS NOT NULL") == 1
    assert one(database, "SELECT severity FROM alert WHERE rule = 'SPECIMEN_MISMATCH'") == "HIGH"


async def test_with_the_clock_down_the_next_event_ends_the_hold(database: str, tmp_path: Path, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    ask(database, "UPDATE alert SET held_until = held_until - interval '7 h'")
    other = Feed(database, tmp_path)
    other._next = 2
    await other(events.context_change(1, ContextEntry(kind="place", value="H3"), hours=13))
    await other.store.close()
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]


async def test_a_person_ends_the_hold_and_the_clock_tells_at_once(database: str, tmp_path: Path, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    journal = open_journal(settings(database, tmp_path))
    mismatch = one(database, "SELECT alert_id::text FROM alert WHERE rule = 'SPECIMEN_MISMATCH'")
    async with await databases.connect(database, "board", autocommit=True) as conn:
        await end_hold(conn, mismatch, "vida", "seen at the bedside", journal)
        with pytest.raises(NotHolding):
            await end_hold(conn, mismatch, "vida", "", journal)
        with pytest.raises(NotHolding):
            await end_hold(conn, one(database, "SELECT alert_id::text FROM alert LIMIT 1"), "vida", "", journal)
        assert await journal.verify(conn, one(database, "SELECT id FROM patient")) == []
    assert await feed.fire(timedelta(seconds=1)) == 3
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]
    assert ask(database, "SELECT who, action, detail FROM audit") == [("vida", "hold_ended", "seen at the bedside")]
    await feed(events.report(1, {"ca": "11.6", "alb": "4.0"}, hours=12))
    assert ("CA_HIGH", "first") in told(database)


async def test_the_board_says_what_waits_and_lets_it_go(database: str, tmp_path: Path, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    person(database, "vida", "on_call")
    write = bearer(token(database, "api", "write", login="vida", name="pager"))
    with board(database, tmp_path) as process:
        api = httpx.AsyncClient(base_url=process.url, headers=write)
        alerts = {a["rule"]: a for a in (await api.get("/api/v1/alerts")).json()}
        assert alerts["K_HIGH"]["held_until"] == alerts["SPECIMEN_MISMATCH"]["held_until"]
        assert alerts["HB_ACUTE"]["held_until"] is None
        async with httpx.AsyncClient(base_url=process.url) as browser:
            await browser.post("/enter", data={"once": link(database, process.url, "vida").partition("#once=")[2]})
            mismatch = (await browser.get(f"/alerts/{alerts['SPECIMEN_MISMATCH']['alert_id']}")).text
            assert "/release" in mismatch
            waits = (await browser.get(f"/alerts/{alerts['K_HIGH']['alert_id']}")).text
            assert 'class="notice"' in waits
            assert "/release" not in waits
        other = await api.post(f"/api/v1/alerts/{alerts['K_HIGH']['alert_id']}/release", json={})
        assert (other.status_code, other.json()["title"]) == (409, "Conflict")
        path = f"/api/v1/alerts/{alerts['SPECIMEN_MISMATCH']['alert_id']}/release"
        assert (await api.post(path, json={"note": "repeat is not possible"})).status_code == 200
        assert (await api.post(path, json={})).status_code == 409
        await api.aclose()
    assert await feed.fire(timedelta(seconds=1)) == 3
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]


async def test_the_site_file_in_force_says_who_is_watched_when_the_wait_is_over(database: str, feed: Feed) -> None:
    """Another than the clock was started with."""
    await feed(OWN, STRANGE)
    site = read_site('[enrolment]\nwatch = "listed"\n')
    async with await databases.connect(database, "test") as conn:
        await site_in_force.adopt(conn, site)
    assert await feed.fire(timedelta(hours=7)) > 0
    assert [pair for pair in told(database) if pair[0] in WAITS] == []
    assert {said(database, rule)[-1] for rule in WAITS} == {"not_enrolled"}


async def test_history_holds_nothing_and_a_repeated_event_changes_nothing(database: str, feed: Feed) -> None:
    history = [events.report(1, {"hb": hb, "k": k}, hours=at, purpose="history")
               for hb, k, at in (("13.1", "4.1", 0), ("9.4", "6.2", 12))]  # fmt: skip
    await feed(*history)
    assert waiting(database) == []
    assert one(database, "SELECT count(*) FROM timer WHERE kind = 'specimen_hold'") == 0
    assert set(said(database, "K_HIGH")) == {"history_import"}
    await feed(OWN, STRANGE)
    before = ask(database, "SELECT alert_id, version, held_until FROM alert ORDER BY 1")
    await feed(STRANGE, OWN)
    assert ask(database, "SELECT alert_id, version, held_until FROM alert ORDER BY 1") == before


async def test_a_merge_within_the_hold_neither_loses_nor_doubles(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    await feed(events.report(2, {"alb": "4.0"}), events.merge(2, 1, hours=14))
    assert waiting(database) == WAITS
    assert one(database, "SELECT count(DISTINCT held_until) FROM alert WHERE held_until IS NOT NULL") == 1
    await feed.fire(timedelta(hours=7))
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]
    assert await differences(database) == []


async def test_whatever_order_the_tubes_come_in_the_same_holds(database: str, tmp_path: Path) -> None:
    tubes: list[LabReport] = [
        OWN, events.report(1, {"hb": "9.4"}, hours=12, order="blood"),
        events.report(1, {"creat": "45", "k": "6.2", "alb": "4.0"}, hours=12, order="chemistry"),
    ]  # fmt: skip
    seen = []
    for number, order in enumerate(permutations(tubes)):
        ask(database, "TRUNCATE patient, result, result_key, source_message, consumer_offset CASCADE")
        folder = tmp_path / str(number)
        folder.mkdir()
        store = ledger(database, folder)
        for place, event in enumerate(order):
            await store.store(events.records(event, start=place))
        await store.close()
        seen.append([(*row[:-1], bytes(row[-1])) for row in held(database)])
        assert await differences(database) == []
    assert all(one_order == seen[0] for one_order in seen)
    assert {row[1] for row in seen[0]} >= {"SPECIMEN_MISMATCH", "K_HIGH", "HB_HALO"}


async def test_other_rules_in_force_and_imported_history_do_not_end_the_wait_unheard(
    database: str, tmp_path: Path, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await feed(OWN, STRANGE)
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    person(database, "novak", "on_call")
    file = tmp_path / "renamed.toml"
    file.write_text(rule_pack.shipped().replace('version = "2026.1"', 'version = "made-up.2"'), "utf-8")
    await asyncio.to_thread(done, "activate", file, "--by", "novak", "--yes")
    async with await databases.connect(database, "test", autocommit=True) as conn:
        assert await feed.store.catch_up()(conn) == 1
    assert [said(database, rule)[-1] for rule in WAITS] == ["pack_change"] * 3
    assert waiting(database) == WAITS
    await feed(events.report(1, {"k": "4.4"}, hours=-5, purpose="history"))
    assert waiting(database) == WAITS
    await feed.fire(timedelta(hours=7))
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]


async def test_what_was_taken_back_before_and_waits_anew_is_told(database: str, feed: Feed) -> None:
    await feed(OWN)
    await feed(events.report(1, {"k": "6.2"}, hours=12))
    await feed(events.report(1, {"k": "4.3"}, hours=12, status="C", later=1))
    await feed(events.report(1, {"hb": "9.4", "creat": "45", "k": "6.2"}, hours=12, status="C", later=2))
    assert said(database, "K_HIGH") == ["first", "retracted", "held_specimen"]
    await feed(events.report(1, {"k": "6.21"}, hours=12, status="C", later=3))
    assert said(database, "K_HIGH")[-1] == "already_told"
    await feed.fire(timedelta(hours=8))
    assert said(database, "K_HIGH")[-1] == "hold_over"
    assert told(database).count(("K_HIGH", "hold_over")) == 1
    assert waiting(database) == []


async def test_a_mismatch_that_is_switched_off_holds_nothing(
    database: str, tmp_path: Path, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    person(database, "novak", "on_call")
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    off = ("off", "SPECIMEN_MISMATCH", "--until", until, "--reason", "many false ones", "--by", "novak")
    await asyncio.to_thread(done, *off)
    await feed(OWN, STRANGE)
    assert said(database, "SPECIMEN_MISMATCH") == ["rule_off"]
    assert waiting(database) == []
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "first") for rule in WAITS]
    assert one(database, "SELECT held_until FROM alert WHERE rule = 'SPECIMEN_MISMATCH'") is None


async def test_switched_off_within_the_hold_it_holds_no_longer(
    database: str, tmp_path: Path, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    person(database, "novak", "on_call")
    await feed(OWN, STRANGE)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    off = ("off", "SPECIMEN_MISMATCH", "--until", until, "--reason", "many false ones", "--by", "novak")
    await asyncio.to_thread(done, *off)
    await feed(events.report(1, {"alb": "4.0"}, hours=13))
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]


async def test_a_second_doubtful_draw_is_told_before_anything_waits_for_it(database: str, feed: Feed) -> None:
    await feed(OWN, events.report(1, {"hb": "9.4", "creat": "45", "k": "4.2"}, hours=12))
    await feed.fire(timedelta(hours=7))
    await feed(events.report(1, {"hb": "13.2", "creat": "96", "k": "4.1"}, hours=13))
    before = said(database, "SPECIMEN_MISMATCH")
    assert before == ["first"]
    await feed(events.report(1, {"hb": "9.3", "creat": "44", "k": "6.2"}, hours=14))
    assert said(database, "SPECIMEN_MISMATCH") == ["first", "another_draw"]
    assert "K_HIGH" in waiting(database)
    await feed.fire(timedelta(hours=7))
    assert ("K_HIGH", "hold_over") in told(database)


async def test_a_timer_takes_the_person_first_as_the_end_of_a_hold_does(database: str, feed: Feed) -> None:
    await feed(OWN, STRANGE)
    async with await databases.connect(database, "board", autocommit=True) as conn, conn.transaction():
        await conn.execute("SELECT id FROM patient FOR NO KEY UPDATE")
        firing = asyncio.create_task(feed.fire(timedelta(hours=7)))
        for _ in range(400):
            if one(database, BLOCKED):
                break
            await asyncio.sleep(0.02)
        assert one(database, BLOCKED) == 1
        await conn.execute("SET LOCAL lock_timeout = '2s'")
        await conn.execute("UPDATE timer SET due_at = clock_timestamp() WHERE kind = 'specimen_hold'")
    assert await firing == 3


async def test_what_takes_the_place_of_an_alert_that_waits_waits_too(database: str, feed: Feed) -> None:
    await feed(OWN)
    await feed(events.report(1, {"k": "6.2"}, hours=12))
    await feed(events.report(1, {"k": "4.3"}, hours=12, status="C", later=1))
    await feed(events.report(1, {"hb": "9.4", "creat": "45", "k": "6.2"}, hours=12, status="C", later=2))
    await feed(events.report(2, {"alb": "4.0"}), events.merge(2, 1, hours=14))
    place = "SELECT held_until FROM alert WHERE rule = 'K_HIGH' AND condition = 'active'"
    assert one(database, place) == one(
        database, "SELECT held_until FROM alert WHERE rule = 'SPECIMEN_MISMATCH' AND condition = 'active'"
    )
    await feed.fire(timedelta(hours=8))
    assert told(database).count(("K_HIGH", "hold_over")) == 1
    assert waiting(database) == []


async def test_of_who_is_not_watched_when_the_wait_ends_it_is_kept_until_watched_again(
    database: str, feed: Feed
) -> None:
    await feed(OWN, STRANGE)
    await feed(events.context_change(1, ContextEntry(kind="care", code="declined"), hours=13))
    await feed.fire(timedelta(hours=7))
    assert [said(database, rule)[-1] for rule in WAITS] == ["care_declined"] * 3
    assert waiting(database) == []
    await feed(events.context_change(1, ContextEntry(kind="care", code="active"), hours=14))
    assert waiting(database) == WAITS, "by the wall's clock the hold goes on"
    await feed.fire(timedelta(hours=7))
    assert [pair for pair in told(database) if pair[0] in WAITS] == [(rule, "hold_over") for rule in WAITS]
