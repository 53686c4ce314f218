"""Hospital service (PV1-10) and diagnoses (DG1-3) are read where they are sent, and only there."""

from __future__ import annotations

import pytest

from schemas.patient_event import ContextChange, LabReport
from services.reading import hl7v2

REPORT = """MSH|^~\\&|LIS|LAB1|HALO|HALO|20260301100000||ORU^R01|M1|P|2.5.1
PID|1||4711^^^HOSP||Made-up^Person
PV1|1|I|H2^^3^HOSP|||||||HEM
{more}OBR|1||F1|KREA
OBX|1|NM|14682-9^^LN||80|umol/L|||||F|||20260301080000
"""
ADT = """MSH|^~\\&|BIS|HOSP|HALO|HALO|20260301100000||ADT^A01|M2|P|2.5.1
EVN|A01|20260301095500
PID|1||4711^^^HOSP||Made-up^Person
PV1|1|I|H2^^3^HOSP|||||||HEM
{more}"""
DIAGNOSES = "DG1|1||C90.0^Multiple myeloma^I10\nDG1|2||I10^Hypertension^I10\nDG1|3||C90.0^again^I10\n"


@pytest.mark.parametrize("text", [REPORT, ADT])
@pytest.mark.parametrize(("more", "codes"), [("", ()), (DIAGNOSES, ("C90.0", "I10"))])
def test_service_and_diagnoses(text: str, more: str, codes: tuple[str, ...]) -> None:
    message = text.format(more=more).replace("\n", "\r").encode()
    (event,) = hl7v2.read(message, "2026-03-01T10:00:00Z").events
    assert isinstance(event, LabReport | ContextChange)
    assert event.patient.service == "HEM"
    assert event.patient.diagnoses == codes
