"""Where a patient is, and what a cancelled admission, transfer or discharge said, in any order of arrival."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from schemas.patient_event import ContextEntry, Patient
from services.ledger.context import Ranked, build, located, rank, said, where

ZONE = ZoneInfo("Europe/Ljubljana")
DAY = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def entry(kind: str, hour: float, code: str = "", value: str = "", note: str = "") -> ContextEntry:
    at = (DAY + timedelta(hours=hour)).isoformat()
    return ContextEntry(kind=kind, from_=at, code=code, value=value, note=note)  # type: ignore[arg-type]


def event(name: str, hour: float, *entries: ContextEntry) -> list[Ranked]:
    said_at = rank(DAY + timedelta(hours=hour), f"event-{name}-{hour}")
    return [(said_at, number, one) for number, one in enumerate(entries)]


def move(trigger: str, hour: float, ward: str = "", bed: str = "") -> list[Ranked]:
    return event(trigger, hour, entry("place", hour, ward, bed, f"ADT^{trigger}"))


def cancel(trigger: str, hour: float, ward: str = "", bed: str = "") -> list[Ranked]:
    entries = [entry("place", hour, "", "withdrawn", f"ADT^{trigger}")]
    return event(trigger, hour, *entries, *([entry("place", hour, ward, bed, f"ADT^{trigger}")] if ward else []))


def place(*moves: list[Ranked]) -> tuple[str, str]:
    """The same for every order of arrival."""
    found = {where(located([e for one in order for e in one], ZONE)).value[:2] for order in permutations(moves)}  # type: ignore[union-attr]
    (only,) = found
    return only  # type: ignore[return-value]


ADMITTED, MOVED = move("A01", 0, "A", "1"), move("A02", 2, "B", "2")


def test_the_newest_move_counts() -> None:
    assert place(ADMITTED, MOVED) == ("B", "2")


def test_who_left_is_nowhere() -> None:
    assert place(ADMITTED, MOVED, move("A03", 5)) == ("", "")
    assert place(ADMITTED, move("A03", 5), move("A01", 9, "C", "3")) == ("C", "3")


@pytest.mark.parametrize(("moves", "expected"), [
    ([ADMITTED, MOVED, cancel("A12", 3)], ("A", "1")),
    ([ADMITTED, MOVED, cancel("A12", 3, "A", "9")], ("A", "9")),
    ([ADMITTED, MOVED, move("A03", 5), cancel("A13", 6)], ("B", "2")),
    ([ADMITTED, cancel("A11", 1)], ("", "")),
    ([ADMITTED, cancel("A11", 1), move("A04", 2, "OPD")], ("OPD", "")),
    ([ADMITTED, MOVED, move("A02", 4, "C", "3"), cancel("A12", 5)], ("B", "2")),
    ([ADMITTED, MOVED, move("A02", 4, "C", "3"), cancel("A12", 5), cancel("A12", 6)], ("A", "1")),
    ([ADMITTED, MOVED, move("A08", 2.5, "B", "2"), cancel("A12", 3)], ("A", "1")),
    ([ADMITTED, cancel("A12", 3)], ("A", "1")),
    ([ADMITTED, cancel("A13", 3)], ("A", "1")),
    ([cancel("A12", 3), MOVED], ("", "")),
])  # fmt: skip
def test_a_cancellation_restores_what_was_before(moves: list[list[Ranked]], expected: tuple[str, str]) -> None:
    assert place(*moves) == expected


def test_what_people_say_of_a_place_can_be_taken_back_too() -> None:
    said_so = event("person", 3, entry("place", 3, "P", "4"))
    assert place(ADMITTED, said_so) == ("P", "4")
    assert place(ADMITTED, said_so, event("person", 4, entry("place", 3, "P", "withdrawn"))) == ("A", "1")


def test_the_ward_of_a_report_does_not_bring_back_who_left_within_72_hours() -> None:
    left = located([*ADMITTED, *move("A03", 5)], ZONE)
    for hours, expected in ((6, ("", "")), (77, ("", "")), (78, ("B", "2"))):
        report = said(Patient(id="x", ward="B", bed="2"), DAY + timedelta(hours=hours), "report")
        found = where(report | left)
        assert found is not None
        assert found.value[:2] == expected


def test_a_cancelled_discharge_by_death_is_no_death() -> None:
    left = event("A03", 5, entry("place", 5, note="ADT^A03"), entry("deceased", 5, note="ADT^A03 PV1-36 20"))
    dead = build([*ADMITTED, *left], {}, ZONE)
    assert [fact.kind for fact in dead.facts] == ["deceased", "place", "place"]
    alive = build([*ADMITTED, *left, *cancel("A13", 6)], {}, ZONE)
    assert [fact.kind for fact in alive.facts] == ["place"]


def test_a_death_that_pid_told_stays_until_a_person_takes_it_back() -> None:
    told = event("death", 5, entry("deceased", 5, note="PID-29, PID-30"))
    left = move("A03", 5)
    found = build([*ADMITTED, *told, *left, *cancel("A13", 6)], {}, ZONE)
    assert [fact.kind for fact in found.facts] == ["deceased", "place"]
