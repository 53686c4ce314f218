"""Who is watched, in the ledger: what stops and starts again in the transaction of the event that says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from click.testing import CliRunner

from alerts.deciding import Reason
from alerts.watching import GATES
from schemas.identity import event_id
from schemas.patient_event import ContextEntry, Event, Patient
from services.cli.app import halo
from services.ledger.batch import Ledger
from services.ledger.memory import Memory
from services.ledger.opening import open_ledger
from services.mapping.site import DEFAULT_SITE
from services.reading.hl7v2 import read
from services.shared.settings import Settings
from tests.real import events
from tests.real.ledgers import ask, lapses, ledger, one, settings, stream

BEFORE = (events.NOW - timedelta(days=3)).isoformat()
AFTER = (events.NOW + timedelta(hours=30)).isoformat()
LATER = (events.NOW + timedelta(hours=31)).isoformat()
TOLD = (
    "SELECT DISTINCT alert_version, change, reason, status, closed_for FROM delivery WHERE channel = 'pager' ORDER BY 1"
)


def said(kind: str, value: str = "", start: str = BEFORE, end: str = "", **more: str) -> ContextEntry:
    return ContextEntry(kind=kind, value=value, from_=start, to=end, **more)  # type: ignore[arg-type]


def change(*entries: ContextEntry, hours: float = 0) -> Event:
    return events.context_change(1, *entries, hours=hours)


def potassium(value: str, hours: float = 0, **more: Any) -> Event:
    return events.report(1, {"k": value}, hours=hours, **more)


def listed(database: str, folder: Path) -> Ledger:
    site = folder / "site.toml"
    site.write_text('[enrolment]\nwatch = "listed"\n')
    return open_ledger(settings(database, folder, site=site), stream())


class Feed:
    """Stores events one after the other, each in a batch of its own unless given together."""

    def __init__(self, store: Ledger) -> None:
        self._store, self._next = store, 0

    async def __call__(self, *batch: Event) -> None:
        outcome = await self._store.store(events.records(*batch, start=self._next))
        assert outcome.dead_letters == 0
        self._next += len(batch)

    async def close(self) -> None:
        await self._store.close()


def told(database: str) -> list[tuple[Any, ...]]:
    """Version, change, reason, status and why closed of what the pager was to get."""
    return ask(database, TOLD)


def hand_over(database: str) -> None:
    """As the notifier does."""
    ask(
        database,
        "UPDATE delivery SET status = 'handed_over', attempts = 1, handed_over_at = now() WHERE status = 'queued'",
    )


def reasons(database: str) -> list[str]:
    query = """SELECT p.payload->>'reason' FROM alert_event AS e JOIN alert_event_payload AS p USING (chain, number)
        WHERE e.kind IN ('opened', 'regraded', 'updated', 'retracted', 'cleared', 'reopened') ORDER BY e.number"""
    return [reason for (reason,) in ask(database, query)]


def unwatched(database: str) -> str:
    return str(one(database, "SELECT unwatched FROM patient"))


@pytest.mark.parametrize(("entry", "reason"), [
    (said("deceased", start=AFTER), "deceased"),
    (said("care", "palliative_no_bloods", AFTER), "care_palliative_no_bloods"),
    (said("care", "moved", AFTER), "care_moved"),
    (said("care", "declined", AFTER), "care_declined"),
    (said("enrolment", "ended", AFTER), "not_enrolled"),
])  # fmt: skip
async def test_what_waits_is_closed_with_the_reason_and_nothing_follows(
    database: str, tmp_path: Path, entry: ContextEntry, reason: str
) -> None:
    feed = Feed(ledger(database, tmp_path))
    await feed(potassium("6.2"))
    assert told(database) == [(1, "opened", "first", "queued", "")]
    await feed(change(entry, hours=1))
    assert told(database) == [(1, "opened", "first", "closed", reason)]
    await feed(potassium("6.8", hours=2))
    await feed.close()
    assert told(database) == [(1, "opened", "first", "closed", reason)], "CRITICAL, and not sent"
    assert unwatched(database) == reason
    assert reasons(database) == ["first", reason]
    closed = ask(database, "SELECT count(*) FROM alert_event WHERE kind = 'delivery_closed'")
    assert (closed, ask(database, "SELECT withheld FROM alert")) == ([(2,)], [(reason,)])


async def test_all_of_it_in_one_transaction(database: str, tmp_path: Path) -> None:
    """The alert and the death in one batch: the delivery is never seen queued."""
    feed = Feed(ledger(database, tmp_path))
    await feed(potassium("6.2"), change(said("deceased", start=AFTER)))
    assert told(database) == [(1, "opened", "first", "closed", "deceased")]
    assert ask(database, "SELECT told_at, withheld FROM alert") == [(None, "deceased")]
    await feed(change(said("deceased", "no", LATER)))
    await feed.close()
    assert told(database)[1:] == [(2, "updated", "now_watched", "queued", "")]


@pytest.mark.parametrize("together", [False, True])
async def test_a_death_taken_back_tells_what_still_holds_once(database: str, tmp_path: Path, *, together: bool) -> None:
    feed = Feed(ledger(database, tmp_path))
    death, alive = change(said("deceased", start=AFTER)), change(said("deceased", "no", AFTER), hours=1)
    await feed(potassium("6.2"))
    if together:
        await feed(death, alive)
        assert told(database) == [(1, "opened", "first", "queued", "")], "it never stopped waiting"
    else:
        await feed(death)
        await feed(alive)
        assert told(database) == [
            (1, "opened", "first", "closed", "deceased"), (2, "updated", "now_watched", "queued", ""),
        ]  # fmt: skip
    before = told(database)
    await feed(death, alive, death)
    await feed(potassium("6.2", hours=3))
    await feed.close()
    assert (told(database), unwatched(database)) == (before, "")
    assert one(database, "SELECT withheld FROM alert") == ""


async def test_who_was_told_before_is_not_told_again_but_hears_of_an_end(database: str, tmp_path: Path) -> None:
    feed = Feed(ledger(database, tmp_path))
    await feed(potassium("6.2", order="A"))
    hand_over(database)
    await feed(change(said("care", "moved", AFTER), hours=1))
    assert told(database) == [(1, "opened", "first", "handed_over", "")]
    await feed(change(said("care", "active", AFTER), hours=2))
    assert told(database) == [(1, "opened", "first", "handed_over", "")]
    await feed(change(said("care", "moved", LATER), hours=3))
    await feed(potassium("4.0", order="A", status="C", later=4))
    assert reasons(database)[-1] == "care_moved"
    await feed(change(said("care", "active", LATER), hours=5))
    await feed.close()
    assert told(database)[1:] == [(3, "retracted", "retracted", "queued", "")]


async def test_of_an_alert_nobody_got_nobody_hears_that_it_ended(database: str, tmp_path: Path) -> None:
    feed = Feed(ledger(database, tmp_path))
    await feed(potassium("6.2", order="A"))
    await feed(change(said("care", "moved", AFTER), hours=1))
    await feed(potassium("4.0", order="A", status="C", later=4))
    await feed(change(said("care", "active", AFTER), hours=5))
    await feed.close()
    assert [row[3] for row in told(database)] == ["closed"]
    assert reasons(database) == ["first", "nobody_told"]


async def test_a_sample_after_the_recorded_death_is_told_and_operations_hear(database: str, tmp_path: Path) -> None:
    feed = Feed(ledger(database, tmp_path))
    await feed(change(said("deceased", start=events.NOW.isoformat())))
    await feed(potassium("6.2", hours=0))
    assert (told(database), reasons(database)) == ([], ["deceased"]), "at the moment of death itself"
    assert ask(database, "SELECT kind FROM operations_alert") == []
    await feed(potassium("6.2", hours=1))
    await feed.close()
    assert told(database) == [(2, "updated", "first", "queued", "")]
    assert ask(database, "SELECT kind, severity, count FROM operations_alert") == [
        ("result_after_death", "CRITICAL", 1)
    ]
    detail = one(database, "SELECT detail FROM operations_alert")
    assert "1 results of patient" in detail
    assert "Made-up" not in detail
    assert unwatched(database) == "deceased"


async def test_a_death_that_lies_before_known_samples_is_doubted_at_once(database: str, tmp_path: Path) -> None:
    feed = Feed(ledger(database, tmp_path))
    await feed(potassium("6.2"))
    await feed(change(said("deceased", start=BEFORE)))
    await feed.close()
    assert told(database) == [(1, "opened", "first", "queued", "")], "the sample contradicts the record"
    assert ask(database, "SELECT kind FROM operations_alert") == [("result_after_death",)]


FLAG = said("deceased", start="", note="PID-29, PID-30")


@pytest.mark.parametrize(
    "revived", [[], [said("deceased", "no", events.NOW.isoformat())], [said("deceased", "withdrawn", "")]]
)
async def test_a_second_sender_of_a_wrong_death_does_not_silence(
    database: str, tmp_path: Path, revived: list[ContextEntry]
) -> None:
    """Flagged by one laboratory, two days later by another with a CRITICAL taken before its message."""
    feed = Feed(ledger(database, tmp_path))
    await feed(change(FLAG, hours=-24))
    if revived:
        await feed(change(*revived, hours=0))
        assert unwatched(database) == ""
    await feed(change(FLAG, hours=24))
    assert unwatched(database) == ("" if revived else "deceased"), "nobody's word is undone by a repetition"
    await feed(potassium("6.8", hours=22))
    await feed.close()
    assert [row[1:4] for row in told(database)] == [("opened", "first", "queued")]
    operations = [] if revived else [("result_after_death", "CRITICAL")]
    assert ask(database, "SELECT kind, severity FROM operations_alert") == operations


async def test_the_same_words_received_earlier_count_from_then_whichever_comes_first(
    database: str, tmp_path: Path
) -> None:
    """A message that waited among the dead letters: its death is the same event as that of the next message."""
    late, early = (change(FLAG, hours=hours) for hours in (24, -24))
    late = msgspec.structs.replace(late, event_id=early.event_id)  # type: ignore[union-attr]
    memory = Memory(DEFAULT_SITE)
    feed = Feed(ledger(database, tmp_path))
    for event in (late, potassium("6.8", hours=22)):
        await feed(event)
        memory.take(event)
    assert told(database) == [], "as far as is known the sample is from before the death"
    for event in (early, late, early):
        await feed(event)
        memory.take(event)
    await feed.close()
    assert [row[3] for row in told(database)] == ["queued"]
    assert one(database, "SELECT received_at FROM context_event") == events.NOW - timedelta(hours=24)
    assert one(database, "SELECT count(*) FROM source_message") == 2
    (record,) = memory._records.values()
    assert [rank.partition(" ")[0] for rank, _, _ in record.entries] == [
        f"{events.NOW - timedelta(hours=24):%Y%m%dT%H%M%S%f}"
    ]


async def test_with_a_list_only_the_enrolled_are_told_and_then_what_holds_once(database: str, tmp_path: Path) -> None:
    feed = Feed(listed(database, tmp_path))
    await feed(potassium("6.2"), events.report(1, {"ca": "13.9"}, hours=1))
    assert (told(database), reasons(database)) == ([], ["not_enrolled", "not_enrolled"])
    assert ask(database, "SELECT rule, condition, withheld FROM alert ORDER BY 1") == [
        ("CA_HIGH", "active", "not_enrolled"), ("K_HIGH", "active", "not_enrolled"),
    ]  # fmt: skip
    await feed(potassium("4.0", hours=2))
    enrolled = change(said("enrolment", "enrolled"), hours=3)
    await feed(enrolled)
    assert told(database) == [(2, "updated", "now_watched", "queued", "")]
    assert one(database, "SELECT count(DISTINCT alert_id) FROM delivery") == 1, "potassium is back to normal"
    await feed(enrolled, potassium("6.3", hours=4))
    await feed.close()
    assert [row[2] for row in told(database)] == ["first", "now_watched"], "and the next episode as ever"


async def test_imported_history_is_told_to_nobody_even_after_enrolment(database: str, tmp_path: Path) -> None:
    feed = Feed(listed(database, tmp_path))
    await feed(potassium("6.2", purpose="history"))
    await feed(change(said("enrolment", "enrolled")))
    await feed.close()
    assert (told(database), reasons(database)) == ([], ["history_import"])


async def test_any_order_and_repetition_of_what_is_said_ends_alike(database: str, tmp_path: Path) -> None:
    """Three contradicting events in all orders, each twice: the state and what is withheld are the same."""
    contradicting = [
        change(said("deceased", start=AFTER)), change(said("deceased", "no", LATER), said("care", "moved", AFTER)),
        change(said("care", "active", LATER), said("enrolment", "enrolled", AFTER)),
    ]  # fmt: skip
    feed, found = Feed(ledger(database, tmp_path)), set()
    for number, order in enumerate(permutations(range(3))):
        who = _patient(f"p{number}")
        await feed(who(potassium("6.2")))
        for index in (*order, *order):
            await feed(who(contradicting[index]))
        query = """SELECT p.unwatched, a.condition, a.severity, a.withheld,
            (SELECT count(*) FROM delivery AS d WHERE d.alert_id = a.alert_id AND d.status = 'queued')
            FROM alert AS a JOIN patient AS p ON p.id = a.patient_id WHERE p.sent_id = %s"""
        found |= set(ask(database, query, f"HOSP|p{number}"))
    await feed.close()
    assert found == {("", "active", "HIGH", "", 2)}


async def test_a_merge_with_someone_recorded_as_deceased_stops_too(database: str, tmp_path: Path) -> None:
    feed = Feed(ledger(database, tmp_path))
    await feed(potassium("6.2"))
    await feed(events.context_change(2, said("deceased", start=AFTER)))
    await feed(events.merge(1, 2))
    assert [row[3:] for row in told(database)] == [("closed", "deceased")]
    await feed(events.merge(1, 2, hours=1, undo=True))
    await feed.close()
    assert [row[2:4] for row in told(database)] == [("first", "closed"), ("now_watched", "queued")]


def _patient(name: str) -> Callable[[Any], Event]:
    """The same events of another made-up person."""

    def moved(event: Any) -> Any:
        who = events.patient(name)
        return msgspec.structs.replace(
            event, patient=who, event_id=event_id(event.source.sender, event.source.sha256, who.id)
        )

    return moved


def test_every_reason_of_not_watching_is_a_reason_of_not_sending() -> None:
    known: Sequence[str] = get_args(Reason)
    assert set(GATES) <= set(known)


async def test_a_word_nobody_knows_stops_nothing_and_is_told(database: str, tmp_path: Path) -> None:
    """Words may hold what somebody typed: a misspelt state must not silence, nor pass unseen, nor leave the hospital."""
    feed = Feed(ledger(database, tmp_path))
    typed = [
        said("care", "Novak mooved"), said("chronic_baseline", "2207", code="creat", unit="furlong"),
        said("chronic_baseline", "8.125", code="hb-of-Novak"), said("chronic_baseline", "220", "", code="creat"),
        said("monitoring_interval", "twelveish", unit="fortnight"), said("enrolment", "enrolled"),
    ]  # fmt: skip
    await feed(change(*typed), potassium("6.2"))
    await feed.close()
    assert told(database) == [(1, "opened", "first", "queued", "")]
    ((kind, detail),) = ask(database, "SELECT kind, detail FROM operations_alert")
    assert kind == "context_unread"
    wrong = "entries[0], care, value; entries[1], chronic_baseline, value; entries[2], chronic_baseline, code; "
    assert wrong + "entries[3], chronic_baseline, value; entries[4], monitoring_interval, value." in detail
    for part in ("Novak", "mooved", "2207", "furlong", "8.125", "220,", "'220'", "twelveish", "fortnight"):
        assert part not in detail


async def test_a_death_without_a_time_is_read_and_asks_nobody_to_mend_it(database: str, tmp_path: Path) -> None:
    feed = Feed(ledger(database, tmp_path))
    await feed(change(said("deceased", start="")))
    await feed.close()
    assert (unwatched(database), ask(database, "SELECT kind FROM operations_alert")) == ("deceased", [])


async def test_a_time_nobody_can_read_is_a_dead_letter_and_the_next_event_goes_on(
    database: str, tmp_path: Path
) -> None:
    store = ledger(database, tmp_path)
    outcome = await store.store(
        events.records(change(said("deceased", start="yesterday")), potassium("6.2"), change(said("care", "active")))
    )
    await store.close()
    assert (outcome.dead_letters, outcome.events) == (1, 2)
    assert "'yesterday' is no time" in one(database, "SELECT reason FROM dead_letter")


async def test_a_new_finding_of_who_is_not_enrolled_is_listed_until_enrolment(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(listed(database, tmp_path))
    await feed(events.report(1, {"hb": "120"}), events.report(2, {"mspike": "3"}, order="A"))
    await feed(events.report(2, {"flck": "170", "flcl": "100"}, hours=1), events.report(3, {"mspike": "4"}, order="B"))
    query = "SELECT p.sent_id, c.reason, c.value, c.unit FROM candidate AS c JOIN patient AS p ON p.id = c.patient_id ORDER BY 1, 2"
    assert ask(database, query) == [
        ("HOSP|2", "flc_ratio", Decimal("1.7000"), "{ratio}"), ("HOSP|2", "m_protein", Decimal(3), "g/L"),
        ("HOSP|3", "m_protein", Decimal(4), "g/L"),
    ]  # fmt: skip
    await feed(events.report(3, {"mspike": "4"}, order="B", status="D", later=2))
    assert [row[0] for row in ask(database, query)] == ["HOSP|2", "HOSP|2"], "withdrawn: it never was"
    monkeypatch.setenv("HALO_DATABASE", database)
    shown = (await shell()).output.splitlines()
    assert [line.split()[1:5] for line in shown] == [
        ["H2", "flc_ratio", "1.7000", "{ratio}"],
        ["H2", "m_protein", "3", "g/L"],
    ]
    assert one(database, "SELECT count(*) FROM audit WHERE route = 'halo context candidates'") == 1
    await feed(events.context_change(2, said("enrolment", "enrolled")))
    await feed.close()
    assert (await shell()).output == ""


async def shell() -> Any:
    """The command runs a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, halo, ["context", "candidates"], catch_exceptions=False)


