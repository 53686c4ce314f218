"""Results and patients come out of the fields that the integrator's table names."""

from __future__ import annotations

from hashlib import sha256

import pytest

from schemas.identity import event_id
from schemas.patient_event import (
    Absent,
    Coded,
    Coding,
    Identifier,
    LabReport,
    Quantity,
    Refused,
    ReportedResult,
    Text,
    Value,
)
from services.reading.hl7v2 import read
from tests.unit.reading.samples import CALCIUM, MSH, OBR, ORC, PID, PV1, message, report

AT = "2026-03-01T09:06:00Z"


def only(data: bytes) -> LabReport:
    (event,) = read(data, AT).events
    assert isinstance(event, LabReport)
    return event


def result(*segments: str) -> ReportedResult:
    (found,) = only(message(PID, *segments)).results
    return found


def value(kind: str, sent: str) -> Value:
    return result(OBR, f"OBX|1|{kind}|1^x^L||{sent}||||||F").value


def test_a_whole_report() -> None:
    data = report("NTE|1||haemolysed~slightly")
    event = only(data)
    assert event.event_id == event_id("LIS|LAB", sha256(data).hexdigest(), "HOSP|123")
    assert (event.raw, event.source.sha256, event.source.raw_sha256) == (
        data,
        sha256(data).hexdigest(),
        sha256(data).hexdigest(),
    )
    assert (event.source.message_id, event.source.message_type, event.source.environment) == ("C1", "ORU^R01", "P")
    assert (event.source.sent_at, event.source.received_at) == ("2026-03-01T10:05:00+01:00", AT)
    patient = event.patient
    assert (patient.id, patient.family, patient.given) == ("HOSP|123", "Izmišljena", "Oseba")
    assert (patient.birth_date, patient.sex, patient.ward, patient.bed, patient.facility) == (
        "1950-01-02",
        "F",
        "H2",
        "B",
        "UKC",
    )
    (calcium,) = event.results
    assert calcium.code == (
        Coding(code="17861-6", system="LN", display="Calcium"),
        Coding(code="CA", system="L", display="Kalcij"),
    )
    assert calcium.value == Quantity(number="3.62")
    assert (calcium.unit, calcium.reference_range, calcium.flags, calcium.status) == (
        "mmol/L",
        "2.10-2.60",
        ("HH", "A"),
        "F",
    )
    assert (calcium.filler_order, calcium.placer_order, calcium.laboratory) == ("F8", "P8", "LAB")
    assert (calcium.collected_at, calcium.collected_from) == ("2026-03-01T09:30:00+01:00", "OBR-7")
    assert calcium.reported_at == "2026-03-01T10:00:00+01:00"
    assert calcium.comments == ("haemolysed\nslightly",)
    where = calcium.where
    assert where.segment == 6
    assert data[where.offset : where.offset + where.length] == CALCIUM.encode()


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("NM", "12", Quantity(number="12")),
        ("NM", "12,30", Quantity(number="12,30")),
        ("NM", " 0.50 ", Quantity(number="0.50")),
        ("NM", "-1", Quantity(number="-1")),
        ("NM", "<12", Quantity(number="12", comparator="<")),
        ("NM", ">= 5000", Quantity(number="5000", comparator=">=")),
        ("NM", "1,234.5", Text(text="1,234.5")),
        ("NM", "1e5", Text(text="1e5")),
        ("NM", "12 (repeat)", Text(text="12 (repeat)")),
        ("NM", "1~2", Text(text="1~2")),
        ("NM", "", Absent()),
        ("NM", '""', Absent(reason='""')),
        ("SN", "^182", Quantity(number="182")),
        ("SN", "<^15", Quantity(number="15", comparator="<")),
        ("SN", ">=^15,5", Quantity(number="15,5", comparator=">=")),
        ("SN", "=^15", Quantity(number="15")),
        ("SN", "^1^:^128", Text(text="1:128")),
        ("SN", "^2^-^4", Text(text="2-4")),
        ("SN", "^3^+", Text(text="3+")),
        ("SN", "<>^3", Text(text="<>3")),
        ("SN", "^~^", Text(text="^\n^")),
        ("ST", "negativno", Text(text="negativno")),
        ("FT", r"a\.br\b", Text(text="a\nb")),
        ("TX", "line 1~line 2", Text(text="line 1\nline 2")),
        ("", "12", Text(text="12")),
        ("CE", "POS^positive^L", Coded(codings=(Coding(code="POS", display="positive", system="L"),))),
        ("CWE", "^only words", Text(text="only words")),
        ("CWE", "^^^^^^^^original words", Text(text="original words")),
        (
            "CWE",
            "A^a^L~B^b^L",
            Coded(codings=(Coding(code="A", display="a", system="L"), Coding(code="B", display="b", system="L"))),
        ),
        ("ED", "^application^pdf^Base64^JVBERi0=", Absent(reason="document")),
        ("RP", "http://x", Absent(reason="document")),
    ],
)
def test_values_stay_as_sent(kind: str, sent: str, expected: Value) -> None:
    assert value(kind, sent) == expected


