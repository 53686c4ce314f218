"""Clocks know their time zone, and the one moved by hand stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.shared.clock import ManualClock, SystemClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(timedelta(hours=2)) == NOON + timedelta(hours=2)
    clock.set(NOON)
    assert clock.now() == NOON


def test_a_manual_clock_speaks_utc() -> None:
    ljubljana = timezone(timedelta(hours=1))
    assert ManualClock(NOON.astimezone(ljubljana)).now().isoformat() == "2026-03-01T12:00:00+00:00"


def test_a_naive_moment_and_a_step_back_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        ManualClock(NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="forwards"):
        ManualClock(NOON).advance(timedelta(seconds=-1))
