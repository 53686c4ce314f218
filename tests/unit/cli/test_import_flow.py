"""How much an import has on the way: never over 200 records a partition, and less as soon as others would wait."""

from __future__ import annotations

import pytest

from services.cli.importing import flow
from services.cli.importing.flow import AIM_SECONDS, FEWEST, FIRST, MOST_RECORDS, Flow, Sent


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(flow, "monotonic", lambda: found.now)
    return found


def send(watched: Flow, clock: Clock, offset: int, results: int = 0) -> None:
    watched.sends(0, results)
    watched.confirmed(0, offset, Sent(event_id=str(offset), results=results, at=clock.now))


def test_never_more_than_so_many_records_a_partition_whoever_sent_them(clock: Clock) -> None:
    watched = Flow({0: 150, 1: 0})
    for offset in range(150, MOST_RECORDS):
        assert watched.has_room(0, 0)
        send(watched, clock, offset)
    assert not watched.has_room(0, 0)
    assert watched.has_room(1, 0)
    watched.stored({0: 1})
    assert watched.has_room(0, 0)


def test_unconfirmed_records_count_too(clock: Clock) -> None:
    del clock
    watched = Flow({0: 0})
    for _ in range(MOST_RECORDS):
        watched.sends(0, 0)
    assert not watched.has_room(0, 0)
    assert watched.waiting == MOST_RECORDS


def test_what_was_passed_is_given_back_once_in_order(clock: Clock) -> None:
    watched = Flow({0: 0})
    for offset in range(3):
        send(watched, clock, offset, 10)
    assert [one.event_id for one in watched.stored({0: 2})] == ["0", "1"]
    assert [one.event_id for one in watched.stored({0: 2})] == []
    assert [one.event_id for one in watched.stored({0: 3})] == ["2"]
    assert watched.waiting == 0


def test_a_record_larger_than_the_limit_goes_alone(clock: Clock) -> None:
    watched = Flow({0: 0})
    assert watched.has_room(0, 10 * FIRST)
    send(watched, clock, 0, 10 * FIRST)
    assert not watched.has_room(0, 1)


def test_less_is_on_the_way_as_soon_as_it_takes_too_long_and_more_again_later(clock: Clock) -> None:
    watched = Flow({0: 0})
    for offset in range(10):
        send(watched, clock, offset, 100)
        clock.now += 4 * AIM_SECONDS
        watched.stored({0: offset + 1})
    assert watched.limit == FEWEST
    for offset in range(10, 40):
        send(watched, clock, offset, 100)
        clock.now += AIM_SECONDS / 10
        watched.stored({0: offset})  # one is always still on its way, so that more could be
    assert watched.limit > FEWEST
