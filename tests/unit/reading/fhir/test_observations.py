"""What an Observation says, digit by digit; what it does not say is nowhere made up."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from schemas.patient_event import Absent, Coded, Quantity, ReportedResult, Text
from services.mapping.report import map_report
from services.mapping.site_file import read_site
from services.reading.fhir.taking_in import read
from tests.unit.reading.fhir.made_up import (
    MRN,
    NAMING,
    RECEIVED,
    Tree,
    bundle,
    observation,
    read_tree,
    reports,
    result,
    results,
    subject,
    without,
)

UCUM = "http://unitsofmeasure.org"


@pytest.mark.parametrize("digits", ["1.50", "1.0", "2", "0.00", "1E-22", "1.000000000000000000E-245", "-3.10", "10.00"])
def test_digits_stay_as_they_were_sent(digits: str) -> None:
    text = '{"resourceType":"Observation","subject":{"identifier":{"value":"1"}},"valueQuantity":{"value":NUMBER}}'.replace(
        "NUMBER", digits
    )
    (report,) = reports(read(text.encode(), RECEIVED, naming=NAMING))
    assert report.results[0].value == Quantity(number=digits)


@pytest.mark.parametrize(
    ("value", "expected", "unit"),
    [
        ({"valueQuantity": {"value": 2.5, "unit": "mmol/l", "system": UCUM, "code": "mmol/L"}}, Quantity(number="2.5"), "mmol/L"),
        ({"valueQuantity": {"value": 2.5, "unit": "mg/dL"}}, Quantity(number="2.5"), "mg/dL"),
        ({"valueQuantity": {"value": 2.5, "unit": "cL/s", "system": "urn:iso:x", "code": "265201"}}, Quantity(number="2.5"), "cL/s"),
        ({"valueQuantity": {"value": 2.5, "code": "g/L"}}, Quantity(number="2.5"), "g/L"),
        ({"valueQuantity": {"value": 5, "comparator": "<", "unit": "g/L"}}, Quantity(number="5", comparator="<"), "g/L"),
        ({"valueQuantity": {"unit": "g/L"}}, Absent(), "g/L"),
        ({"valueInteger": 7}, Quantity(number="7"), ""),
        ({"valueString": "negativno"}, Text(text="negativno"), ""),
        ({"valueBoolean": True}, Text(text="true"), ""),
        ({"valueRange": {"low": {"value": 1, "unit": "g/L"}, "high": {"value": 2}}}, Text(text="1 - 2"), "g/L"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, Text(text="1:128"), ""),
        ({"valueCodeableConcept": {"text": "positive"}}, Text(text="positive"), ""),
        ({"valueDateTime": "2026-03-01"}, Text(text="2026-03-01"), ""),
        ({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}, Absent(reason="not-performed"), ""),
        ({}, Absent(), ""),
    ],
)  # fmt: skip
def test_values(value: Tree, expected: object, unit: str) -> None:
    read_ = result({**without(observation(), "valueQuantity"), **value})
    assert (read_.value, read_.unit) == (expected, unit)


def test_a_coded_value_keeps_every_coding() -> None:
    codings = [{"system": "http://snomed.info/sct", "code": "10828004", "display": "Positive"}, {"code": "POS"}]
    read_ = result({**without(observation(), "valueQuantity"), "valueCodeableConcept": {"coding": codings}})
    assert isinstance(read_.value, Coded)
    assert [coding.code for coding in read_.value.codings] == ["10828004", "POS"]


def test_two_units_that_contradict_are_nobodys_guess() -> None:
    tree = observation("17861-6")
    tree["valueQuantity"] = {"value": 13.9, "unit": "mg/dL", "system": UCUM, "code": "mmol/L"}
    (report,) = reports(read_tree(tree))
    assert report.results[0].unit == "mmol/L (mg/dL)"
    (held,) = map_report(report).quarantined
    assert (held.reason, held.would_be) == ("unit_not_allowed", "CRITICAL")


@pytest.mark.parametrize(
    ("code", "unit"), [("umol/L", "µmol/L"), ("10*9/L", "10^9/L"), ("g/L", "g/l"), ("mmol/L", "anything")]
)
def test_two_spellings_of_one_unit_are_one(code: str, unit: str) -> None:
    tree = observation()
    tree["valueQuantity"] = {"value": 1, "unit": unit, "system": UCUM, "code": code}
    assert result(tree).unit == code


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"valueString": "2"}, [("structure", "Observation.value")]),
        ({"dataAbsentReason": {"text": "error"}}, [("invariant", "Observation.value")]),
        ({"code": "2160-0"}, [("structure", "Observation.code")]),
        ({"component": [{"valueInteger": 1, "valueString": "1"}]}, [("structure", "Observation.component[0].value")]),
        ({"subject": None}, [("structure", "Observation.subject.identifier")]),
        ({"contained": [7]}, [("structure", "Observation.contained")]),
        ({"contained": {"a": 1}}, [("structure", "Observation.contained")]),
        ({"contained": True}, [("structure", "Observation.contained")]),
    ],
)
def test_contradictions_are_refused_with_their_place(more: Tree, expected: list[tuple[str, str]]) -> None:
    if "subject" in more:
        more = {"subject": {"identifier": 7}}
    reading = read_tree({**observation(), **more})
    assert [(fault.code, fault.expression) for fault in reading.all_faults] == expected
    assert reading.refused
    assert [type(event).__name__ for event in reading.events] == ["Refused"]


@pytest.mark.parametrize(
    ("status", "letter"),
    [
        ("final", "F"), ("preliminary", "P"), ("amended", "A"), ("corrected", "C"), ("cancelled", "D"),
        ("entered-in-error", "W"), ("registered", "I"),
    ],
)  # fmt: skip
def test_statuses(status: str, letter: str) -> None:
    (report,) = reports(read_tree(observation(status=status)))
    (mapped,) = map_report(report).results
    assert mapped.status == letter
    assert (mapped.value is not None) == (letter in "FPAC")
    assert ("entered_in_error" in mapped.flags) == (letter == "W")


@pytest.mark.parametrize("tree", [observation(status="unknown"), without(observation(), "status")])
def test_a_status_that_says_nothing_is_held(tree: Tree) -> None:
    (report,) = reports(read_tree(tree))
    assert [item.reason for item in map_report(report).quarantined] == ["unknown_status"]


@pytest.mark.parametrize(
    ("times", "at", "name"),
    [
        ({"effectiveDateTime": "2026-03-01T07:15:00+01:00"}, "2026-03-01T07:15:00+01:00", "effectiveDateTime"),
        ({"effectiveInstant": "2026-03-01T07:15:00.123456789Z"}, "2026-03-01T07:15:00.123456Z", "effectiveInstant"),
        ({"effectivePeriod": {"start": "2026-03-01", "end": "2026-03-02"}}, "2026-03-01", "effectivePeriod"),
        ({"effectivePeriod": {"end": "2026-03-02T06:00:00Z"}}, "2026-03-02T06:00:00Z", "effectivePeriod"),
        ({"effectiveTiming": {"event": ["2026-03-01"]}}, "2026-03-01", "effectiveTiming"),
        ({"effectiveTiming": {"event": ["2026-03-01", "2026-03-02"]}}, "", ""),
        ({"effectiveDateTime": "yesterday"}, "", "effectiveDateTime"),
        ({"effectiveDateTime": "2026-02-30"}, "", "effectiveDateTime"),
        ({"effectiveDateTime": "2026-03"}, "2026-03", "effectiveDateTime"),
        ({}, "", ""),
    ],
)
def test_the_time_of_collection(times: Tree, at: str, name: str) -> None:
    read_ = result({**without(observation(), "effectiveDateTime"), **times})
    assert (read_.collected_at, read_.collected_from) == (at, name)


def test_the_specimen_knows_best_when_it_was_taken() -> None:
    specimen = {
        "resourceType": "Specimen", "id": "s", "identifier": [{"value": "S77"}], "accessionIdentifier": {"value": "A1"},
        "collection": {"collectedDateTime": "2026-03-01T06:50:00+01:00"}, "condition": [{"coding": [{"code": "HEM"}]}],
        "note": [{"text": "drawn from the line"}],
    }  # fmt: skip
    read_ = result(observation(contained=[specimen], specimen={"reference": "#s"}))
    assert (read_.specimen, read_.accession, read_.specimen_conditions) == ("S77", "A1", ("HEM",))
    assert (read_.collected_at, read_.collected_from) == ("2026-03-01T06:50:00+01:00", "Specimen.collection")
    assert read_.collection_times == {
        "Specimen.collection": "2026-03-01T06:50:00+01:00", "Observation.effective": "2026-03-01T07:15:00+01:00",
    }  # fmt: skip
    assert read_.comments == ("drawn from the line",)
    site = read_site('[[laboratory]]\ncollected = ["Observation.effective"]\n')
    assert site.as_collected(read_).collected_at == "2026-03-01T07:15:00+01:00"


def test_everything_else_a_result_says() -> None:
    low, high = ({"value": value, "unit": "umol/L"} for value in ("45", "84"))
    read_ = result(
        observation(
            id="o1", meta={"versionId": "3", "lastUpdated": "2026-03-01T09:00:00Z"},
            referenceRange=[{"low": low, "high": high}], interpretation=[{"coding": [{"code": "H"}]}, {"text": "high"}],
            note=[{"text": "repeated"}], method={"text": "enzymatic"},
        )
    )  # fmt: skip
    assert (read_.reference_range, read_.flags, read_.comments) == ("45-84", ("H", "high"), ("repeated",))
    assert (read_.method, read_.version_id, read_.updated_at) == ("enzymatic", "3", "2026-03-01T09:00:00Z")
    assert (read_.reported_at, read_.value_type) == ("2026-03-01T08:30:00+01:00", "quantity")


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([{"high": {"value": 84}}], "<=84"), ([{"low": {"value": 45}}], ">=45"), ([{"text": "45 - 84"}], "45 - 84"),
        ([{"low": {"value": 1}, "high": {"value": 2, "unit": "mg/dL"}}], "1-2 mg/dL"),
        ([{"high": {"value": 84}, "appliesTo": [{"text": "women"}]}, {"high": {"value": 104}}], ""),
        ([{"high": {"value": 84}, "type": {"coding": [{"code": "normal"}]}}, {"high": {"value": 9}, "type": {"coding": [{"code": "therapeutic"}]}}], "<=84"),
    ],
)  # fmt: skip
def test_reference_ranges(ranges: list[Tree], expected: str) -> None:
    assert result(observation(referenceRange=ranges)).reference_range == expected


def test_components_are_results_of_their_own() -> None:
    parts = [
        {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": {"value": value, "unit": "mg/L"}}
        for code, value in (("36916-5", 12), ("33944-0", 5), ("36916-5", 13))
    ]  # fmt: skip
    tree = without(observation(component=parts), "valueQuantity")
    read_ = results(tree)
    assert [(one.code[0].code, one.sub_id) for one in read_] == [
        ("36916-5", "component/1"), ("33944-0", ""), ("36916-5", "component/3"),
    ]  # fmt: skip
    (report,) = reports(read_tree(bundle(observation(subject=subject("2")), tree)))[1:]
    pieces = [report.raw[one.where.offset : one.where.offset + one.where.length] for one in report.results]
    assert [json.loads(piece) for piece in pieces] == parts
    both = results(observation(component=parts[1:2]))
    assert [one.code[0].code for one in both] == ["2160-0", "33944-0"]


def _panel(**more: Any) -> Tree:
    head = without(observation(code="24321-2", **more), "valueQuantity")
    return {**head, "hasMember": [{"reference": "#m1"}, {"reference": "#m2"}]}


def test_a_panels_members_inherit_what_they_do_not_say() -> None:
    members = [without(observation(value=value), "subject", "effectiveDateTime", "issued") for value in (180, 181)]
    contained = [{**one, "id": f"m{number}"} for number, one in enumerate(members, 1)]
    read_ = results(_panel(id="p", contained=contained, basedOn=[{"identifier": {"value": "F9"}}]))
    assert [one.value for one in read_] == [Quantity(number="180"), Quantity(number="181")]
    (report,) = reports(read_tree(_panel(id="p", contained=contained)))
    pieces = [report.raw[one.where.offset : one.where.offset + one.where.length] for one in report.results]
    assert [json.loads(piece)["id"] for piece in pieces] == ["m1", "m2"]
    assert {(one.collected_at, one.reported_at, one.filler_order) for one in read_} == {
        ("2026-03-01T07:15:00+01:00", "2026-03-01T08:30:00+01:00", "F9")
    }


def test_a_panel_whose_members_come_apart_is_counted_as_such() -> None:
    (report,) = reports(read_tree({**_panel(), "hasMember": [{"reference": "Observation/elsewhere"}]}))
    mapped = map_report(report)
    assert [item.reason for item in mapped.ignored] == ["document"]
    assert not mapped.results
    assert not mapped.quarantined


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ({"coding": [{"system": "urn:lab", "code": "KREA"}, {"system": "http://loinc.org", "code": "2160-0"}]}, ["KREA", "2160-0"]),
        ({"coding": [{"display": "no code"}], "text": "Kreatinin"}, ["Kreatinin"]), ({}, []),
    ],
)  # fmt: skip
def test_codes(code: Tree, expected: list[str]) -> None:
    assert [coding.code for coding in result(observation() | {"code": code}).code] == expected


def test_a_local_code_beside_loinc_is_understood_and_alone_is_held() -> None:
    local = {"system": "urn:lab", "code": "KREA"}
    (known,) = reports(
        read_tree(observation() | {"code": {"coding": [local, {"system": "http://loinc.org", "code": "2160-0"}]}})
    )
    assert map_report(known).results[0].value == Decimal(182)
    (alone,) = reports(read_tree(observation() | {"code": {"coding": [local]}}))
    assert [item.reason for item in map_report(alone).quarantined] == ["local_code_needed"]


def test_the_version_time_is_issued_else_the_resources_last_change_else_the_bundles() -> None:
    meta = {"lastUpdated": "2026-03-01T09:00:00Z"}
    trees = [
        observation(meta=meta), without(observation(meta=meta), "issued"), without(observation(), "issued"),
    ]  # fmt: skip
    found = []
    for tree in trees:
        (report,) = reports(read_tree(bundle(tree, timestamp="2026-03-01T10:00:00Z")))
        (mapped,) = map_report(report).results
        found.append((f"{mapped.version_time:%H:%M}", mapped.version_time_from))
    assert found == [("07:30", "OBR-22"), ("09:00", "MSH-7"), ("10:00", "MSH-7")]


def test_a_specimen_of_one_patient_stays_out_of_anothers_bytes() -> None:
    def specimen(patient: str) -> Tree:
        return {"resourceType": "Specimen", "id": f"s{patient}", "subject": subject(patient), "status": "available"}

    trees = [observation(subject=subject(one), specimen={"reference": f"Specimen/s{one}"}) for one in "12"]
    one, two = reports(read_tree(bundle(*trees, specimen("1"), specimen("2"))))
    assert (b'"s1"' in one.raw, b'"s2"' in one.raw, b'"s1"' in two.raw, b'"s2"' in two.raw) == (
        True,
        False,
        False,
        True,
    )
    for report in (one, two):
        assert report.source.raw_sha256 != report.source.sha256
        for item in report.results:
            piece = report.raw[item.where.offset : item.where.offset + item.where.length]
            assert piece.startswith(b"{")
            assert piece.endswith(b"}")
            assert isinstance(item, ReportedResult)
            assert reports(read(piece, RECEIVED, naming=NAMING))[0].patient.id == report.patient.id
    assert one.patient.id == "HOSP|1"
    assert MRN not in one.patient.id
