"""The rhythm of a feed, when it is silent for too long, and when an analyte of it is not as before. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.clock.drift import Day, shifts
from services.clock.rhythm import Tally, add_up
from services.clock.settings import ClockSettings
from services.clock.silences import bound

OWN = ClockSettings()
BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TODAY = date(2026, 3, 31)


def tally(minutes: float, *, feed: str = "lab", messages: int = 1, span: float = 0, refused: int = 0) -> Tally:
    at = BEGIN + minutes * MINUTE
    return Tally(feed=feed, first_at=at, last_at=at + span * MINUTE, messages=messages, refused=refused)


@pytest.mark.parametrize(("usual", "limit"), [
    (None, timedelta(hours=24)),
    (timedelta(minutes=2), timedelta(minutes=30)),
    (timedelta(minutes=10), timedelta(minutes=30)),
    (timedelta(minutes=11), timedelta(minutes=33)),
    (timedelta(hours=7), timedelta(hours=21)),
    (timedelta(hours=60), timedelta(hours=24)),
])  # fmt: skip
def test_three_times_the_usual_pause_half_an_hour_at_least_a_day_at_most(
    usual: timedelta | None, limit: timedelta
) -> None:
    assert bound(usual, OWN) == limit


def test_a_pause_counts_for_every_hour_it_touches() -> None:
    hours = add_up([tally(10), tally(150)], {})
    assert hours.gaps == {("lab", BEGIN + h * timedelta(hours=1)): 140 * MINUTE for h in range(3)}


def test_the_pause_since_what_was_known_before_counts_too() -> None:
    hours = add_up([tally(0)], {"lab": BEGIN - 20 * MINUTE})
    assert hours.gaps["lab", BEGIN - timedelta(hours=1)] == 20 * MINUTE


def test_what_was_refused_is_no_message() -> None:
    """A sender that only gets AR is silent: its results do not come."""
    hours = add_up([tally(0), tally(30, messages=0, refused=1), tally(50)], {})
    assert hours.gaps["lab", BEGIN] == 50 * MINUTE
    assert sum(row[8] for row in hours.rows()) == 1, "but it is counted"


def test_a_pause_of_months_touches_the_hours_of_a_week() -> None:
    hours = add_up([tally(0), tally(60 * 24 * 90)], {})
    assert len(hours.gaps) == 7 * 24 + 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(["a", "b"]), st.integers(0, 3)), max_size=30))
def test_nothing_is_lost_by_adding_up(given_: list[tuple[int, str, int]]) -> None:
    rows = add_up([tally(at, feed=feed, messages=count) for at, feed, count in given_], {}).rows()
    for feed in ("a", "b"):
        assert sum(row[2] for row in rows if row[0] == feed) == sum(c for _, f, c in given_ if f == feed)
    newest = {f: max((at for at, g, c in given_ if g == f and c), default=None) for f in ("a", "b")}
    for feed, at in newest.items():
        last = max((row[-2] for row in rows if row[0] == feed and row[-2]), default=None)
        assert last == (None if at is None else BEGIN + at * MINUTE)


def day(ago: int, median: str | None, *, results: int = 40, outside: str | None = "0.10", analyte: str = "ca") -> Day:
    return Day(
        feed="lab", analyte=analyte, day=TODAY - timedelta(days=ago), results=results,
        median=None if median is None else Decimal(median), outside=None if outside is None else Decimal(outside),
    )  # fmt: skip


USUAL = [day(ago, f"2.{30 + ago % 3}") for ago in range(1, 25)]


@pytest.mark.parametrize(("now", "kinds"), [
    ("2.31", []), ("2.40", []), ("2.53", []), ("2.55", ["median"]), ("9.20", ["median"]), ("2.00", ["median"]),
    (None, []),
])  # fmt: skip
def test_a_jump_of_the_daily_median_is_told_and_a_usual_day_is_not(now: str | None, kinds: list[str]) -> None:
    assert [one.kind for one in shifts([*USUAL, day(0, now)], TODAY, OWN)] == kinds


def test_a_jump_of_the_share_outside_the_limits_is_told() -> None:
    assert shifts([*USUAL, day(0, "2.31", outside="0.29")], TODAY, OWN) == []
    (found,) = shifts([*USUAL, day(0, "2.31", outside="0.45")], TODAY, OWN)
    assert (found.kind, found.before, found.now) == ("outside", Decimal("0.10"), Decimal("0.45"))


def test_too_few_results_or_days_say_nothing() -> None:
    assert shifts([*USUAL, day(0, "9.2", results=19)], TODAY, OWN) == []
    assert shifts([*USUAL[:9], day(0, "9.2")], TODAY, OWN) == []
    assert shifts([*USUAL[:10], day(0, "9.2")], TODAY, OWN) != []


def test_one_odd_day_before_does_not_widen_what_is_usual() -> None:
    assert shifts([*USUAL[1:], day(1, "9.2"), day(0, "9.2")], TODAY, OWN) != []


def test_a_feed_that_wanders_may_wander() -> None:
    wide = [day(ago, str(2 + ago % 5)) for ago in range(1, 25)]
    assert shifts([*wide, day(0, "7")], TODAY, OWN) == []
