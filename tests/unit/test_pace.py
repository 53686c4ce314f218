"""A transaction takes about a second's worth of events."""

from __future__ import annotations

from services.ledger.pace import FIRST, MOST, Pace


def test_quick_ones_grow_to_the_most() -> None:
    pace = Pace()
    for _ in range(10):
        pace.took(pace.size, 0.1)
    assert pace.size == MOST


def test_a_small_batch_says_nothing_about_a_large_one() -> None:
    pace = Pace()
    pace.took(1, 0.001)
    assert pace.size == FIRST


def test_a_slow_one_shrinks_to_what_would_have_fitted() -> None:
    pace = Pace()
    pace.took(32, 8.0)
    assert pace.size == 4
    pace.took(4, 60.0)
    assert pace.size == 1


def test_a_failed_one_is_halved_down_to_one_event() -> None:
    pace = Pace()
    for size in (16, 8, 4, 2, 1, 1):
        pace.failed(pace.size)
        assert pace.size == size
