"""The time of day as an argument: the real one, and one that tests move by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Protocol


class Clock(Protocol):
    """Whatever waits or stamps is given one of these."""

    def now(self) -> datetime:
        """The present moment: aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """Stands still until it is moved; never backwards unless `set` says so."""

    def __init__(self, start: datetime) -> None:
        self._lock = Lock()
        self._now = _aware(start)

    def now(self) -> datetime:
        """The moment it was last moved to, in UTC."""
        with self._lock:
            return self._now

    def set(self, moment: datetime) -> None:
        """Jump to an aware moment, also backwards."""
        with self._lock:
            self._now = _aware(moment)

    def advance(self, step: timedelta) -> datetime:
        """Move forward and say the new time. ValueError for a negative step."""
        if step < timedelta(0):
            raise ValueError(f"a clock advances forwards, not by {step}; use set() to turn it back")
        with self._lock:
            self._now += step
            return self._now


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; pass an aware datetime")
    return moment.astimezone(UTC)