async def test_a_state_that_begins_by_itself_stops_at_its_moment(database: str, tmp_path: Path) -> None:
    """Nothing comes: the timer of the person does it, and the next turn has the next timer."""
    begins = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    ends = begins + timedelta(days=9)
    feed = Feed(ledger(database, tmp_path))
    await feed(potassium("6.2"), change(said("care", "moved", begins.isoformat(), ends.isoformat())))
    await feed.close()
    assert ([row[3] for row in told(database)], ask(database, "SELECT due_at FROM timer")) == (["queued"], [(begins,)])
    await asyncio.sleep(max((begins - datetime.now(UTC)).total_seconds(), 0) + 0.1)
    passing = lapses(database, tmp_path)
    for due in await passing.due(datetime.now(UTC)):
        await passing.fire(due, datetime.now(UTC))
    await passing.close()
    assert [row[3:] for row in told(database)] == [("closed", "care_moved")]
    assert ask(database, "SELECT due_at FROM timer WHERE fired_at IS NULL") == [(ends,)]


async def test_a_place_by_context_moves_the_patient_until_a_newer_one(database: str, tmp_path: Path) -> None:
    feed, where = Feed(ledger(database, tmp_path)), "SELECT ward, bed FROM patient"

    def placed(entry: ContextEntry, hours: float) -> Event:
        event = events.context_change(1, entry, hours=hours)
        return msgspec.structs.replace(event, patient=Patient(id=event.patient.id))

    await feed(potassium("4.2"), placed(said("place", "12", "", code="H9"), 2))
    assert ask(database, where) == [("H9", "12")]
    await feed(placed(said("place", "3", BEFORE, code="H1"), 3))
    assert ask(database, where) == [("H9", "12")], "older than what is known"
    await feed(potassium("4.1", hours=9))
    await feed.close()
    assert ask(database, where) == [("H2", "1")]


