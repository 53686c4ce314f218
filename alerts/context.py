"""What people and administration know of a patient, versioned in time. Unknown is unknown, never "none"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One dated entry of the patient's context, kinds as in `schemas.patient_event.ContextEntry`."""

    kind: str
    start: datetime | None = None
    """UTC; None means always."""
    end: datetime | None = None
    begun_by: datetime | None = None
    """End of the day where only the day of the start is known; None when its time is."""
    code: str = ""
    value: str = ""
    unit: str = ""
    note: str = ""

    @property
    def began(self) -> date | None:
        """The day it began: the day that was said, whatever the zone, else that of the time in UTC."""
        if self.start is None:
            return None
        return (self.start + (self.begun_by - self.start) / 2 if self.begun_by else self.start).date()


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """All facts of one patient; an empty context means that nothing is known."""

    sex: str = ""
    """`F`, `M` or empty."""
    birth_date: date | None = None
    facts: tuple[Fact, ...] = ()

    def of(self, kind: str) -> Sequence[Fact]:
        """Facts of one kind, oldest first; those without a start come first."""
        found = [fact for fact in self.facts if fact.kind == kind]
        if len(found) <= 1:
            return found
        return sorted(found, key=lambda f: (f.start is not None, f.start or datetime.min, f.code, f.value))  # noqa: DTZ901 - never compared with an aware time: the first item of the key differs

    def active(self, kind: str, at: datetime) -> Sequence[Fact]:
        """Facts of one kind that hold at `at`."""
        return [f for f in self.of(kind) if (f.start is None or f.start <= at) and (f.end is None or at <= f.end)]

    def age_years(self, at: datetime) -> int | None:
        """Completed years, None when the birth date is unknown."""
        if self.birth_date is None:
            return None
        born, day = self.birth_date, at.date()
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
