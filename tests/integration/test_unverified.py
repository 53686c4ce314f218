"""A held value that looks CRITICAL: the steward first, a clinician after 15 min, unless somebody took care of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from schemas.patient_event import ContextEntry, Event, LabReport, Text
from services.clock.timers import Timers
from services.ledger import held_items, stewarding
from services.ledger.batch import Ledger
from services.ledger.calling import UNVERIFIED, WAIT
from services.ledger.opening import open_ledger
from services.ledger.operations import AFTER
from services.mapping.mapped import Quarantined
from services.shared.clock import ManualClock
from tests.real import events
from tests.real.ledgers import ask, one, settings, stream

STEWARD = """
[[channel]]
name = "bench"
kind = "webhook"
address = "http://127.0.0.1:9/none"
recipient = "data steward"
role = "steward"
"""
ENGLISH = (
    "UNVERIFIED: Calcium (total) 13.9 without unit, CRITICAL if mg/dL; call the laboratory LAB1, patient on ward H2. "
    "Nothing was evaluated from it."
)
SLOVENE = (
    "NEPREVERJENO: Kalcij (celokupni) 13,9 brez enote, KRITIČNO, če je v mg/dL; pokličite laboratorij LAB1, bolnik na "
    "oddelku H2. Vrednost ni bila ovrednotena."
)
CALLS = "SELECT kind, audience, severity FROM operations_alert WHERE closed_at IS NULL ORDER BY kind"
UNKNOWN = "UPDATE quarantine SET would_be = '', reason = 'local_code_needed' WHERE value = '7.4'"
RECEIVED = events.NOW + timedelta(minutes=30)


def unitless(number: int, value: str = "13.9", **more: Any) -> LabReport:
    """A calcium whose unit was lost."""
    made = events.report(number, {"ca_mmol": value}, **more)
    return events.again(made, results=tuple(msgspec.structs.replace(one, unit="") for one in made.results))


class Night:
    """One installation with a clock whose hands the test moves; with or without a data steward on duty."""

    def __init__(self, database: str, folder: Path, *, steward: bool = True, site: str = "") -> None:
        self.database, self.folder, self.site = database, folder, site
        self.hands = ManualClock(events.NOW)
        self._steward, self._offset = steward, 0

    def ledger(self) -> Ledger:
        own = settings(self.database, self.folder)
        if self._steward:
            channels = self.folder / "channels.toml"
            channels.write_text(channels.read_text() + STEWARD)
        if self.site:
            file = self.folder / "site.toml"
            file.write_text(self.site)
            own = own.model_copy(update={"site": file})
        return open_ledger(own, stream())

    async def takes(self, *sent: Event) -> None:
        store = self.ledger()
        await store.store(events.records(*sent, start=self._offset))
        await store.close()
        self._offset += len(sent)

    async def at(self, moment: datetime) -> int:
        """Fire what is due then."""
        self.hands.set(moment)
        store = self.ledger()
        timers = Timers(self.database, self.hands, every=1, actions={UNVERIFIED: store.unverified()})
        try:
            return await timers.fire()
        finally:
            await timers.close()
            await store.close()

    async def decides(self, work: Any) -> None:
        ids = [i for (i,) in ask(self.database, "SELECT id::text FROM quarantine")]
        async with await psycopg.AsyncConnection.connect(self.database) as conn:
            await work(conn, ids)


async def test_the_steward_at_once_and_a_clinician_after_fifteen_minutes(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path)
    await night.takes(unitless(1))
    assert ask(database, CALLS) == [("steward_page", "steward", "CRITICAL")]
    assert await night.at(RECEIVED + WAIT - timedelta(seconds=1)) == 0
    assert await night.at(RECEIVED + WAIT) == 1
    assert ask(database, CALLS) == [("steward_page", "steward", "CRITICAL"), ("unverified", "clinical", "CRITICAL")]
    told = ask(
        database, "SELECT detail, detail_sl, link, rule_pack_status FROM operations_alert WHERE kind = 'unverified'"
    )
    public = one(database, "SELECT public_id FROM patient")
    assert told == [(
        ENGLISH, SLOVENE,
        f"/patients/{public}", "draft",
    )]  # fmt: skip
    assert ask(database, "SELECT kind FROM quarantine_log") == [("told",)]
    assert await night.at(RECEIVED + timedelta(days=1)) == 0, "once"


async def test_a_clinician_at_once_when_no_steward_is_on_duty(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path, steward=False)
    await night.takes(unitless(1))
    assert await night.at(RECEIVED) == 1
    assert ("unverified", "clinical", "CRITICAL") in ask(database, CALLS)


@pytest.mark.parametrize("answer", ["taken", "closed", "arrived"])
async def test_whoever_takes_care_in_time_spares_the_call(database: str, tmp_path: Path, answer: str) -> None:
    night = Night(database, tmp_path)
    await night.takes(unitless(1, order="same"))
    if answer == "taken":
        await night.decides(lambda conn, ids: stewarding.take(conn, ids, "vida", "vida"))
    elif answer == "closed":
        await night.decides(lambda conn, ids: stewarding.close(conn, ids, "vida", "telephoned: 2.41 mmol/L"))
    else:
        await night.takes(events.report(1, {"ca_mmol": "2.41"}, order="same", later=0.1, salt="right"))
    assert await night.at(RECEIVED + WAIT) == 1
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'unverified'") == 0


async def test_what_is_given_back_in_time_is_called_for(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path)
    await night.takes(unitless(1))
    await night.decides(lambda conn, ids: stewarding.take(conn, ids, "vida", "vida"))
    await night.decides(lambda conn, ids: stewarding.take(conn, ids, "vida", ""))
    await night.at(RECEIVED + WAIT)
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'unverified'") == 1


@pytest.mark.parametrize("act", ["given back", "opened again"])
async def test_what_nobody_takes_care_of_any_more_is_called_for_at_once(
    database: str, tmp_path: Path, act: str
) -> None:
    """Its 15 minutes passed while somebody did."""
    night = Night(database, tmp_path)
    await night.takes(unitless(1))
    if act == "given back":
        await night.decides(lambda conn, ids: stewarding.take(conn, ids, "vida", "vida"))
    else:
        await night.decides(lambda conn, ids: stewarding.close(conn, ids, "vida", "by mistake"))
    assert await night.at(RECEIVED + WAIT) == 1
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'unverified'") == 0
    if act == "given back":
        await night.decides(lambda conn, ids: stewarding.take(conn, ids, "vida", ""))
    else:
        await night.decides(lambda conn, ids: stewarding.reopen(conn, ids[0], "vida", "it was one"))
    assert await night.at(datetime.now(UTC)) == 1
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'unverified'") == 1
    await night.decides(lambda conn, ids: stewarding.take(conn, ids, "vida", "vida"))
    await night.decides(lambda conn, ids: stewarding.take(conn, ids, "vida", ""))
    assert await night.at(datetime.now(UTC)) == 0, "told twice"


async def test_what_looks_critical_later_is_called_for_beside_what_was_told(database: str, tmp_path: Path) -> None:
    """Another value of the same message, whose timer fired long ago."""
    night = Night(database, tmp_path)
    made = events.report(1, {"ca_mmol": "13.9", "k": "7.4"})
    await night.takes(events.again(made, results=tuple(msgspec.structs.replace(r, unit="") for r in made.results)))
    await night.decides(lambda conn, _ids: conn.execute(UNKNOWN))
    assert await night.at(RECEIVED + WAIT) == 1
    (held,) = ask(database, "SELECT id::text, detail, looks_in FROM quarantine WHERE value = '7.4'")
    again = Quarantined(reason="unit_missing", index=1, segment=0, detail=held[1], would_be="CRITICAL", analyte="k")
    await night.decides(lambda conn, _ids: held_items.amend(conn, [(held[0], again)]))
    assert await night.at(datetime.now(UTC) + WAIT) == 1
    assert one(database, "SELECT count(*) FROM quarantine_log WHERE kind = 'told' AND item = '" + held[0] + "'") == 1


async def test_calls_for_values_of_weeks_are_a_storm_too(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path)
    await night.takes(*(unitless(n, hours=-20 * n) for n in range(AFTER + 3)))
    await night.at(RECEIVED + timedelta(hours=1))
    told = ask(
        database,
        "SELECT key LIKE 'storm:%%', sum(count)::int FROM operations_alert WHERE kind = 'unverified' GROUP BY 1",
    )
    assert sorted(told) == [(False, AFTER), (True, 3)]


async def test_less_than_critical_history_and_who_is_not_watched_call_no_clinician(
    database: str, tmp_path: Path
) -> None:
    night = Night(database, tmp_path, site='[enrolment]\nwatch = "listed"\n')
    high = events.report(1, {"k": "6.2"})
    await night.takes(
        events.again(high, results=tuple(msgspec.structs.replace(r, unit="") for r in high.results)),
        unitless(2, purpose="history"), unitless(3),
        events.context_change(4, ContextEntry(kind="enrolment", code="enrolled", from_="2020-01-01")), unitless(4),
    )  # fmt: skip
    assert await night.at(RECEIVED + WAIT) == 2
    whose = "SELECT p.sent_id FROM operations_alert AS o JOIN patient AS p ON p.id = o.patient_id WHERE o.kind = 'unverified'"
    assert ask(database, whose) == [("HOSP|4",)]
    assert ask(database, "SELECT kind, note FROM quarantine_log ORDER BY kind") == [
        ("not_told", "not_enrolled"), ("told", "clinical on-call"),
    ]  # fmt: skip


async def test_a_feed_that_loses_its_units_makes_one_call(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path)
    await night.takes(*(unitless(n, hours=n / 3_600_000) for n in range(AFTER + 3)))
    await night.at(RECEIVED + timedelta(hours=1))
    assert ask(
        database, "SELECT key LIKE 'unverified_storm:%%', patient_id FROM operations_alert WHERE kind = 'unverified'"
    ) == [(True, None)]
    detail = one(database, "SELECT detail FROM operations_alert WHERE kind = 'unverified'")
    assert detail.startswith("UNVERIFIED: LAB1 sent more than 20 values within 10 min that look critical")


async def test_of_nobodys_message_too(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path, site='[identifier]\nauthorities = ["OTHER"]\n')
    await night.takes(unitless(1))
    await night.at(RECEIVED + WAIT)
    told = ask(database, "SELECT detail, link, patient_id FROM operations_alert WHERE kind = 'unverified'")
    assert [row[1:] for row in told] == [("/alerts", None)]
    assert "the message names no patient Halo knows" in told[0][0]


async def test_a_silent_feed_calls_no_clinician_and_says_so(database: str, tmp_path: Path) -> None:
    sender = '[[sender]]\nname = "central"\napplication = "LIS"\nfacility = "LAB1"\nlaboratories = ["LAB1"]\n'
    night = Night(database, tmp_path, site=sender)
    await night.takes(unitless(1))
    assert await night.at(RECEIVED + WAIT) == 1
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'unverified'") == 0
    assert ask(database, "SELECT kind, note FROM quarantine_log") == [("not_told", "feed_silent")]


def worded(number: int, text: str = "3.95 H", **more: Any) -> LabReport:
    """A calcium in which the laboratory's system put words beside the number."""
    made = events.report(number, {"ca_mmol": "0"}, **more)
    words = tuple(msgspec.structs.replace(one, value=Text(text=text), value_type="ST") for one in made.results)
    return events.again(made, results=words)


