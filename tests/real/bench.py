"""A data steward's morning, made up: messages of a laboratory that Halo cannot take as they are, stored by the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.codec import encode_event
from services.ledger.record import Record
from services.reading.hl7v2 import read
from tests.real import events
from tests.real.ledgers import ledger

NOW = datetime.now(UTC).replace(microsecond=0)


def message(number: int, obx: str, *, minutes: int = 60, laboratory: str = "LAB1") -> bytes:
    """One result of a made-up person; `obx` is OBX-2 to OBX-6."""
    taken, told = NOW - timedelta(minutes=minutes), NOW - timedelta(minutes=minutes - 20)
    stamp = f"{told:%Y%m%d%H%M%S}+0000"
    return (
        f"MSH|^~\\&|LIS|{laboratory}|HALO|HOSP|{stamp}||ORU^R01|{number}|P|2.5.1|||||SVN|UNICODE UTF-8\r"
        f"PID|1||{number}^^^HOSP^MR||Izmi\u0161ljen{number}^Bolnik||1950010{number % 9 + 1}|F\r"
        f"PV1|1|I|H2^^{number}\r"
        f"OBR|1||O{number}-{minutes}|PANEL|||{taken:%Y%m%d%H%M%S}+0000|||||||||||||||{stamp}|||F\r"
        f"OBX|1|{obx}|||||F\r"
    ).encode()  # fmt: skip


MORNING = (
    message(1, "NM|2000-8^Kalcij^LN||13.9|", minutes=9),
    message(2, "NM|2000-8^Kalcij^LN||2.31|mmol/L"),
    *(message(n, f"NM|KREA^Kreatinin^L||{70 + n}|umol/L", minutes=60 + n) for n in range(3, 8)),
    message(8, "NM|COVID^SARS-CoV-2^L||12.4|Ct", minutes=30),
    message(9, "NM|718-7^Hemoglobin^LN||1,234.5|g/L", minutes=25),
    message(10, "NM|2823-3^Kalij^LN||6.2|", minutes=20),
)


async def fill(database: str, folder: Path) -> None:
    """The messages, one dead letter, and a question to the laboratory."""
    stamp = NOW.isoformat().replace("+00:00", "Z")
    sent = [event for raw in MORNING for event in read(raw, stamp).events]
    again = [events.report(20, {"k": "4.1"}, order="same"), events.report(20, {"k": "5.9"}, order="same", later=1)]
    records = [
        Record(partition=0, offset=n, key=event.patient.id.encode(), value=encode_event(event))  # type: ignore[union-attr]
        for n, event in enumerate([*sent, *again])
    ]
    broken = Record(partition=0, offset=len(records), key=b"HOSP|2", value=b'{"type": "lab_report", \x00\xff made up')
    store = ledger(database, folder)
    await store.store(records)
    await store.store([broken])
    await store.close()
