"""Whose result it is, and which measurement: the same through its corrections, however it is sent."""

from __future__ import annotations

import pytest

from schemas.patient_event import Identifier
from services.mapping.report import map_report
from services.mapping.site_file import read_site
from services.reading.fhir.naming import Naming
from tests.unit.reading.fhir.made_up import (
    MRN,
    NAMING,
    Tree,
    bundle,
    observation,
    patient,
    read_tree,
    reports,
    result,
    results,
    subject,
    without,
)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"identifier": {"system": MRN, "value": " 7 "}}, "HOSP|7"),
        ({"identifier": {"system": "urn:oid:1.2.3", "value": "7"}}, "1.2.3|7"),
        ({"identifier": {"value": "7", "assigner": {"display": "ZZZS"}}}, "ZZZS|7"),
        ({"identifier": {"value": "7"}}, "fhir.lab1|7"),
        ({"identifier": {"system": "~test~a|b", "value": "7"}}, "%7Etest%7Ea%7Cb|7"),
        ({"reference": "Patient/123"}, "fhir.lab1|Patient/123"),
        ({"reference": "https://server.example/fhir/Patient/123/_history/4"}, "fhir.lab1|Patient/123"),
        ({"reference": f"Patient?identifier={MRN}|7"}, "HOSP|7"),
        ({"reference": "Patient/123", "identifier": {"system": MRN, "value": "7"}}, "HOSP|7"),
    ],
)
def test_who(who: Tree, expected: str) -> None:
    (report,) = reports(read_tree(observation(subject=who)))
    assert report.patient.id == expected


@pytest.mark.parametrize(
    "who", [None, {}, {"display": "somebody"}, {"reference": "Group/1"}, {"identifier": {"value": " "}}]
)
def test_nobody_is_refused(who: Tree | None) -> None:
    reading = read_tree(without(observation(), "subject") | ({"subject": who} if who is not None else {}))
    assert [fault.code for fault in reading.all_faults] == ["required"]
    assert reading.refused


def test_the_patient_that_came_with_it_says_more() -> None:
    one = patient(
        id="p", name=[{"use": "old", "family": "Prej"}, {"family": "Izmišljena", "given": ["Ana", "Marija"]}],
        birthDate="1957-04-03", gender="female",
    )  # fmt: skip
    (report,) = reports(read_tree(bundle(observation(subject={"reference": "Patient/p"}), one)))
    who = report.patient
    assert (who.id, who.family, who.given, who.birth_date, who.sex) == (
        "HOSP|1",
        "Izmišljena",
        "Ana Marija",
        "1957-04-03",
        "F",
    )
    assert who.identifiers == (
        Identifier(value="1", authority="HOSP"), Identifier(value="Patient/p", authority="fhir.lab1", type="FHIR"),
    )  # fmt: skip


def test_a_contained_patient_and_one_by_full_url() -> None:
    inside = observation(contained=[patient("8", id="x")], subject={"reference": "#x"})
    assert reports(read_tree(inside))[0].patient.id == "HOSP|8"
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    tree = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [{"fullUrl": urn, "resource": patient("9")}, {"resource": observation(subject={"reference": urn})}],
    }  # fmt: skip
    assert [report.patient.id for report in reports(read_tree(tree))] == ["HOSP|9"]


def test_the_site_prefers_an_identifier() -> None:
    site = read_site(
        '[identifier]\nauthorities = ["HOSP", "ZZZS"]\npreference = ["ZZZS"]\n'
        f'[identifier.systems]\n"{MRN}" = "HOSP"\n"urn:oid:1.2" = "ZZZS"\n'
    )
    naming = Naming(sender="s", systems=site.file.identifier.systems, choose=site.patient_id)
    who = patient("1", id="p")
    who["identifier"] += [{"system": "urn:oid:1.2", "value": "N5"}, {"use": "old", "system": MRN, "value": "0"}]
    (report,) = reports(read_tree(bundle(observation(subject={"reference": "Patient/p"}), who), naming=naming))
    assert report.patient.id == "ZZZS|N5"
    assert [one.value for one in report.patient.identifiers] == ["1", "N5", "0", "Patient/p"]