@pytest.mark.parametrize(
    ("sent", "unit"),
    [
        ("mg/dL", "mg/dL"),
        ("mg/dL^x^UCUM", "mg/dL"),
        ("^mg/dL", "mg/dL"),
        ("10^9/L", "10^9/L"),
        ("10*9/L^^UCUM", "10*9/L"),
        (r"g\T\L", "g&L"),
        ("", ""),
        ('""', ""),
    ],
)
def test_units_stay_as_sent(sent: str, unit: str) -> None:
    assert result(OBR, f"OBX|1|NM|1^x^L||1|{sent}|||||F").unit == unit


def test_an_impression_suffix_is_part_of_the_code() -> None:
    assert result(OBR, "OBX|1|NM|17861-6&IMP^x^LN||1||||||F").code[0].code == "17861-6&IMP"


def test_a_result_without_status_or_code_says_nothing_in_its_place() -> None:
    found = result(OBR, "OBX|1|NM|||1")
    assert (found.status, found.code) == ("", ())


SPM = "SPM|1|PL&EHR^SP9&LAB||119364003^Serum^SCT|||||||||||||{time}|||||||HEM^x~CLOT"


def test_the_specimen_is_that_of_the_order() -> None:
    found = result(OBR, "OBX|1|NM|1^x^L||1||||||F", SPM.format(time="202603010915^202603010920"))
    assert (found.specimen, found.specimen_conditions) == ("SP9", ("HEM", "CLOT"))
    assert (found.collected_at, found.collected_from) == ("2026-03-01T09:15", "SPM-17")


def test_a_specimen_does_not_reach_the_next_order() -> None:
    event = only(
        message(PID, OBR, "OBX|1|NM|1^x^L||1||||||F", SPM.format(time="20260301"), OBR, "OBX|1|NM|2^x^L||1||||||F")
    )
    assert [found.specimen for found in event.results] == ["SP9", ""]


def test_an_observation_behind_a_specimen_is_of_that_one() -> None:
    event = only(message(PID, OBR, "SPM|1|^A", "OBX|1|NM|1^x^L||1||||||F", "SPM|2|^B", "OBX|1|NM|1^x^L||1||||||F"))
    assert [found.specimen for found in event.results] == ["A", "B"]


def test_two_specimens_that_differ_are_nobodys_but_their_conditions_count() -> None:
    first, second = SPM.format(time="20260301"), SPM.format(time="20260302").replace("SP9", "SP8")
    found = result(OBR, "OBX|1|NM|1^x^L||1||||||F", first, second)
    assert (found.specimen, found.collected_from, found.specimen_conditions) == ("", "OBR-7", ("HEM", "CLOT"))


def test_a_collection_time_that_is_no_time_is_not_replaced_by_another() -> None:
    found = result(OBR, "OBX|1|NM|1^x^L||1||||||F|||20260301", SPM.format(time="yesterday"))
    assert (found.collected_at, found.collected_from) == ("", "SPM-17")


def test_observation_time_is_the_last_choice() -> None:
    found = result("OBR|1||F", "OBX|1|NM|1^x^L||1||||||F|||20260301|LAB2|||BCG^x~2|20260302||||Central^L")
    assert (found.collected_at, found.collected_from, found.analysed_at) == ("2026-03-01", "OBX-14", "2026-03-02")
    assert (found.laboratory, found.method) == ("Central", "")


def test_method_and_producer() -> None:
    found = result("OBR|1||F", "OBX|1|NM|1^x^L||1||||||F||||LAB2||BCG^Bromocresol green")
    assert (found.laboratory, found.method) == ("LAB2", "BCG")


def test_the_order_number_of_orc_serves_its_own_order_only() -> None:
    event = only(message(PID, ORC, "OBR|1|||x", "OBX|1|NM|1^x^L||1||||||F", "OBR|2|||x", "OBX|1|NM|1^x^L||1||||||F"))
    assert [(found.filler_order, found.placer_order) for found in event.results] == [("F7", "P7"), ("", "")]


def test_notes_belong_to_what_they_follow() -> None:
    event = only(
        message(
            PID,
            "NTE|1||about the patient",
            OBR,
            "NTE|1||about the order",
            "OBX|1|NM|1^x^L||1||||||F",
            "NTE|1||about it",
            "OBX|2|NM|2^x^L||1||||||F",
        )
    )
    assert [found.comments for found in event.results] == [("about it", "about the order"), ("about the order",)]


def test_all_identifiers_are_kept_and_the_first_names_the_patient() -> None:
    event = only(message("PID|1||^^^EMPTY~7^^^&2.16.1&ISO^PI~8||X", OBR, CALCIUM))
    assert event.patient.id == "2.16.1|7"
    assert event.patient.identifiers == (
        Identifier(value="7", authority="2.16.1", type="PI"),
        Identifier(value="8", authority="LAB"),
    )


OTHER = "PID|2||456^^^HOSP||Druga"


