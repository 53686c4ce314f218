"""What people and administration know of a patient, versioned in time. Unknown is unknown, never "none"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cached_property

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


def _order(fact: Fact) -> tuple[bool, datetime, str, str]:
    return fact.start is not None, fact.start or datetime.min, fact.code, fact.value  # noqa: DTZ901 - never compared with an aware time: the first item differs


class Context(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All facts of one patient; an empty context means that nothing is known."""

    sex: str = ""
    """`F`, `M` or empty."""
    birth_date: date | None = None
    facts: tuple[Fact, ...] = ()

    def of(self, kind: str) -> Sequence[Fact]:
        """Facts of one kind, oldest first; those without a start come first."""
        return self._by_kind.get(kind, ())

    @cached_property
    def _by_kind(self) -> dict[str, tuple[Fact, ...]]:
        """Worked out once a context, because every rule asks; no part of what it says or of its equality."""
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(fact.kind, []).append(fact)
        return {kind: tuple(sorted(facts, key=_order)) for kind, facts in found.items()}

    def active(self, kind: str, at: datetime) -> Sequence[Fact]:
        """Facts of one kind that hold at `at`."""
        known = self.of(kind)
        return known and [f for f in known if (f.start is None or f.start <= at) and (f.end is None or at <= f.end)]

    def age_years(self, at: datetime) -> int | None:
        """Completed years, None when the birth date is unknown."""
        return None if self.birth_date is None else completed_years(self.birth_date, at.date())


def completed_years(born: date, day: date) -> int:
    """Whole years between the two; negative before the birth."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
