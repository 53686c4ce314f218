"""From judgements to episodes: one at a time per patient and rule; opened, re-graded, cleared with hysteresis."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from alerts.logic import Truth
from alerts.rule import Judgement
from alerts.severity import Severity
from alerts.thresholds import Clearing


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """A level the episode had from a sample on."""

    at: datetime
    level: str
    severity: Severity


class Episode(msgspec.Struct, frozen=True, kw_only=True):
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


def fold(judgements: Iterable[Judgement], clearing: Clearing) -> list[Episode]:
    """Episodes in order; at most the last one is open."""
    episodes: list[Episode] = []
    run: list[Judgement] = []
    current: Episode | None = None
    for judgement in judgements:
        if judgement.truth is Truth.TRUE:
            current, run = _met(current, judgement), []
        elif current is not None:
            run = _run(run, judgement)
            if _ends(run, clearing):
                episodes.append(_cleared(current, judgement))
                current, run = None, []
    return [*episodes, current] if current else episodes


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


def _run(run: list[Judgement], judgement: Judgement) -> list[Judgement]:
    """Samples in a row within the clearing limit; one beyond it starts again, one not counted changes nothing."""
    if judgement.clears is Truth.TRUE:
        return [*run, judgement]
    return [] if judgement.clears is Truth.FALSE else run


def _ends(run: list[Judgement], clearing: Clearing) -> bool:
    if not run or clearing.samples == 0 or len(run) < clearing.samples:
        return False
    return run[-1].at - run[0].at >= timedelta(hours=clearing.span_hours)


def _cleared(current: Episode, judgement: Judgement) -> Episode:
    return msgspec.structs.replace(current, cleared_at=judgement.at, clear_cause=judgement.clear_cause)