async def test_a_message_that_says_the_patient_died_stops_what_waits(database: str, tmp_path: Path) -> None:
    feed = Feed(ledger(database, tmp_path))
    message = (
        "MSH|^~\\&|LIS|LAB|HALO|HOSP|20260301100500+0100||ORU^R01|{}|P|2.5.1\r"
        "PID|1||77^^^HOSP||Made^Up||19500102|F{}\rOBR|1||F{}||||{}\r"
        "OBX|1|NM|2823-3^Potassium^LN||{}|mmol/L|||||F\r"
    )
    first = message.format("C1", "", 1, "20260301080000+0100", "6.2")
    died = message.format("C2", "|" * 21 + "20260302120000+0100|Y", 2, "20260302080000+0100", "6.3")
    alive = message.format("C3", "|" * 21 + "20260302120000+0100|Y", 3, "20260302130000+0100", "6.9")
    await feed(*read(first.encode(), "2026-03-01T09:06:00Z").events)
    await feed(*read(died.encode(), "2026-03-02T12:06:00Z").events)
    assert {row[3:] for row in told(database)} == {("closed", "deceased")}
    await feed(*read(alive.encode(), "2026-03-02T13:06:00Z").events)
    await feed.close()
    assert ask(database, "SELECT change, reason FROM delivery WHERE status = 'queued' AND channel = 'pager'") != []
    assert ask(database, "SELECT kind FROM operations_alert") == [("result_after_death",)]