def test_several_patients_get_their_own_bytes() -> None:
    data = message(PID, PV1, OBR, CALCIUM, OTHER, OBR, CALCIUM.replace("3.62", "2.20"))
    first, second = read(data, AT).events
    assert isinstance(first, LabReport)
    assert isinstance(second, LabReport)
    assert [first.patient.id, second.patient.id] == ["HOSP|123", "HOSP|456"]
    assert second.raw == message(OTHER, OBR, CALCIUM.replace("3.62", "2.20"))
    assert second.patient.ward == ""
    assert second.source.sha256 == sha256(data).hexdigest()
    assert second.source.raw_sha256 == sha256(second.raw).hexdigest()
    assert first.event_id != second.event_id
    for event in (first, second):
        where = event.results[0].where
        assert event.raw[where.offset : where.offset + where.length].startswith(b"OBX|1|NM")
        assert where.segment == event.raw[: where.offset].count(b"\r") + 1


def test_a_patient_named_twice_is_one_event() -> None:
    data = message(PID, OBR, CALCIUM, OTHER, OBR, CALCIUM, PID, OBR, CALCIUM)
    events = read(data, AT).events
    assert [(event.patient.id, len(event.results)) for event in events if isinstance(event, LabReport)] == [
        ("HOSP|123", 2),
        ("HOSP|456", 1),
    ]
    twice = only(message(PID, OBR, CALCIUM, PID, OBR, CALCIUM))
    assert (len(twice.results), twice.raw) == (2, message(PID, OBR, CALCIUM, PID, OBR, CALCIUM))


def test_a_group_without_id_beside_a_usable_one_goes_to_quarantine() -> None:
    outcome = read(message("PID|1||||Nobody", OBR, CALCIUM, PID, OBR, CALCIUM), AT)
    assert (outcome.refusal, outcome.without_patient) == (None, 1)
    assert [event.patient.id for event in outcome.events if isinstance(event, LabReport)] == ["", "HOSP|123"]


def test_results_before_the_first_pid_are_not_given_to_that_patient() -> None:
    outcome = read(message(OBR, CALCIUM, PID, OBR, CALCIUM), AT)
    assert [(event.patient.id, len(event.results)) for event in outcome.events if isinstance(event, LabReport)] == [
        ("", 1),
        ("HOSP|123", 1),
    ]


@pytest.mark.parametrize(
    ("data", "reason", "condition", "location"),
    [
        (b"hello", "not_hl7", "207", "MSH^1^1"),
        (b"", "not_hl7", "207", "MSH^1^1"),
        (message(OBR, CALCIUM), "no_patient_id", "101", "PID^1^3"),
        (message(), "no_patient_id", "100", "PID^1^3"),
        (message("PID|1||~^^^X||A", OBR, CALCIUM), "no_patient_id", "101", "PID^1^3"),
        (message(PID, msh=MSH.replace("ORU^R01^ORU_R01", "")), "no_message_type", "101", "MSH^1^9"),
        (report() + report(), "several_headers", "100", "MSH^2"),
    ],
)
def test_what_can_never_be_taken_is_refused_with_its_place(
    data: bytes, reason: str, condition: str, location: str
) -> None:
    outcome = read(data, AT, peer="10.0.0.1")
    assert outcome.refusal is not None
    assert (outcome.refusal.reason, outcome.refusal.condition, outcome.refusal.location) == (
        reason,
        condition,
        location,
    )
    (event,) = outcome.events
    assert isinstance(event, Refused)
    assert (event.raw, event.field, event.source.peer) == (data, location, "10.0.0.1")
    assert event.reason.startswith(reason)


def test_a_refused_event_carries_at_most_64_kib() -> None:
    (event,) = read(b"x" * 70_000, AT).events
    assert isinstance(event, Refused)
    assert len(event.raw) == 65_536


@pytest.mark.parametrize("kind", ["ORM^O01", "ADT^A20", "ADT", "ORU^W01", "OUL^R29", "SIU^S12"])
def test_unused_types_are_named_not_dropped(kind: str) -> None:
    outcome = read(message(PID, msh=MSH.replace("ORU^R01^ORU_R01", kind)), AT)
    assert (outcome.ignored, outcome.events, outcome.refusal) == ("ignored_type", (), None)


@pytest.mark.parametrize(
    ("declared", "codec"),
    [("UNICODE UTF-8", "utf-8"), ("8859/2", "iso-8859-2"), ("WINDOWS-1250", "cp1250"), ("", "utf-8")],
)
def test_names_arrive_intact(declared: str, codec: str) -> None:
    event = only(report(codec=codec, msh=f"{MSH}||||||{declared}"))
    assert (event.patient.family, event.source.charset) == ("Izmišljena", codec)


def test_a_character_set_nobody_reads_is_quarantined_whole() -> None:
    event = only(report(msh=f"{MSH}||||||GB 18030-2000"))
    assert (event.patient.id, event.source.charset) == ("", "unsupported: GB 18030-2000")
    assert len(event.results) == 1