async def test_a_number_among_words_calls_a_clinician_after_fifteen_minutes(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path)
    await night.takes(worded(1), worded(2, "2.40 H"), worded(3, purpose="history"))
    assert ask(database, "SELECT kind, audience FROM operations_alert") == [("data_steward", "steward")]
    assert await night.at(RECEIVED + WAIT - timedelta(seconds=1)) == 0
    assert await night.at(RECEIVED + WAIT) == 1
    told = ask(database, "SELECT detail, detail_sl, audience FROM operations_alert WHERE kind = 'unverified'")
    assert [row[2] for row in told] == ["clinical"]
    assert "UNVERIFIED: Calcium (total) '3.95 H' mmol/L, CRITICAL; call the laboratory LAB1" in told[0][0]
    assert "'3.95 H'" in told[0][1]
    assert one(database, "SELECT count(*) FROM alert") == 0, "the number is not used"
    assert one(database, "SELECT count(*) FROM quarantine") == 0
    assert await night.at(RECEIVED + timedelta(days=1)) == 0, "once"


async def test_a_number_that_comes_in_place_of_the_words_spares_the_call(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path)
    await night.takes(worded(1, order="same"))
    await night.takes(events.report(1, {"ca_mmol": "2.41"}, order="same", status="C", later=0.1, salt="right"))
    assert await night.at(RECEIVED + WAIT) == 1
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'unverified'") == 0


async def test_who_is_not_watched_is_not_called_for_words_either(database: str, tmp_path: Path) -> None:
    night = Night(database, tmp_path, site='[enrolment]\nwatch = "listed"\n')
    await night.takes(worded(1))
    assert await night.at(RECEIVED + WAIT) == 1
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'unverified'") == 0