async def test_what_was_withheld_waits_on_while_its_rule_is_off(database: str, tmp_path: Path) -> None:
    feed = Feed(listed(database, tmp_path))
    await feed(potassium("6.2"))
    ask(
        database,
        "INSERT INTO rule_switch (rule, until_at, who) VALUES ('K_HIGH', now() + interval '1 hour', 'made up')",
    )
    await feed(change(said("enrolment", "enrolled")))
    for hour in (5, 6):
        await feed(events.report(1, {"hb": "130"}, hours=hour))
    assert (told(database), ask(database, "SELECT version, withheld FROM alert")) == ([], [(1, "not_enrolled")])
    ask(database, "INSERT INTO rule_switch (rule, until_at, who) VALUES ('K_HIGH', NULL, 'made up')")
    await feed(events.report(1, {"hb": "131"}, hours=7))
    await feed.close()
    assert told(database) == [(2, "updated", "now_watched", "queued", "")]


async def test_of_a_draft_nobody_but_test_recipients_hears_and_it_is_tried_once(database: str, tmp_path: Path) -> None:
    store = listed(database, tmp_path)
    await store.close()
    channels = tmp_path / "channels.toml"
    channels.write_text(channels.read_text().replace("test = true", "test = false"))
    site = Settings(database=database, data_dir=tmp_path, channels=channels, site=tmp_path / "site.toml")
    feed = Feed(open_ledger(site, stream()))
    await feed(potassium("6.2"), change(said("enrolment", "enrolled")))
    for hour in (5, 6):
        await feed(events.report(1, {"hb": "130"}, hours=hour))
    await feed.close()
    assert (told(database), ask(database, "SELECT version, withheld FROM alert")) == ([], [(2, "draft_pack")])
    assert reasons(database) == ["not_enrolled", "draft_pack"]
