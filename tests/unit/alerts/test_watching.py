"""Who is watched: enrolment, care and death as states from a moment on, the same for any order of arrival."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from alerts.context import Context, Fact
from alerts.watching import Watched, after_death, gate, said, turns

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def fact(kind: str, text: str = "", start: float | None = 0, end: float | None = None) -> Fact:
    begin, stop = (None if d is None else DAY + timedelta(days=d) for d in (start, end))
    return Fact(kind=kind, value=text, start=begin, end=stop)


def known(*facts: Fact) -> Context:
    return Context(facts=facts)


@pytest.mark.parametrize(("facts", "everyone", "listed"), [
    ([], "", "not_enrolled"),
    ([fact("enrolment", "candidate")], "", "not_enrolled"),
    ([fact("enrolment", "enrolled")], "", ""),
    ([fact("enrolment", "enrolled", 11)], "", "not_enrolled"),
    ([fact("enrolment", "enrolled", 0, 9)], "", "not_enrolled"),
    ([fact("enrolment", "enrolled"), fact("enrolment", "ended", 5)], "not_enrolled", "not_enrolled"),
    ([fact("enrolment", "ended"), fact("enrolment", "enrolled", 5)], "", ""),
    ([fact("enrolment", "enroled")], "", "not_enrolled"),
    ([fact("enrolment", " Enrolled ")], "", ""),
    ([fact("enrolment", "enrolled"), fact("deceased")], "deceased", "deceased"),
    ([fact("enrolment", "ended"), fact("deceased")], "not_enrolled", "not_enrolled"),
    ([fact("enrolment", "enrolled"), fact("deceased"), fact("deceased", "no", 3)], "", ""),
    ([fact("enrolment", "enrolled"), fact("deceased"), fact("deceased", "no")], "", ""),
    ([fact("enrolment", "enrolled"), fact("deceased", "no", 2), fact("deceased", "", 3)], "deceased", "deceased"),
    ([fact("enrolment", "enrolled"), fact("deceased", "", None)], "deceased", "deceased"),
    ([fact("enrolment", "enrolled"), fact("deceased", "", None), fact("deceased", "no")], "", ""),
    ([fact("enrolment", "enrolled"), fact("care", "palliative_no_bloods")], *["care_palliative_no_bloods"] * 2),
    ([fact("enrolment", "enrolled"), fact("care", "moved")], "care_moved", "care_moved"),
    ([fact("enrolment", "enrolled"), fact("care", "declined")], "care_declined", "care_declined"),
    ([fact("enrolment", "enrolled"), fact("care", "moved"), fact("care", "active", 4)], "", ""),
    ([fact("enrolment", "enrolled"), fact("care", "moved", 2, 8), fact("care", "active", 0)], "", ""),
    ([fact("enrolment", "enrolled"), fact("deceased"), fact("care", "moved")], "deceased", "deceased"),
])  # fmt: skip
def test_the_newest_state_that_has_come_counts(facts: list[Fact], everyone: str, listed: str) -> None:
    at = DAY + timedelta(days=10)
    rules: tuple[tuple[Watched, str], ...] = (("all", everyone), ("listed", listed))
    for watched, expected in rules:
        assert {gate(known(*order), watched, at) for order in permutations(facts)} == {expected}


@pytest.mark.parametrize(("moment", "expected"), [(-0.001, ""), (0, "deceased"), (2, "deceased"), (2.001, "")])
def test_both_ends_of_a_state_are_in_it(moment: float, expected: str) -> None:
    context = known(fact("deceased", "", 0, 2))
    assert gate(context, "all", DAY + timedelta(days=moment)) == expected


def test_a_sample_after_death_is_told_from_one_before() -> None:
    now, died = DAY + timedelta(days=10), known(fact("deceased", "", 5))
    at_death = DAY + timedelta(days=5)
    assert not after_death(died, now, at_death)
    assert after_death(died, now, at_death + timedelta(microseconds=1))
    assert not after_death(known(), now, now)
    assert not after_death(known(fact("deceased", "no", 5)), now, now)
    assert after_death(known(fact("deceased", "", None)), now, DAY), "without a time nothing may be silenced by it"


def test_of_a_day_of_death_without_a_time_no_sample_of_that_day_is_after_it() -> None:
    end = DAY + timedelta(days=1, microseconds=-1)
    context = Context(facts=(Fact(kind="deceased", start=DAY, begun_by=end),))
    assert gate(context, "all", DAY) == "deceased"
    assert not after_death(context, end, end)
    assert after_death(context, end, end + timedelta(microseconds=1))


def test_the_next_turn_is_the_next_beginning_or_end_of_a_state() -> None:
    context = known(fact("care", "moved", 2, 8), fact("drug", "x", 1), fact("enrolment", "enrolled", 0))
    found, at = [], DAY - timedelta(days=1)
    while (turn := turns(context, at)) is not None:
        found.append((turn - DAY).days)
        at = turn
    assert found == [0, 2, 8]


def test_what_is_said() -> None:
    assert said(known(), "care", DAY) == ""
    assert said(known(fact("care", "unknown word")), "care", DAY) == ""
    assert said(known(fact("deceased")), "deceased", DAY) == "yes"
