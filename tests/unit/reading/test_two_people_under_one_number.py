"""Two made-up people under one number in one message: the second one's results are never the first one's (behaviour 2)."""

from __future__ import annotations

import pytest

from schemas.patient_event import ContextChange, LabReport
from services.ledger.incoming import accept
from services.ledger.memory import Memory
from services.ledger.querying import pages
from services.mapping.report import map_report
from services.mapping.site import DEFAULT_SITE
from services.reading.hl7v2 import read
from tests.unit.reading.samples import message

AT = "2026-03-01T09:06:00Z"
FIRST = "PID|1||P1^^^HOSP||Prva^Ana||19500102|F"
OTHER = "PID|2||P1^^^HOSP||Drugi^Bor||19700303|M"


def sample(order: str, calcium: str) -> tuple[str, str]:
    return (
        f"OBR|1||{order}|BIO|||20260301093000+0100|||||||||||||||20260301100000+0100|||F",
        f"OBX|1|NM|2000-8^Calcium^LN||{calcium}|mmol/L|||||F",
    )


def reports(*segments: str) -> list[LabReport]:
    return [event for event in read(message(*segments), AT).events if isinstance(event, LabReport)]


@pytest.mark.parametrize("more", [(), ("PID|3||P2^^^HOSP||Tretja^Eva||19600101|F", *sample("F3", "2.3"))])
def test_what_is_anothers_is_held_and_calls_as_any_held_value(more: tuple[str, ...]) -> None:
    report, *_ = reports(FIRST, *sample("F1", "2.4"), OTHER, *sample("F2", "3.6"), *more)
    assert [result.contradicts for result in report.results] == ["", "family name and birth date and sex"]
    mapped = map_report(report, DEFAULT_SITE)
    assert [str(result.value) for result in mapped.results] == ["2.4"]
    (held,) = mapped.quarantined
    assert (held.reason, held.index, held.value, held.would_be, held.slot) == (
        "identity_conflict", 1, "3.6", "CRITICAL", "",
    )  # fmt: skip
    assert "Drugi" not in held.detail


def test_the_steward_is_asked_whose_they_are_also_where_nothing_is_urgent() -> None:
    (report,) = reports(FIRST, *sample("F1", "2.4"), OTHER, *sample("F2", "2.5"))
    (asked,) = pages(report, map_report(report, DEFAULT_SITE).quarantined, 1)
    assert (asked.key, asked.kind, asked.severity) == ("identity_conflict:two_people:LIS|LAB", "data_steward", "HIGH")
    assert "Drugi" not in asked.detail
    (alone,) = reports(FIRST, *sample("F1", "2.4"))
    assert pages(alone, map_report(alone, DEFAULT_SITE).quarantined, 1) == []


@pytest.mark.parametrize("again", [
    FIRST, "PID|2||P1^^^HOSP", "PID|2||P1^^^HOSP||Poročena^Ana||19500102|F", "PID|2||P1^^^HOSP||PRVA^Ana||1950|",
])  # fmt: skip
def test_the_same_person_again_or_married_is_taken(again: str) -> None:
    (report,) = reports(FIRST, *sample("F1", "2.4"), again, *sample("F2", "3.6"))
    assert len(map_report(report, DEFAULT_SITE).results) == 2


def test_groups_of_the_first_one_that_follow_are_taken() -> None:
    (report,) = reports(FIRST, *sample("F1", "2.4"), OTHER, *sample("F2", "3.6"), FIRST, *sample("F3", "2.5"))
    assert [bool(result.contradicts) for result in report.results] == [False, True, False]


def test_what_is_held_for_another_reason_too_names_both_and_what_is_ignored_stays_so() -> None:
    late = [text.replace("20260301093000", "20260401093000") for text in sample("F2", "3.6")]
    (report,) = reports(FIRST, *sample("F1", "2.4"), OTHER, *late)
    (held,) = map_report(report, DEFAULT_SITE).quarantined
    assert (held.reason, held.not_before, held.would_be) == ("identity_conflict", None, "CRITICAL")
    assert held.detail.endswith("besides collected_in_future")


def test_a_death_of_the_other_is_held_and_not_the_first_ones() -> None:
    dead = f"{OTHER}{'|' * 21}20260228|Y"
    outcome = read(message(FIRST, *sample("F1", "2.4"), dead, *sample("F2", "3.6")), AT)
    report, death = outcome.events
    assert isinstance(report, LabReport)
    assert isinstance(death, ContextChange)
    assert death.patient.family == "Drugi"
    assert accept(death, DEFAULT_SITE).fault is None
    memory = Memory(DEFAULT_SITE)
    assert memory.take(report) == ""
    assert "identity_conflict" in memory.take(death)
    assert b"3.6" in b"".join(memory.lines())
