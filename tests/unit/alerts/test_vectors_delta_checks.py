"""Every delta check vector, as two messages of a laboratory through `evaluate`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.identity import event_id
from schemas.patient_event import (
    Coding,
    ContextChange,
    ContextEntry,
    LabReport,
    Patient,
    Quantity,
    ReportedResult,
    Source,
    Text,
    Where,
)
from services.ledger.memory import Memory
from services.mapping.site import DEFAULT_SITE
from tests.unit.alerts.made import ids, rows

FIRST = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
CODES = {
    "hb_g_l": ("718-7", "g/L"), "creatinine_umol_l": ("14682-9", "umol/L"), "albumin_g_l": ("1751-7", "g/L"),
    "potassium_mmol_l": ("2823-3", "mmol/L"), "mcv_fl": ("787-2", "fL"), "m_isotype": ("25700-6", ""),
}  # fmt: skip
WHO = Patient(id="HOSP|7", family="Made-up", given="Person", sex="F", birth_date="1950-01-01")


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _source(words: str, at: datetime) -> Source:
    stamp = _text(at + timedelta(hours=1))
    return Source(format="hl7v2", sender="LIS|LAB1", received_at=stamp, sent_at=stamp, sha256=words)


def _result(name: str, value: str, at: datetime, number: int) -> ReportedResult:
    """One value in a tube of its own, as blood counts, chemistry and electrophoresis are."""
    code, unit = CODES[name]
    said = Quantity(number=value) if unit else Text(text=value.replace("_", "-"))
    return ReportedResult(
        code=(Coding(code=code, system="LN"),), status="F", value=said, unit=unit, laboratory="LAB1",
        where=Where(segment=4 + number, offset=100 * number, length=90), filler_order=f"{name}{_text(at)}",
        collected_at=_text(at), reported_at=_text(at), specimen=f"{name}{_text(at)}", value_type="NM" if unit else "ST",
    )  # fmt: skip


def _report(row: dict[str, str], which: str, at: datetime) -> LabReport:
    given = [(name, row[f"{name}_{which}"]) for name in CODES if row[f"{name}_{which}"]]
    source = _source(f"{row['id']}{which}", at)
    return LabReport(
        event_id=event_id(source.sender, source.sha256, WHO.id), patient=WHO, source=source, raw=b"made up",
        results=tuple(_result(name, value, at, i) for i, (name, value) in enumerate(given)),
    )  # fmt: skip


def _dialysis(at: datetime) -> ContextChange:
    source = _source("dialysis", at)
    entry = ContextEntry(kind="dialysis", from_=_text(at), to=_text(at + timedelta(hours=4)))
    identity = event_id(source.sender, source.sha256, WHO.id)
    return ContextChange(event_id=identity, patient=WHO, source=source, entries=(entry,))


def told(row: dict[str, str], *, backwards: bool = False) -> dict[str, Any]:
    second = FIRST + timedelta(hours=int(row["hours_between"]))
    events = [_report(row, "previous", FIRST), _report(row, "current", second)]
    events += [_dialysis(FIRST + timedelta(hours=5))] if row["dialysis_between"] == "yes" else []  # type: ignore[list-item]
    memory = Memory(DEFAULT_SITE)
    for event in reversed(events) if backwards else events:
        assert memory.take(event) == ""
    (line,) = memory.lines()
    found: dict[str, Any] = json.loads(line)
    assert found["quarantined"] == []
    assert "failed" not in found
    return found


@pytest.mark.parametrize("row", rows("delta_checks.csv"), ids=ids)
def test_vector(row: dict[str, str]) -> None:
    found = told(row)
    checks = [d for d in found["derived"] if d["name"] == "delta_checks"]
    assert [d["value"] for d in checks] == ([] if row["expected_action"] == "NONE" else [row["expected_action"]])
    assert " ".join(d["flag"] for d in checks) == row["expected_failed_checks"]
    mismatches = [a for a in found["alerts"] if a["rule"] == "SPECIMEN_MISMATCH"]
    assert len(mismatches) == (row["expected_action"] == "HOLD_NON_CRITICAL")
    assert all((a["family"], a["condition"]) == ("specimen_mismatch", "active") for a in mismatches)
    flag = {"ANNOTATE": "delta_check", "HOLD_NON_CRITICAL": "specimen_mismatch_suspected"}.get(row["expected_action"])
    others = [a for a in found["alerts"] if a not in mismatches and a["regraded_at"] != _text(FIRST)]
    assert all((flag in a["flags"]) == (flag is not None) for a in others)


@pytest.mark.parametrize("row", rows("delta_checks.csv"), ids=ids)
def test_vector_whichever_comes_first(row: dict[str, str]) -> None:
    assert told(row, backwards=True) == told(row)
