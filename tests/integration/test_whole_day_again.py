"""A whole day sent again by an engine, shuffled, under new MSH-7 and MSH-10: no alert, no notice, nothing comes back.

The day holds everything: urgent values, corrections up and down, withdrawals, preliminary values that became final; one
laboratory says when it reported (OBR-22), of the other only the time of the message is known.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.patient_event import LabReport
from services.ledger.batch import Ledger
from services.reading import hl7v2
from tests.real import events
from tests.real.ledgers import ask, ledger, one

DAY = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=30)
CODES = {"k": ("2823-3", "mmol/L"), "ca": ("2000-8", "mmol/L"), "hb": ("718-7", "g/L"), "creat": ("14682-9", "umol/L")}
COURSES = (
    ("ca", (("F", "3.62"),)), ("k", (("F", "6.9"), ("C", "4.4"))), ("k", (("F", "4.4"), ("C", "7.1"))),
    ("ca", (("F", "3.55"), ("W", ""))), ("hb", (("F", "61"), ("D", ""))), ("k", (("P", "6.8"), ("F", "6.7"))),
    ("creat", (("F", "420"), ("C", "95"), ("C", "410"))), ("hb", (("P", "66"), ("U", ""))), ("ca", (("F", "2.31"),)),
)  # fmt: skip
PICTURE = """SELECT alert_id::text, rule, level, severity, condition, value, response, told_at, opened_at FROM alert
    ORDER BY 1"""
SAID = "SELECT count(*) FROM alert_event WHERE kind <> 'updated'"
OF_THE_DATED = """SELECT alert_id::text, a.version, flags FROM alert AS a JOIN patient AS p ON p.id = a.patient_id
    WHERE p.sent_id IN ('HOSP|0', 'HOSP|2', 'HOSP|4') ORDER BY 1"""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One of the day; `dated` laboratories send OBR-22."""

    patient: int
    order: str
    analyte: str
    status: str
    value: str
    at: datetime
    dated: bool

    def event(self, name: str, sent: datetime) -> LabReport:
        """As intake makes it."""
        code, unit = CODES[self.analyte]
        reported = stamp(self.at) if self.dated else ""
        text = (
            f"MSH|^~\\&|LIS|{'DATED' if self.dated else 'UNDATED'}|||{stamp(sent)}||ORU^R01|{name}|P|2.5.1\r"
            f"PID|1||{self.patient}^^^HOSP||Made-up^Person||19500102|F\r"
            f"OBR|1||{self.order}|P|||{stamp(DAY)}|||||||||||||||{reported}|||{self.status}\r"
            f"OBX|1|NM|{code}^^LN||{self.value}|{unit}|||||{self.status}\r"
        )
        (event,) = hl7v2.read(text.encode(), sent.isoformat().replace("+00:00", "Z")).events
        assert isinstance(event, LabReport)
        return event


def stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}+0000"


def day(patients: int) -> list[Message]:
    """In the order of sending, all of one patient after DAY."""
    return [
        Message(patient=number, order=f"O{number}-{place}", analyte=analyte, status=status, value=value,
                at=DAY + timedelta(hours=1 + step, minutes=place), dated=number % 2 == 0)
        for number in range(patients)
        for place, (analyte, course) in enumerate(COURSES)
        for step, (status, value) in enumerate(course)
    ]  # fmt: skip


@pytest.fixture
async def store(database: str, tmp_path: Path) -> AsyncIterator[Ledger]:
    made = ledger(database, tmp_path)
    yield made
    await made.close()


def picture(database: str) -> list[tuple[Any, ...]]:
    return ask(database, PICTURE)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_alert_no_notice_and_nothing_comes_back(database: str, store: Ledger, seed: int) -> None:
    sent = sorted(day(6), key=lambda message: message.at)
    first = [message.event(f"M{number}", message.at) for number, message in enumerate(sent)]
    await store.store(events.records(*first))
    ask(database, "UPDATE delivery SET status = 'handed_over', attempts = 1, handed_over_at = now()")
    before, told, said = picture(database), one(database, "SELECT count(*) FROM delivery"), one(database, SAID)
    dated = ask(database, OF_THE_DATED)
    assert {"active", "retracted"} <= {row[4] for row in before}
    assert told > 0

    luck, later = random.Random(seed), datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    luck.shuffle(sent)
    again = [message.event(f"R{seed}-{n}", later + timedelta(seconds=n)) for n, message in enumerate(sent)]
    records = events.records(*again, start=len(first))
    while records:
        size = luck.randint(1, 20)
        await store.store(records[:size])
        records = records[size:]

    assert one(database, "SELECT count(*) FROM source_message") == 2 * len(first)
    assert [row for row in picture(database) if row not in before] == []
    assert picture(database) == before
    assert (one(database, "SELECT count(*) FROM delivery"), one(database, SAID)) == (told, said)
    assert ask(database, OF_THE_DATED) == dated, "with a reporting time a repetition is nothing at all"
    pages = "SELECT kind, severity, detail FROM operations_alert WHERE severity IN ('CRITICAL', 'HIGH')"
    assert ask(database, pages) == []
