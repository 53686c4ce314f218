"""What cannot be stored is kept whole and told; the rest goes on."""

from __future__ import annotations

import contextlib
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
import pytest

from alerts.rule import Judgement, Rule, View
from alerts.rules import RULES
from schemas.patient_event import Refused
from services.ledger.batch import STOP_AFTER
from services.ledger.errors import OffsetsWentBack, Unavailable
from services.ledger.record import Record
from services.shared import database as databases
from tests.real import events
from tests.real.ledgers import ask, ledger, one


def poison(offset: int, value: bytes = b'{"type": "lab_repo', partition: int = 0) -> Record:
    return Record(partition=partition, offset=offset, key=b"HOSP|9", value=value, headers=(("ce_id", b"x\xff\x00"),))


async def test_undecodable_bytes_are_kept_whole_and_the_rest_goes_on(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    good = [events.report(n, {"ca": "13.9"}) for n in range(2)]
    batch = [*events.records(good[0]), poison(1, b"\x00\xff{"), *events.records(good[1], start=2)]
    outcome = await store.store(batch)
    await store.store(batch)
    await store.close()
    assert (outcome.events, outcome.dead_letters) == (2, 1)
    assert ask(database, "SELECT value, key, kafka_offset, error_class FROM dead_letter") == [
        (b"\x00\xff{", b"HOSP|9", 1, "UndecodableEvent")
    ]
    assert ask(database, "SELECT value FROM outbox WHERE topic = 'patient-events.dlq.v1'") == [(b"\x00\xff{",)]
    assert ask(database, "SELECT kind FROM operations_alert") == [("dead_letter",)]
    assert one(database, "SELECT next_offset FROM consumer_offset") == 3
    assert one(database, "SELECT count(*) FROM result") == 2


async def test_a_nul_in_a_text_is_a_dead_letter_and_its_patient_incomplete(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(events.report(1, {"ca": "9.0"})))
    bad = events.report(1, {"ca": "13.9"}, hours=1)
    bad = msgspec.structs.replace(bad, source=msgspec.structs.replace(bad.source, message_id="A\0B"))
    outcome = await store.store(events.records(bad, events.report(1, {"k": "6.9"}, hours=2), start=1))
    later = await store.store(events.records(events.report(1, {"k": "7.0"}, hours=3), start=3))
    await store.close()
    assert (outcome.events, outcome.dead_letters, later.events) == (1, 1, 1)
    assert one(database, "SELECT error_class FROM dead_letter") == "CharacterNotInRepertoire"
    assert "dead_letter" in one(database, "SELECT incomplete FROM patient")
    assert ask(database, "SELECT rule FROM alert") == [("K_HIGH",)]


async def test_a_rule_that_raises_stops_nobody_else(database: str, tmp_path: Path) -> None:
    def broken(view: View) -> list[Judgement]:
        if view.patient == "HOSP|1":
            raise ZeroDivisionError("a fault in a rule")
        return []

    rule = Rule(name="BROKEN", family="potassium", inputs=frozenset({"ca"}), judge=broken, delivery="now")
    store = ledger(database, tmp_path, rules=(*RULES, rule))
    await store.store(events.records(*(events.report(n, {"ca": "13.9"}) for n in range(3))))
    await store.close()
    assert one(database, "SELECT count(*) FROM alert WHERE rule = 'CA_HIGH'") == 3
    assert ask(database, "SELECT sent_id, incomplete FROM patient WHERE incomplete <> '{}'") == [
        ("HOSP|1", {"BROKEN": "ZeroDivisionError: a fault in a rule"})
    ]
    public = one(database, "SELECT public_id FROM patient WHERE sent_id = 'HOSP|1'")
    detail = one(database, "SELECT detail FROM operations_alert WHERE kind = 'rule_failed'")
    assert public in detail
    assert "BROKEN" in detail


async def test_a_rule_that_raises_later_leaves_its_alerts_standing(database: str, tmp_path: Path) -> None:
    first = ledger(database, tmp_path)
    await first.store(events.records(events.report(1, {"ca": "13.9"})))
    await first.close()

    def broken(view: View) -> list[Judgement]:
        raise ValueError("broken since the upgrade")

    rules = [msgspec.structs.replace(r, judge=broken) if r.name == "CA_HIGH" else r for r in RULES]
    second = ledger(database, tmp_path, rules=rules)
    await second.store(events.records(events.report(1, {"ca": "14.5"}, hours=5), start=1))
    await second.close()
    assert ask(database, "SELECT condition, version FROM alert WHERE rule = 'CA_HIGH'") == [("active", 1)]


async def test_twenty_dead_letters_in_a_row_stop_the_partition(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store([poison(n) for n in range(15)])
    batch = [poison(n) for n in range(15, 30)] + events.records(events.report(1, {"ca": "13.9"}), start=30)
    other = events.records(events.report(2, {"ca": "13.9"}), partition=1)
    outcome = await store.store([*batch, *other])
    again = await store.store(events.records(events.report(1, {"ca": "13.9"}), start=31))
    await store.close()
    assert outcome.stopped == {0}
    assert (outcome.events, again.events) == (1, 0)
    assert ask(database, "SELECT partition, next_offset FROM consumer_offset ORDER BY 1") == [(0, 20), (1, 1)]
    assert ask(database, "SELECT severity FROM operations_alert WHERE kind = 'partition_stopped'") == [("CRITICAL",)]


async def test_refusals_are_kept_and_counted_once(database: str, tmp_path: Path) -> None:
    source = events.source("refused", events.NOW)
    event = Refused(event_id=events.report(1, {"ca": "9"}).event_id, source=source, reason="no_patient_id", raw=b"MSH|")
    store = ledger(database, tmp_path)
    outcome = await store.store(events.records(event, event))
    await store.close()
    assert outcome.refused == 1
    assert ask(database, "SELECT reason, raw FROM refused") == [("no_patient_id", b"MSH|")]


async def test_a_report_that_names_nobody_is_kept_in_quarantine(database: str, tmp_path: Path) -> None:
    event = events.report(1, {"ca": "13.9"})
    nobody = msgspec.structs.replace(event, patient=msgspec.structs.replace(event.patient, id=""))
    store = ledger(database, tmp_path)
    outcome = await store.store(events.records(nobody))
    again = await store.store(events.records(nobody))
    await store.close()
    assert (outcome.quarantined, again.repeated) == (1, 1)
    assert ask(database, "SELECT reason, patient_id FROM quarantine") == [("patient_missing", None)]
    assert one(database, "SELECT count(*) FROM patient") == 0
    assert ask(database, "SELECT results, quarantined FROM source_message") == [(1, 1)]


async def test_a_database_restored_to_earlier_ends_the_worker(database: str, tmp_path: Path) -> None:
    store = ledger(database, tmp_path)
    await store.store(events.records(*(events.report(n, {"ca": "9.0"}) for n in range(3))))
    ask(database, "UPDATE consumer_offset SET next_offset = 1")
    with pytest.raises(OffsetsWentBack):
        await store.store(events.records(events.report(4, {"ca": "9.0"}), start=3))
    await store.close()


async def test_a_lost_connection_is_unavailable_and_the_batch_goes_through_afterwards(
    database: str, tmp_path: Path
) -> None:
    store = ledger(database, tmp_path)
    batch = events.records(events.report(1, {"ca": "13.9"}))
    await store.store(events.records(events.report(2, {"ca": "9"}), partition=1))
    ask(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'halo-processor' AND datname = current_database()",
    )
    with pytest.raises(Unavailable):
        await store.store(batch)
    outcome = await store.store(batch)
    await store.close()
    assert outcome.events == 1


async def test_a_batch_too_long_for_the_database_is_cut_and_not_tried_for_ever(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules are asked inside the transaction; the server ends a session that thinks for too long."""
    monkeypatch.setattr(databases, "WRITER_IDLE_IN_TRANSACTION_TIMEOUT_MS", 1500)

    def thinking(_: View) -> list[Judgement]:
        sleep(0.15)
        return []

    slow = Rule(name="SLOW", family="potassium", inputs=frozenset({"ca"}), judge=thinking, delivery="now")
    store = ledger(database, tmp_path, rules=(slow,))
    records = events.records(*(events.report(n, {"ca": "13.9"}, hours=n) for n in range(24)))
    with pytest.raises(Unavailable, match="idle-in-transaction"):
        await store.store(records)
    for _ in range(3):
        with contextlib.suppress(Unavailable):  # as the processor does: the same batch again
            await store.store(records)
    await store.close()
    assert one(database, "SELECT count(*) FROM source_message") == 24
    assert one(database, "SELECT count(DISTINCT xmin::text) FROM source_message") > 1


async def test_a_dead_letter_committed_before_is_not_counted_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its piece is stored; the rest of the batch stays unavailable and the whole batch is given again and again."""
    store = ledger(database, tmp_path)
    run = store._run

    async def away(piece: list[Any], outcome: Any) -> None:
        if piece[0].record.offset:
            raise Unavailable("the database is away for what comes after")
        await run(piece, outcome)

    monkeypatch.setattr(store, "_run", away)
    monkeypatch.setattr(store._pace, "size", 1)
    batch = [poison(0), *events.records(events.report(1, {"ca": "9.0"}), start=1)]
    for _ in range(STOP_AFTER + 5):
        with pytest.raises(Unavailable):
            await store.store(batch)
    await store.close()
    assert store.stopped == set()
    assert one(database, "SELECT count(*) FROM dead_letter") == 1
