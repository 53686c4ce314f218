"""A value that the laboratory corrects or withdraws: whoever was told is told again, on the same channel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.cli.inbox import Inbox
from services.shared.mllp_client import MllpClient, acknowledgements
from tests.real.fhir import SECRET, give_token
from tests.real.paged import paged_system
from tests.real.system import System

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[System, Inbox]]:
    with paged_system() as found:
        yield found


def _send(system: System, patient: str, status: str, value: str, minute: int) -> None:
    """One adjusted calcium of a made-up patient, reported at a minute of its own."""
    message = (
        f"MSH|^~\\&|LIS|MADEUP|HALO|HOSP|202611201{minute:02d}00+0100||ORU^R01|{patient}{minute}|P|2.5.1\r"
        f"PID|1||{patient}^^^MADEUP^MR||Izmišljena^Maja\r"
        f"OBR|1||{patient}|CA|||20261120090000+0100{'|' * 15}202611201{minute:02d}00+0100|||{status}\r"
        f"OBX|1|NM|29265-6^Calcium adjusted^LN||{value}|mmol/L|||||{status}\r"
    )
    with MllpClient(port=int(system.addresses["mllp"].rpartition(":")[2])) as client:
        (answer,) = acknowledgements(client.deliver(message.encode()))
    assert answer.accepted, answer


def _told(system: System, box: Inbox, count: int) -> list[dict[str, Any]]:
    system.wait_for(lambda: len(box.received()) >= count, f"{count} messages in the inbox", 20)
    assert len(box.received()) == count
    return [json.loads(item.raw)["data"] for item in box.received()]


def test_a_correction_retracts_and_is_told_with_both_values(running: tuple[System, Inbox]) -> None:
    """3.62 pages; corrected to 2.36 it is withdrawn, and the message says what was said before and what holds now."""
    system, box = running
    before = len(box.received())
    _send(system, "CO1", "F", "3.62", 10)
    first = _told(system, box, before + 1)[-1]
    assert (first["change"], first["severity"]) == ("opened", "CRITICAL")
    _send(system, "CO1", "C", "2.36", 20)
    notice = _told(system, box, before + 2)[-1]
    assert (notice["change"], notice["condition"], notice["alert_id"]) == ("retracted", "retracted", first["alert_id"])
    assert "3.62" in notice["summary"]["en"]
    assert "2.36" in notice["summary"]["en"]
    assert "2,36" in notice["summary"]["sl"]


def test_a_withdrawal_as_another_patients_hides_the_value(running: tuple[System, Inbox]) -> None:
    """W: retracted as the wrong patient; the value is not repeated."""
    system, box = running
    before = len(box.received())
    _send(system, "CO2", "F", "3.71", 10)
    _told(system, box, before + 1)
    _send(system, "CO2", "W", "", 20)
    notice = _told(system, box, before + 2)[-1]
    assert notice["condition"] == "retracted"
    assert "3.71" not in json.dumps(notice)


def test_a_correction_upwards_pages_again(running: tuple[System, Inbox]) -> None:
    """2.80 is HIGH; corrected to 3.45 it is CRITICAL and told as worse; corrected back to 2.80 that is told too."""
    system, box = running
    before = len(box.received())
    for number, (status, value) in enumerate([("F", "2.80"), ("C", "3.45"), ("C", "2.80")], start=1):
        _send(system, "CO3", status, value, 10 * number)
        told = _told(system, box, before + number)[before:]
    assert [(one["severity"], one["change"]) for one in told] == [
        ("HIGH", "opened"), ("CRITICAL", "regraded"), ("HIGH", "regraded"),
    ]  # fmt: skip
    assert "3.45" in told[-1]["before"]["summary"]["en"]


def _put(system: System, patient: str, status: str, value: float | None, minute: int) -> None:
    """The same by FHIR: a rest-hook that puts each version of one Observation to its address."""
    give_token(system.addresses["database"], once=True)
    quantity = {"valueQuantity": {"value": value, "unit": "mmol/L"}} if value is not None else {}
    observation = {
        "resourceType": "Observation", "id": f"ca-{patient}", "status": status,
        "meta": {"versionId": str(minute), "lastUpdated": f"2026-11-20T10:{minute:02d}:00+01:00"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "29265-6"}]},
        "subject": {"identifier": {"system": "MADEUP", "value": patient}},
        "effectiveDateTime": "2026-11-20T09:00:00+01:00", **quantity,
    }  # fmt: skip
    answer = httpx.put(
        f"{system.addresses['fhir']}/Observation/ca-{patient}", json=observation,
        headers={"Authorization": f"Bearer {SECRET}", "Content-Type": "application/fhir+json"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def test_fhir_corrected_amended_and_entered_in_error(running: tuple[System, Inbox]) -> None:
    """Corrected downwards it is retracted with both values; amended it is re-graded; in error it is withdrawn."""
    system, box = running
    before = len(box.received())
    _put(system, "FH1", "final", 3.62, 10)
    first = _told(system, box, before + 1)[-1]
    assert (first["change"], first["severity"]) == ("opened", "CRITICAL")
    _put(system, "FH1", "amended", 2.80, 20)
    graded = _told(system, box, before + 2)[-1]
    assert (graded["change"], graded["severity"], graded["alert_id"]) == ("regraded", "HIGH", first["alert_id"])
    _put(system, "FH1", "corrected", 2.36, 30)
    notice = _told(system, box, before + 3)[-1]
    assert (notice["change"], notice["alert_id"]) == ("retracted", first["alert_id"])
    assert "2.36" in notice["summary"]["en"]
    _put(system, "FH2", "final", 3.71, 10)
    _told(system, box, before + 4)
    _put(system, "FH2", "entered-in-error", None, 20)
    gone = _told(system, box, before + 5)[-1]
    assert gone["condition"] == "retracted"
    assert "3.71" not in json.dumps(gone)
    assert "Withdrawn by the laboratory" in gone["summary"]["en"]
