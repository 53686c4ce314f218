"""Which differences of name, birth date and sex contradict, and which are only another way to write the same."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from schemas.patient_event import ContextChange, ContextEntry, Identifier, Patient, PatientMerge, Source
from services.ledger.context import said
from services.ledger.identity import conflict, contradictions, numbers
from services.ledger.incoming import accept
from services.ledger.merging import merged_at
from services.mapping.site_file import read_site

AT = datetime(2026, 3, 1, tzinfo=UTC)


def person(family: str = "", birth_date: str = "", sex: str = "") -> Patient:
    return Patient(id="HOSP|1", family=family, birth_date=birth_date, sex=sex)


@pytest.mark.parametrize(("one", "other", "wrong"), [
    (person("Kovač"), person("KOVAC"), []), (person("Đurić"), person("Durić"), []), (person("Novak"), person("Novak Kos"), []),
    (person("Kos-Novak"), person("Novak"), []), (person("Novak"), person("Novakova"), ["family name"]),
    (person("Novak"), person(""), []), (person("Novak"), person("Kos"), ["family name"]), (person("1"), person("2"), []),
    (person("", "1950-01-02"), person("", "1950"), []), (person("", "1950-01-02"), person("", "1951"), ["birth date"]),
    (person("", "1950-01-02"), person("", "1950-02-01"), ["birth date"]), (person("", "1950-01-02"), person("", ""), []),
    (person("", "1950-01-02T03:04:00"), person("", "1950-01-02"), []),
    (person("", "", "F"), person("", "", "female"), []), (person("", "", "F"), person("", "", "M"), ["sex"]),
    (person("", "", "U"), person("", "", "M"), []), (person("", "", "F"), person("", "", "O"), []),
    (person("A", "1950", "F"), person("B", "1960", "M"), ["family name", "birth date", "sex"]),
])  # fmt: skip
def test_what_contradicts(one: Patient, other: Patient, wrong: list[str]) -> None:
    assert contradictions(said(one, AT, "e"), other) == wrong
    assert contradictions(said(other, AT, "e"), one) == wrong
    assert bool(conflict(other, said(one, AT, "e"), ())) == (len(wrong) > 1)


def test_a_stranger_is_a_conflict_and_no_number_is_told() -> None:
    patient = Patient(id="H|1", identifiers=tuple(Identifier(value=v, authority="H") for v in ("1", "2", "2")))
    assert numbers(patient) == ("H|2",)
    visits = (Identifier(value="3", authority="H", type="VN"), Identifier(value="4", authority="H", type="an"))
    assert numbers(msgspec.structs.replace(patient, identifiers=visits)) == ()
    assert conflict(patient, {}, ("H|2",)) == "names another known patient too (H|...)"


def test_what_administration_says_without_an_offset_is_of_its_senders_zone() -> None:
    site = read_site(
        'zone = "UTC"\n[[sender]]\nname = "pas"\napplication = "PAS"\nfacility = "HOSP"\nzone = "Europe/Ljubljana"\n'
    )
    source = Source(
        format="hl7v2", sender="PAS|HOSP", received_at="2026-07-01T12:00:00Z", sent_at="2026-07-01T10:05:00"
    )
    entries = tuple(
        ContextEntry(kind="place", from_=text, code="H2")
        for text in ("2026-07-01T10:00:00", "2026-07-01", "2026-07-01T10:00:00Z")
    )
    change = accept(
        ContextChange(event_id=str(UUID(int=1)), patient=person(), source=source, entries=entries), site
    ).event
    assert isinstance(change, ContextChange)
    assert [e.from_ for e in change.entries] == ["2026-07-01T10:00:00+02:00", "2026-07-01", "2026-07-01T10:00:00Z"]
    merge = PatientMerge(event_id=str(UUID(int=1)), patient=person(), retired=Patient(id="HOSP|2"), source=source)
    for at, expected in (("", "08:05"), ("2026-07-01T10:00:00", "08:00"), ("2026-07-01T18:00:00", "12:00")):
        taken = accept(msgspec.structs.replace(merge, at=at), site)
        assert isinstance(taken.event, PatientMerge)
        assert f"{merged_at(taken.event, taken.received_at):%H:%M}" == expected
