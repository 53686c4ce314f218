"""Lab reports of made-up patients for the tests of mapping."""

from __future__ import annotations

from typing import Any

from schemas.patient_event import Coding, LabReport, Patient, Quantity, ReportedResult, Source, Text, Value, Where

COLLECTED = "2026-03-01T07:15:00+01:00"
RECEIVED = "2026-03-01T08:00:00Z"


def result(name: str, value: Value | str, unit: str = "", /, *, system: str = "LN", **fields: Any) -> ReportedResult:
    """A final LOINC-coded result of order O-1; a plain string is a number as sent."""
    given = {
        "code": (Coding(code=name, system=system),),
        "status": "F",
        "where": Where(segment=5, offset=100, length=40),
        "laboratory": "LAB1",
        "filler_order": "O-1",
        "collected_at": COLLECTED,
        **fields,
    }
    return ReportedResult(value=Quantity(number=value) if isinstance(value, str) else value, unit=unit, **given)


def text(name: str, words: str, unit: str = "", /, **fields: Any) -> ReportedResult:
    """The same with an ST value."""
    return result(name, Text(text=words), unit, **fields)


def report(*results: ReportedResult, received_at: str = RECEIVED, sent_at: str = "", **patient: Any) -> LabReport:
    """One message about patient MADEUP|1."""
    return LabReport(
        event_id="00000000-0000-5000-8000-000000000001",
        patient=Patient(**{"id": "MADEUP|1", **patient}),
        source=Source(format="hl7v2", sender="LIS|LAB1", received_at=received_at, sent_at=sent_at),
        raw=b"made up",
        results=results,
    )
