"""Which differences of name, birth date and sex contradict, and which are only another way to write the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.patient_event import Identifier, Patient
from services.ledger.context import said
from services.ledger.identity import conflict, contradictions, numbers

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
    assert conflict(patient, {}, ("H|2",)) == "names another known patient too (H|...)"
