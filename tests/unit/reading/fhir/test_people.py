"""Patient and Encounter: who, where, that the patient died, and who may be the same person."""

from __future__ import annotations

import pytest

from schemas.patient_event import ContextChange, ContextEntry, PatientMerge
from tests.unit.reading.fhir.made_up import Tree, bundle, observation, patient, read_tree, reports, subject


def changes(tree: Tree) -> list[ContextChange]:
    return [event for event in read_tree(tree).events if isinstance(event, ContextChange)]


def test_a_patient_alone_says_who_it_is() -> None:
    (change,) = changes(patient(id="p", birthDate="1957-04", gender="male", name=[{"text": "Nekdo Izmišljen"}]))
    who = change.patient
    assert (who.id, who.family, who.birth_date, who.sex) == ("HOSP|1", "Nekdo Izmišljen", "1957-04", "M")
    assert change.entries == ()
    assert change.raw


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        ({"deceasedDateTime": "2026-02-28T14:05:00+01:00"}, "2026-02-28T14:05:00+01:00"),
        ({"deceasedDateTime": "2026-02-28"}, "2026-02-28"),
        ({"deceasedDateTime": "2026"}, ""),
        ({"deceasedBoolean": True}, ""),
    ],
)
def test_a_death(said: Tree, begins: str) -> None:
    death, _who = changes(patient(**said))
    assert death.entries == (ContextEntry(kind="deceased", from_=begins, note="Patient.deceased"),)
    again, _ = changes(patient(**said, meta={"versionId": "2"}))
    assert again.event_id == death.event_id


def test_deceased_false_takes_no_death_back() -> None:
    assert [change.entries for change in changes(patient(deceasedBoolean=False))] == [()]


def test_a_death_beside_results_is_of_the_patient_whose_results_they_are() -> None:
    who = patient("1", id="p", deceasedBoolean=True)
    who["identifier"].insert(0, {"system": "urn:oid:9.9", "value": "N1"})
    tree = bundle(observation(subject={"reference": "Patient/p", **subject()}), who)
    (death,) = changes(tree)
    (report,) = reports(read_tree(tree))
    assert death.patient.id == report.patient.id == "HOSP|1"


def encounter(status: str = "in-progress", **more: object) -> Tree:
    return {"resourceType": "Encounter", "id": "e", "status": status, "subject": subject(), **more}


BED = {"resourceType": "Location", "id": "b", "name": "7", "physicalType": {"coding": [{"code": "bd"}]},
       "partOf": {"reference": "Location/r"}}  # fmt: skip
ROOM = {"resourceType": "Location", "id": "r", "name": "Room 3", "physicalType": {"coding": [{"code": "ro"}]},
        "partOf": {"reference": "Location/w"}}  # fmt: skip
WARD = {"resourceType": "Location", "id": "w", "identifier": [{"value": "H2"}], "name": "Hematologija 2"}


def at(reference: str, **more: object) -> Tree:
    return {"location": {"reference": reference}, **more}


def test_an_encounter_says_where() -> None:
    moved = [at("Location/b", period={"start": "2026-03-01T10:00:00Z"}), at("Location/x", status="completed")]
    tree = bundle(encounter(location=moved, period={"start": "2026-02-27"}), BED, ROOM, WARD)
    (change,) = changes(tree)
    assert change.entries == (
        ContextEntry(kind="place", from_="2026-03-01T10:00:00Z", code="H2", value="7", note="Encounter"),
    )


def test_a_place_known_by_its_reference_only() -> None:
    named = {"location": {"display": "H2"}, "physicalType": {"coding": [{"code": "wa"}]}}
    bed = {"location": {"identifier": {"value": "7"}}, "physicalType": {"coding": [{"code": "bd"}]}}
    (change,) = changes(encounter(location=[named, bed], period={"start": "2026-02-27"}))
    assert [(entry.code, entry.value, entry.from_) for entry in change.entries] == [("H2", "7", "2026-02-27")]


@pytest.mark.parametrize("status", ["finished", "cancelled", "entered-in-error"])
def test_a_patient_who_left_is_nowhere(status: str) -> None:
    over = encounter(status, location=[at("Location/w")], period={"start": "2026-02-27", "end": "2026-03-01T15:00:00Z"})
    (change,) = changes(bundle(over, WARD))
    assert change.entries == (ContextEntry(kind="place", from_="2026-03-01T15:00:00Z", note="Encounter"),)


def test_a_planned_encounter_says_nothing_of_today() -> None:
    assert read_tree(encounter("planned", location=[at("Location/w")])).events == ()


def test_ward_and_bed_stand_on_results_that_came_with_the_encounter() -> None:
    tree = bundle(
        observation(encounter={"reference": "Encounter/e"}), encounter(location=[at("Location/b")]), BED, ROOM, WARD
    )
    (report,) = reports(read_tree(tree))
    assert (report.patient.ward, report.patient.bed) == ("H2", "7")


@pytest.mark.parametrize(
    ("kind", "stays", "other"), [("replaces", "1", "2"), ("replaced-by", "2", "1"), ("seealso", "1", "2")]
)
def test_links_are_proposals(kind: str, stays: str, other: str) -> None:
    events = read_tree(patient("1", link=[{"type": kind, "other": {**subject("2")}}])).events
    (merge,) = [event for event in events if isinstance(event, PatientMerge)]
    assert (merge.patient.id, merge.retired.id, merge.link) == (f"HOSP|{stays}", f"HOSP|{other}", True)


def test_a_patient_without_any_number_is_refused() -> None:
    reading = read_tree({"resourceType": "Patient", "name": [{"family": "X"}]})
    assert [(fault.code, fault.expression) for fault in reading.all_faults] == [("required", "Patient.identifier")]
