"""Of what is said again the newest counts, whatever arrives first: entries are ended, corrected and taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.watching import state, word
from schemas.patient_event import ContextEntry
from services.cli.context_csv import read_context
from services.ledger.context import build, rank
from services.ledger.memory import Memory
from services.mapping.site import DEFAULT_SITE
from tests.real import events

BEGAN = "2026-03-01"


def entry(kind: str, value: str = "", start: str = BEGAN, **more: str) -> ContextEntry:
    return ContextEntry(kind=kind, value=value, from_=start, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("said", "holds"), [
    ([entry("drug", code="VRd"), entry("drug", code="VRd", to="2026-05-01")], [("VRd", "", True)]),
    ([entry("drug", "nsaid"), entry("drug", "nsaid", to="2026-05-01")], [("", "nsaid", True)]),
    ([entry("drug", "nsaid"), entry("drug", "contrast")], [("", "contrast", False), ("", "nsaid", False)]),
    ([entry("dialysis"), entry("dialysis", to="2026-05-01"), entry("dialysis", to="2026-06-01")], [("", "", True)]),
    ([entry("chronic_baseline", "2200", code="creat"), entry("chronic_baseline", "220", code="creat")],
     [("creat", "220", False)]),
    ([entry("transfusion"), entry("transfusion", "withdrawn")], []),
    ([entry("transfusion"), entry("transfusion", "withdrawn"), entry("transfusion")], [("", "", False)]),
    ([entry("transfusion", start="2026-03-02"), entry("transfusion", "withdrawn")], [("", "", False)]),
    ([entry("deceased", "yes"), entry("deceased", "Withdrawn")], []),
    ([entry("drug", code="A"), entry("drug", code="B"), entry("drug", "withdrawn", code="A")], [("B", "", False)]),
])  # fmt: skip
def test_the_newest_said_counts_for_any_order_of_arrival(
    said: list[ContextEntry], holds: list[tuple[str, str, bool]]
) -> None:
    times = [datetime(2026, 4, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(len(said))]
    ranked = [(rank(at, f"event {9 - n}"), 0, one) for n, (at, one) in enumerate(zip(times, said, strict=True))]
    for order in permutations(ranked):
        facts = build(order, {}, ZoneInfo("UTC")).facts
        assert sorted((f.code, f.value, f.end is not None) for f in facts) == holds


def test_ends_and_sex_by_the_newest() -> None:
    at = datetime(2026, 4, 1, 12, tzinfo=UTC)
    said = [
        entry("dialysis", to="2026-06-01"),
        entry("dialysis", to="2026-05-01"),
        entry("sex", "F"),
        entry("sex", "M"),
    ]
    ranked = [(rank(at + timedelta(microseconds=n * 500_000), "x"), 0, one) for n, one in enumerate(said)]
    context = build(reversed(ranked), {}, ZoneInfo("UTC"))
    assert (context.sex, context.of("dialysis")[0].end) == ("M", datetime(2026, 5, 1, 23, 59, 59, 999999, UTC))


def test_a_later_line_of_a_file_is_said_later(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"patient,kind,from,value\nA|1,transfusion,{BEGAN},\nA|1,transfusion,{BEGAN},withdrawn\n")
    one, two = read_context(file, "2026-04-01T08:00:00Z")
    assert (one.source.received_at, two.source.received_at) == ("2026-04-01T08:00:00Z", "2026-04-01T08:00:00.000001Z")


def test_a_death_without_a_time_holds_from_when_it_was_first_said() -> None:
    said = [(rank(datetime(2026, 4, 1, 12, 30, tzinfo=UTC), "x"), 0, entry("deceased", start=""))]
    assert build(said, {}, ZoneInfo("UTC")).of("deceased")[0].start == datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
    said = [(rank(datetime(2026, 4, 1, tzinfo=UTC), "x"), 0, entry("dialysis", start=""))]
    assert build(said, {}, ZoneInfo("UTC")).of("dialysis")[0].start is None


def test_evaluate_knows_no_gate() -> None:
    """Deceased, not enrolled and moved away: what the rules find is printed all the same."""
    stopped = [entry("enrolment", "ended"), entry("deceased"), entry("care", "moved")]
    memory = Memory(DEFAULT_SITE)
    assert memory.take(events.report(1, {"k": "6.8"})) == ""
    assert memory.take(events.context_change(1, *stopped)) == ""
    (line,) = memory.lines()
    assert [alert["rule"] for alert in json.loads(line)["alerts"]] == ["K_HIGH"]


FLAG = entry("deceased", start="", note="PID-29, PID-30")


def at_hour(hour: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)


def ranked(*said: tuple[float, ContextEntry]) -> list[tuple[str, int, ContextEntry]]:
    return [(rank(at_hour(hour), f"event {9 - n}"), 0, one) for n, (hour, one) in enumerate(said)]


def a_day(hour: float) -> str:
    return at_hour(hour).isoformat()


@pytest.mark.parametrize(("said", "kind", "now", "since"), [
    ([(24, FLAG), (72, FLAG)], "deceased", "yes", 24),
    ([(24, FLAG), (48, FLAG), (72, entry("deceased", "yes", ""))], "deceased", "yes", 24),
    ([(24, FLAG), (48, entry("deceased", "no", a_day(48))), (72, FLAG)], "deceased", "no", 48),
    ([(24, FLAG), (48, entry("deceased", "no", "")), (72, FLAG)], "deceased", "yes", 72),
    ([(24, FLAG), (48, entry("deceased", "withdrawn", "")), (72, FLAG)], "deceased", "", None),
    ([(24, FLAG), (48, entry("deceased", "withdrawn", "")), (72, FLAG), (80, entry("deceased", "", a_day(79)))],
     "deceased", "yes", 79),
    ([(24, entry("deceased", "withdrawn", "")), (72, FLAG)], "deceased", "yes", 72),
    ([(24, entry("enrolment", "Enrolled", "")), (48, entry("enrolment", "enrolled", "", code=""))],
     "enrolment", "enrolled", 24),
    ([(24, entry("enrolment", "enrolled", "")), (48, entry("enrolment", "ended", "")),
      (72, entry("enrolment", "enrolled", ""))], "enrolment", "enrolled", 72),
    ([(24, entry("enrolment", "enrolled", "")), (48, entry("enrolment", "enroled", "")),
      (72, entry("enrolment", "enrolled", ""))], "enrolment", "enrolled", 24),
    ([(24, entry("enrolment", "enrolled", "")), (48, entry("enrolment", "ended", a_day(48))),
      (72, entry("enrolment", "enrolled", ""))], "enrolment", "ended", 48),
    ([(24, entry("care", "moved", "")), (48, entry("care", "active", "")), (72, entry("care", "moved", "")),
      (80, entry("care", "moved", ""))], "care", "moved", 72),
    ([(24, entry("care", "", "", code="moved")), (48, entry("care", "withdrawn", "", code="moved")),
      (72, entry("care", "active", "")), (80, entry("care", "", "", code="moved"))], "care", "moved", 80),
])  # fmt: skip
def test_a_state_without_a_time_holds_from_when_it_was_first_said(
    said: list[tuple[float, ContextEntry]], kind: str, now: str, since: float | None
) -> None:
    """Said again by whoever it is the same state, and no new word against what a person said in between."""
    for order in permutations(ranked(*said)):
        for more in (order, order * 2):
            found = state(build(more, {}, ZoneInfo("UTC")), kind, at_hour(100))
            assert (word(found) if found else "", found and found.start) == (now, since and at_hour(since))


def test_said_again_with_an_end_it_ends_and_began_when_first_said() -> None:
    said = ranked((24, FLAG), (72, entry("deceased", start="", to=a_day(90))))
    (fact,) = build(said, {}, ZoneInfo("UTC")).facts
    assert (fact.start, fact.end) == (at_hour(24), at_hour(90))