def test_an_address_names_a_patient_only_where_nothing_else_does() -> None:
    site = read_site(f'[identifier]\nauthorities = ["s", "HOSP"]\nsystems = {{ "{MRN}" = "HOSP" }}\n')
    naming = Naming(sender="s", systems=site.file.identifier.systems, choose=site.patient_id)
    for who, expected in (({"reference": "Patient/p"}, "s|Patient/p"), (subject(reference="Patient/p"), "HOSP|1")):
        assert reports(read_tree(observation(subject=who), naming=naming))[0].patient.id == expected


def test_a_report_and_its_result_about_two_people_is_refused() -> None:
    head = {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "subject": subject("2"),
        "result": [{"reference": "Observation/o"}],
    }  # fmt: skip
    reading = read_tree(bundle(head, observation(id="o")))
    assert [fault.code for fault in reading.all_faults] == ["conflict"]
    assert [type(event).__name__ for event in reading.events] == ["Refused"]
    assert reading.refused


# --------------------------------------------------------------------------------------------- which measurement


@pytest.mark.parametrize(
    ("more", "filler", "placer"),
    [
        ({"basedOn": [{"identifier": {"value": "F1"}}], "identifier": [{"value": "I1"}], "id": "o"}, "F1", ""),
        ({"basedOn": [{"identifier": {"value": "P1", "type": {"coding": [{"code": "PLAC"}]}}}], "id": "o"}, "Observation/o", "P1"),
        ({"basedOn": [{"reference": "ServiceRequest/7"}], "id": "o"}, "ServiceRequest/7", ""),
        ({"identifier": [{"use": "old", "value": "I0"}, {"value": "I1"}], "id": "o"}, "I1", ""),
        ({"identifier": [{"value": "I1"}, {"value": "I2", "type": {"coding": [{"code": "FILL"}]}}]}, "I2", ""),
        ({"id": "o"}, "Observation/o", ""),
        ({}, "", ""),
    ],
)  # fmt: skip
def test_order_numbers(more: Tree, filler: str, placer: str) -> None:
    read_ = result(observation(**more))
    assert (read_.filler_order, read_.placer_order) == (filler, placer)


def test_an_accession_counts_more_than_the_address() -> None:
    specimen = {"resourceType": "Specimen", "id": "s", "accessionIdentifier": {"value": "A1"}}
    read_ = result(observation(id="o", contained=[specimen], specimen={"reference": "#s"}))
    assert (read_.filler_order, read_.accession) == ("", "A1")


def test_an_id_of_this_message_only_is_no_address() -> None:
    tree = bundle(observation(id="o"))
    tree["entry"][0]["fullUrl"] = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    assert result(tree).filler_order == ""


def test_the_reports_number_and_a_contained_results_address() -> None:
    head = {
        "resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "x"}, "subject": subject(),
        "contained": [observation(id="c")], "result": [{"reference": "#c"}],
    }  # fmt: skip
    assert result(head).filler_order == "DiagnosticReport/r#c"
    assert result({**head, "identifier": [{"value": "R1"}]}).filler_order == "R1"
    own = {**head, "identifier": [{"value": "R1"}], "contained": [observation(id="c", identifier=[{"value": "I1"}])]}
    assert result(own).filler_order == "I1"


@pytest.mark.parametrize("status", ["corrected", "entered-in-error"])
def test_a_correction_is_of_the_same_slot_alone_or_in_a_bundle(status: str) -> None:
    first = reports(read_tree(observation(id="o", meta={"versionId": "1"})))[0]
    head = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "subject": subject(),
            "result": [{"reference": "Observation/o"}]}  # fmt: skip
    later = reports(read_tree(bundle(head, observation(id="o", value=90, status=status, meta={"versionId": "2"}))))[0]
    (one,), (other,) = map_report(first).results, map_report(later).results
    assert one.slot == other.slot
    assert one.result_id != other.result_id


