"""A rule of the site file enrols: by service, ward, diagnosis or sender; never over what a person said."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from schemas.identity import event_id
from schemas.patient_event import ContextEntry, Event, LabReport
from services.ledger.opening import open_ledger
from services.shared.settings import Settings
from tests.real import events
from tests.real.board import person
from tests.real.ledgers import ask, one, stream
from tests.real.rules import TEST, Hospital
from tests.real.sites import done, site_file

pytestmark = pytest.mark.real
RULES = """zone = "Europe/Ljubljana"
[enrolment]
watch = "listed"
[[enrol]]
name = "haematology"
service = "HEM"
[[enrol]]
name = "myeloma in H2"
ward = "H2"
diagnosis = "C90*"
"""
SAID = "SELECT body ->> 'note', body ->> 'value' FROM context_event WHERE kind = 'enrolment' ORDER BY 1, 2"


@pytest.fixture
def hospital(database: str, tmp_path: Path) -> Hospital:
    made = Hospital(database, tmp_path, TEST)
    file = site_file(tmp_path, RULES)
    made.settings = Settings(database=database, data_dir=tmp_path, channels=tmp_path / "channels.toml", site=file)
    made.ledger = open_ledger(made.settings, stream())
    return made


def sample(number: int, *, hours: float = 0, **patient: object) -> LabReport:
    """A CRITICAL calcium of somebody of whom the message says so much more."""
    made = events.report(number, {"ca": "13.9"}, hours=hours)
    return msgspec.structs.replace(made, patient=msgspec.structs.replace(made.patient, **patient))


def unwatched(database: str) -> list[str]:
    return [why for (why,) in ask(database, "SELECT unwatched FROM patient ORDER BY sent_id")]


def test_who_fits_a_rule_is_enrolled_and_told_of(database: str, hospital: Hospital) -> None:
    hospital.take(sample(1, service="HEM"), sample(2, service="GAS"), sample(3, diagnoses=("I10", "C90.0")),
                  sample(4, diagnoses=("C90.0",), ward="G1"), sample(5))  # fmt: skip
    assert unwatched(database) == ["", "not_enrolled", "", "not_enrolled", "not_enrolled"]
    assert ask(database, SAID) == [("haematology", "enrolled"), ("myeloma in H2", "enrolled")]
    assert one(database, "SELECT count(DISTINCT patient_id) FROM delivery") == 2
    assert ask(database, "SELECT DISTINCT actor FROM alert_event WHERE kind = 'enrolled_by_rule' ORDER BY 1") == [
        ("rule haematology",), ("rule myeloma in H2",)
    ]  # fmt: skip


def test_an_admission_that_fits_enrols_and_what_was_kept_back_is_told(database: str, hospital: Hospital) -> None:
    hospital.take(sample(1, ward=""))
    assert unwatched(database) == ["not_enrolled"]
    place = events.context_change(1, ContextEntry(kind="place", code="H2", value="3", from_="2026-03-01T10:00:00Z"))
    who = msgspec.structs.replace(place.patient, ward="", diagnoses=("C90.0",))
    hospital.take(msgspec.structs.replace(place, patient=who))
    assert unwatched(database) == [""]
    assert one(database, "SELECT count(*) FROM delivery") == 1


def test_what_a_person_says_is_never_overruled_in_any_order(database: str, hospital: Hospital) -> None:
    number = itertools.count(1)
    for order in itertools.permutations(range(3)):
        n = next(number)
        steps: list[Event] = [
            sample(n, service="HEM", hours=-2), sample(n, service="HEM", hours=2),
            events.context_change(n, ContextEntry(kind="enrolment", value="ended", from_="2026-01-01"), hours=-1),
        ]  # fmt: skip
        hospital.take(*(steps[place] for place in order))
    assert unwatched(database) == ["not_enrolled"] * 6
    assert one(database, "SELECT count(*) FROM context_event WHERE kind = 'enrolment'") == 12


def test_one_entry_as_of_the_earliest_message_whatever_order_they_come_in(database: str, hospital: Hospital) -> None:
    late, early = sample(1, service="HEM", hours=5), sample(1, service="HEM", hours=-5)
    hospital.take(late, early)
    received = one(database, "SELECT received_at FROM context_event WHERE kind = 'enrolment'")
    assert received.isoformat() == early.source.received_at.replace("Z", "+00:00")


def test_without_the_list_nobody_needs_a_rule(database: str, hospital: Hospital, tmp_path: Path) -> None:
    file = site_file(tmp_path, RULES.replace('watch = "listed"', 'watch = "all"'))
    made = hospital.settings.model_copy(update={"site": file})
    hospital.ledger = open_ledger(made, stream())
    hospital.take(sample(1, service="HEM"))
    assert ask(database, SAID) == []
    assert unwatched(database) == [""]


def test_event_ids_do_not_depend_on_what_else_the_message_says_of_the_patient() -> None:
    made = sample(1, service="HEM")
    assert made.event_id == event_id(made.source.sender, made.source.sha256, made.patient.id)


def test_a_rule_that_is_applied_later_enrols_from_what_is_stored(
    database: str, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.take(sample(1, service="GAS"), sample(2))
    assert unwatched(database) == ["not_enrolled"] * 2
    monkeypatch.setenv("HALO_DATABASE", database)
    monkeypatch.setenv("HALO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HALO_CHANNELS", str(tmp_path / "channels.toml"))
    person(database, "novak", "on_call")
    person(database, "kovac", "steward")
    more = RULES + '[[enrol]]\nname = "also these"\nservice = "GAS"\n'
    done("apply", site_file(tmp_path, more, "more.toml"), "--by", "kovac", "--second", "novak", "--yes", "--here")
    assert unwatched(database) == ["", "not_enrolled"]
    assert ask(database, SAID) == [("also these", "enrolled")]
    assert one(database, "SELECT count(DISTINCT patient_id) FROM delivery") == 1
