"""Hundreds of spoilt messages through the ledger: every one stored, its counts add up, none stops the stream."""

from __future__ import annotations

from pathlib import Path

from schemas.codec import encode_event
from schemas.patient_event import Event, LabReport, Refused
from services.ledger.record import Record
from services.reading.batches import split
from services.reading.hl7v2 import read
from tests.real.ledgers import ask, ledger, one
from tests.real.mutating import Mutator

AT = "2026-03-02T09:06:00Z"
OFF = """SELECT event_id FROM source_message WHERE results <> stored + duplicate + quarantined + ignored
    OR stored <> (SELECT count(*) FROM result r WHERE r.event_id = source_message.event_id
                  AND NOT coalesce(convert_from(r.body, 'UTF8')::jsonb -> 'flags' ? 'derived', false))
    OR quarantined <> (SELECT count(*) FROM quarantine q WHERE q.event_id = source_message.event_id AND q.segment > 0)"""


def spoilt(seed: int, count: int) -> list[Event]:
    mutator = Mutator(seed, heavy=0)
    streams = (mutator.next().stream for _ in range(count))
    return [e for s in streams for data in split(s) if len(data) < 100_000 for e in read(data, AT).events]


async def test_what_came_in_is_what_is_there(database: str, tmp_path: Path) -> None:
    found = spoilt(7, 400)
    records = [Record(partition=0, offset=n, key=None, value=encode_event(event)) for n, event in enumerate(found)]
    store = ledger(database, tmp_path)
    outcome = await store.store(records)
    again = await store.store(records)
    await store.close()
    assert ask(database, "SELECT error_class, reason FROM dead_letter") == []
    assert (outcome.dead_letters, again.events, outcome.stopped) == (0, 0, set())
    refused = [e.event_id for e in found if isinstance(e, Refused)]
    assert (outcome.events + outcome.repeated, outcome.refused) == (len(found) - len(refused), len(set(refused)))
    assert ask(database, OFF) == []
    reported = {e.event_id: len(e.results) for e in found if isinstance(e, LabReport)}
    assert one(database, "SELECT sum(results) FROM source_message") == sum(reported.values())
    assert one(database, "SELECT count(*) FROM operations_alert WHERE kind = 'results_unaccounted'") == 0