def test_the_same_bytes_are_the_same_event_and_another_sender_is_another() -> None:
    same = {reports(read_tree(observation()))[0].event_id for _ in range(2)}
    other = reports(read_tree(observation(), naming=Naming(sender="else", systems=NAMING.systems)))[0]
    assert len(same | {other.event_id}) == 2


def test_two_versions_of_one_resource_in_a_history_are_two_versions_of_one_measurement() -> None:
    newer = observation(id="o", value=90, status="corrected", issued="2026-03-01T09:30:00+01:00")
    (report,) = reports(read_tree(bundle(newer, observation(id="o"), type="history")))
    mapped = map_report(report)
    assert not mapped.quarantined
    assert len({one.slot for one in mapped.results}) == 1
    assert [one.value for one in mapped.results] == [90, 182]


@pytest.mark.parametrize(
    ("performer", "expected"),
    [
        ([{"identifier": {"value": "LAB1"}, "display": "Laboratory"}], "LAB1"),
        ([{"reference": "Practitioner/1", "display": "Dr"}, {"reference": "Organization/lab9"}], "lab9"),
        ([{"reference": "#org"}], "ORG7"),
        ([{"reference": "Practitioner/1"}], "fhir.lab1"),
        ([], "fhir.lab1"),
    ],
)
def test_the_laboratory(performer: list[Tree], expected: str) -> None:
    organization = {"resourceType": "Organization", "id": "org", "identifier": [{"value": "ORG7"}], "name": "Lab"}
    assert result(observation(performer=performer, contained=[organization])).laboratory == expected


def test_a_withdrawn_report_takes_its_results_with_it() -> None:
    head = {"resourceType": "DiagnosticReport", "status": "entered-in-error", "code": {"text": "x"}, "subject": subject(),
            "result": [{"reference": "Observation/o"}]}  # fmt: skip
    assert result(bundle(head, observation(id="o"))).status == "entered-in-error"
    (alone,) = results(head)
    assert alone.status == "entered-in-error"
    (report,) = reports(read_tree(head))
    assert [item.reason for item in map_report(report).quarantined] == ["withdrawn_unread"]


@pytest.mark.parametrize(
    "tree",
    [
        {"resourceType": "DiagnosticReport", "status": "entered-in-error", "code": {"text": "panel"}, "subject": subject()},
        {**without(observation(status="entered-in-error", hasMember=[{"reference": "Observation/7"}]), "valueQuantity"),
         "code": {"text": "panel"}},
    ],
)  # fmt: skip
def test_a_withdrawal_that_names_no_result_is_held_even_where_its_code_is_ignored(tree: Tree) -> None:
    """It may take back a value that somebody was called for: ignoring a panel's code must not hide it."""
    site = read_site('[[ignore]]\ncode = "panel"\n')
    (report,) = reports(read_tree(tree))
    (held,) = map_report(report, site).quarantined
    assert held.reason == "withdrawn_unread"
    (final,) = reports(read_tree({**tree, "status": "final"}))
    assert not map_report(final, site).quarantined


def test_a_panel_withdrawn_without_its_components_or_its_code_is_held_as_such() -> None:
    known = without(observation(status="entered-in-error"), "valueQuantity")
    for code in ({"text": "panel"}, {}):
        (report,) = reports(read_tree({**known, "code": code}))
        assert [item.reason for item in map_report(report).quarantined] == ["withdrawn_unread"]
    (report,) = reports(read_tree(known))
    assert not map_report(report).quarantined, "a result of its own is withdrawn as ever"


def test_a_document_is_kept_and_is_no_result() -> None:
    head = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "subject": subject(),
            "presentedForm": [{"contentType": "application/pdf", "data": "JVBERi0="}]}  # fmt: skip
    (report,) = reports(read_tree(head))
    mapped = map_report(report)
    assert ([item.reason for item in mapped.ignored], mapped.results, mapped.quarantined) == (["document"], (), ())
    assert b"JVBERi0=" in report.raw


def test_test_data_says_so() -> None:
    label = {"meta": {"security": [{"code": "HTEST"}]}}
    assert reports(read_tree(observation(**label)))[0].source.environment == "T"
    assert reports(read_tree(bundle(observation(**label), observation())))[0].source.environment == ""
