"""From judgements to episodes: one at a time per patient and rule; opened, re-graded, cleared with hysteresis."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from alerts.logic import FALSE, INDETERMINATE, TRUE
from alerts.rule import Judgement
from alerts.severity import Severity
from alerts.thresholds import Clearing


class Grade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A level the episode had from a sample on."""

    at: datetime
    level: str
    severity: Severity


class Episode(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A span of time in which one rule holds for one patient."""

    anchor: str
    """Slot of the sample that opened it."""
    opened_at: datetime
    grades: tuple[Grade, ...]
    """Changes of level or severity, oldest first; the last one is in force."""
    last: Judgement
    """The newest sample that met the condition: the alert's reasons."""
    slots: tuple[str, ...]
    """Slots of every sample that met the condition, for matching episodes that move."""
    cleared_at: datetime | None = None
    clear_cause: str = ""

    @property
    def grade(self) -> Grade:
        """The level in force."""
        return self.grades[-1]


class Fold(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How far the folding has come; taking more judgements from here is as good as from the start."""

    closed: tuple[Episode, ...] = ()
    current: Episode | None = None
    run: int = 0
    """Samples in a row within the clearing limit."""
    run_began: datetime | None = None

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """In order; at most the last one is open."""
        return (*self.closed, self.current) if self.current else self.closed

    def take(self, judgements: Iterable[Judgement], clearing: Clearing) -> Fold:
        """With the judgements that follow, in collection order."""
        folded = self
        for judgement in judgements:
            if judgement.truth is TRUE:
                folded = Fold(closed=folded.closed, current=_met(folded.current, judgement))
            elif folded.current is not None:
                folded = _not_met(folded, folded.current, judgement, clearing)
        return folded


def fold(judgements: Iterable[Judgement], clearing: Clearing) -> list[Episode]:
    """Episodes in order; at most the last one is open."""
    return list(Fold().take(judgements, clearing).episodes)


def _met(current: Episode | None, judgement: Judgement) -> Episode:
    if judgement.severity is None:
        raise ValueError(f"{judgement.level} at {judgement.at:%Y-%m-%d %H:%M} is TRUE without a severity")
    grade = Grade(at=judgement.at, level=judgement.level, severity=judgement.severity)
    if current is None:
        return Episode(
            anchor=judgement.slot, opened_at=judgement.at, grades=(grade,), last=judgement, slots=(judgement.slot,)
        )
    same = (current.grade.level, current.grade.severity) == (grade.level, grade.severity)
    grades = current.grades if same else (*current.grades, grade)
    return msgspec.structs.replace(current, grades=grades, last=judgement, slots=(*current.slots, judgement.slot))


def _not_met(folded: Fold, current: Episode, judgement: Judgement, clearing: Clearing) -> Fold:
    """One more of a run within the clearing limit; one beyond it starts again, one not counted changes nothing."""
    if judgement.clears is INDETERMINATE:
        return folded
    if judgement.clears is FALSE:
        return Fold(closed=folded.closed, current=current)
    run, began = folded.run + 1, folded.run_began or judgement.at
    if clearing.samples and run >= clearing.samples and judgement.at - began >= timedelta(hours=clearing.span_hours):
        return Fold(closed=(*folded.closed, _cleared(current, judgement)))
    return Fold(closed=folded.closed, current=current, run=run, run_began=began)


def _cleared(current: Episode, judgement: Judgement) -> Episode:
    return msgspec.structs.replace(current, cleared_at=judgement.at, clear_cause=judgement.clear_cause)
