"""PID-29 and PID-30: a death becomes a change of context before the results, the same one in however many messages."""

from __future__ import annotations

import pytest

from schemas.patient_event import ContextChange, LabReport
from services.reading.hl7v2 import read
from tests.unit.reading.samples import CALCIUM, OBR, PID, message

AT, LATER = "2026-03-01T09:06:00Z", "2026-03-02T09:06:00Z"


def pid(at: str, dead: str, number: str = "123") -> str:
    """PID with fields 29 and 30."""
    return f"{PID.replace('123', number)}{'|' * 21}{at}|{dead}"


@pytest.mark.parametrize(("at", "dead", "begins"), [
    ("20260301080000+0100", "Y", "2026-03-01T08:00:00+01:00"), ("20260301", "", "2026-03-01"), ("", "Y", ""),
    ("", " y ", ""), ("202603", "Y", ""), ("never", "Y", ""),
])  # fmt: skip
def test_a_death_is_said(at: str, dead: str, begins: str) -> None:
    death, report = read(message(pid(at, dead), OBR, CALCIUM), AT).events
    assert isinstance(report, LabReport)
    assert isinstance(death, ContextChange)
    assert (report.patient.id, death.patient.id, death.source.sender) == ("HOSP|123", "HOSP|123", report.source.sender)
    assert [(entry.kind, entry.from_, entry.value) for entry in death.entries] == [("deceased", begins, "")]


@pytest.mark.parametrize(("at", "dead"), [("", ""), ("", "N"), ("20260301", "N"), ("never", ""), ('""', '""')])
def test_nothing_is_said_of_a_death(at: str, dead: str) -> None:
    assert len(read(message(pid(at, dead), OBR, CALCIUM), AT).events) == 1


def test_the_same_death_again_is_the_same_event() -> None:
    one, two = (
        read(message(pid("20260301", "Y"), OBR, CALCIUM.replace("3.62", value)), at).events
        for value, at in (("3.62", AT), ("2.40", LATER))
    )
    assert one[0].event_id == two[0].event_id  # type: ignore[union-attr]
    assert one[1].event_id != two[1].event_id  # type: ignore[union-attr]


def test_of_several_patients_each_has_its_own() -> None:
    data = message(pid("", "N", "1"), OBR, CALCIUM, pid("20260301", "Y", "2"), OBR, CALCIUM)
    found = [(type(event).__name__, event.patient.id) for event in read(data, AT).events]  # type: ignore[union-attr]
    assert found == [("ContextChange", "HOSP|2"), ("LabReport", "HOSP|1"), ("LabReport", "HOSP|2")]


def test_nobody_cannot_have_died() -> None:
    data = message("PID|1||||A^B" + "|" * 24 + "20260301|Y", OBR, CALCIUM, pid("", ""), OBR, CALCIUM)
    assert [type(event).__name__ for event in read(data, AT).events] == ["LabReport", "LabReport"]
