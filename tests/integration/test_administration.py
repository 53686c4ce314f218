"""ADT as hospitals send it, into the ledger: ward and bed follow it, a day sent again changes nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

from schemas.codec import encode_event
from services.ledger.record import Record
from services.reading.hl7v2 import read
from tests.real.ledgers import ask, ledger, one

PLACE = "SELECT ward, bed FROM patient ORDER BY sent_id"


def adt(
    trigger: str, hour: int, place: str = "", *more: str, number: str = "1", sent: str = "", pid: str = ""
) -> bytes:
    head = rf"MSH|^~\&|PAS|HOSP|HALO|HOSP|{sent or f'202603010{hour}05'}||ADT^{trigger}|{sent}{hour}|P|2.5.1"
    who = f"PID|1||{number}^^^HOSP||Izmišljena^Oseba||19500102|F{pid}"
    return "\r".join([head, f"EVN||202603010{hour}00", who, *([f"PV1|1|I|{place}"] if place else []), *more]).encode()


def day(sent: str = "") -> list[bytes]:
    return [
        adt("A01", 1, "H1^1^A", sent=sent), adt("A02", 2, "H2^2^B", sent=sent), adt("A12", 3, sent=sent),
        adt("A08", 4, "H1^1^A", sent=sent), adt("A03", 5, "H1^1^A", sent=sent), adt("A13", 6, sent=sent),
        adt("A40", 7, "", "MRG|2^^^HOSP", sent=sent), adt("A02", 8, "H3^3^C", number="2", sent=sent),
    ]  # fmt: skip


async def taken(database: str, folder: Path, messages: list[bytes], at: str) -> int:
    found = [event for data in messages for event in read(data, at).events]
    start = one(database, "SELECT coalesce(max(next_offset), 0) FROM consumer_offset")
    store = ledger(database, folder)
    outcome = await store.store([
        Record(partition=0, offset=start + n, key=None, value=encode_event(event)) for n, event in enumerate(found)
    ])  # fmt: skip
    await store.close()
    assert outcome.dead_letters == 0
    return outcome.events


async def test_ward_and_bed_follow_the_day_hour_by_hour(database: str, tmp_path: Path) -> None:
    expected = [("H1", "A"), ("H2", "B"), ("H1", "A"), ("H1", "A"), ("", ""), ("H1", "A"), ("H1", "A"), ("H3", "C")]
    for message, place in zip(day(), expected, strict=True):
        await taken(database, tmp_path, [message], "2026-03-01T12:00:00Z")
        assert ask(database, PLACE)[0] == place
    assert one(database, "SELECT count(*) FROM patient_alias") == 1


async def test_in_any_order_and_sent_again_it_is_the_same(database: str, tmp_path: Path) -> None:
    shuffled = day()
    Random(4).shuffle(shuffled)
    assert await taken(database, tmp_path, shuffled, "2026-03-01T12:00:00Z") == 8
    assert ask(database, PLACE)[0] == ("H3", "C")
    before = ask(database, "SELECT id, series_version, ward, bed, demographics FROM patient ORDER BY id")
    again = day("20260305090000")
    Random(5).shuffle(again)
    assert await taken(database, tmp_path, again, "2026-03-05T09:00:00Z") == 0
    assert ask(database, "SELECT id, series_version, ward, bed, demographics FROM patient ORDER BY id") == before
