"""A number among words is no value, and whoever must look is called all the same (behaviour 2)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alerts.wording.unverified import Held, page
from schemas.analytes import ANALYTES
from schemas.numbers import first_number
from schemas.patient_event import LabReport, Text
from services.mapping.among_words import critical
from services.mapping.report import map_report
from services.mapping.site import DEFAULT_SITE
from services.mapping.urgency import would_be
from services.mapping.withholding import withhold
from services.reading.hl7v2 import read
from tests.unit.reading.samples import OBR, PID, message


@pytest.mark.parametrize(("text", "number"), [
    ("3.95 H", "3.95"), ("2.9*", "2.9"), ("3,6 mmol/L", "3,6"), ("3.5~3.6", "3.5"), ("&gt;3.5", "3.5"), ("Ca=3.95H", "3.95"),
    ("3.95.", "3.95"), ("(7)", "7"), ("vzorec 12.3.2026", ""), ("glej H2", ""), ("", ""), ("ponoviti", ""), ("1,234.5", ""),
    ("ponovljeno: 3,95", "3,95"), ("9" * 40, ""), ("1.234.5 in 3.6", "3.6"),
])  # fmt: skip
def test_the_first_plain_number(text: str, number: str) -> None:
    assert first_number(text) == number


def sent(kind: str, value: str, unit: str = "mmol/L", code: str = "2000-8^Ca^LN") -> LabReport:
    (event,) = read(message(PID, OBR, f"OBX|1|{kind}|{code}||{value}|{unit}|||||F"), "2026-03-01T09:06:00Z").events
    assert isinstance(event, LabReport)
    return event


@pytest.mark.parametrize(("kind", "value", "unit", "looks"), [
    ("ST", "3.95 H", "mmol/L", ["mmol/L"]), ("ST", "3.6 mmol/L", "mmol/L", ["mmol/L"]), ("NM", "3.5~3.6", "mmol/L", ["mmol/L"]),
    ("NM", "&gt;3.5", "mmol/L", ["mmol/L"]), ("ST", "3,95 H", "mmol/L", ["mmol/L"]), ("ST", "13.9 H", "", ["mg/dL"]),
    ("ST", "2.4 H", "mmol/L", []), ("ST", "ponoviti 12345", "mmol/L", []), ("ST", "glej opombo", "mmol/L", []),
])  # fmt: skip
def test_what_looks_critical_among_words_and_is_used_for_nothing(
    kind: str, value: str, unit: str, looks: list[str]
) -> None:
    report = sent(kind, value, unit)
    (result,) = map_report(report).results
    assert (result.kind, result.reason, result.value) == ("NO_VALUE", "unparsed", None)
    found = critical(report, [result], DEFAULT_SITE)
    assert [name for item in found for name in item.looks_in] == looks
    assert [(item.value, item.result_id) for item in found] == ([(value, result.result_id)] if looks else [])


def test_a_plain_value_or_one_that_is_held_is_judged_elsewhere() -> None:
    report = sent("NM", "3.95")
    (result,) = map_report(report).results
    assert result.value == Decimal("3.95")
    assert critical(report, [result], DEFAULT_SITE) == []


def test_held_for_another_reason_words_look_critical_too() -> None:
    report = sent("ST", "3.95 H")
    (held,) = withhold(report, map_report(report), "identity_conflict", "somebody else's").quarantined
    assert held.would_be == "CRITICAL"
    assert would_be(ANALYTES["k"], Text(text="7.4 H"), "mmol/L") == "CRITICAL"
    assert would_be(ANALYTES["k"], Text(text="haemolysed"), "mmol/L") == ""


def test_the_call_says_the_text_as_it_was_sent() -> None:
    held = Held(
        analyte="ca", value="3.95 H", unit="mmol/L", units=("mmol/L",), laboratory="LAB1", reason="unparsed", words=True
    )
    assert page(held, "en").startswith(
        "UNVERIFIED: Calcium (total) '3.95 H' mmol/L, CRITICAL; call the laboratory LAB1"
    )
    assert " '3.95 H' mmol/L" in page(held, "sl")


@pytest.mark.parametrize("kind", ["oru^r01", "Oru^R01^oru_r01", "ORU^r01"])
def test_a_message_type_in_lower_case_is_read_like_upper_case(kind: str) -> None:
    msh = rf"MSH|^~\&|LIS|LAB|HALO|HOSP|20260301100500+0100||{kind}|C1|P|2.5.1"
    outcome = read(message(PID, OBR, "OBX|1|NM|2000-8^Ca^LN||3.95|mmol/L|||||F", msh=msh), "2026-03-01T09:06:00Z")
    assert outcome.ignored == ""
    (event,) = outcome.events
    assert isinstance(event, LabReport)
    assert event.source.message_type == "ORU^R01"
