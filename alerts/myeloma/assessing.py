"""Response over time: each assessment, and the category that two in a row confirm (relapse 2 and 3).

An assessment is every collection of a component that was measurable; what was not drawn with it is the newest value of
the last two months. Stay in the last confirmed category until improvement or progression is confirmed [R:7].
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import msgspec

from alerts.clone import Chain
from alerts.logic import Interval, Truth
from alerts.myeloma.disease import courses, disease
from alerts.myeloma.flc import abnormal
from alerts.myeloma.lines import line_of, line_starts
from alerts.myeloma.patient_type import PatientType
from alerts.myeloma.readings import whole_days
from alerts.myeloma.response import Assessment, Category, Fixation, category
from alerts.rule import View


class Assessed(msgspec.Struct, frozen=True, kw_only=True):
    """One assessment."""

    at: datetime
    alone: Category | None
    """What this assessment alone would be; None when not evaluable."""
    confirmed: Category | None
    """What two in a row confirm, since the start of the line; None when not evaluable."""
    progressed: bool
    """Confirmed progression in this line: response is then no longer counted."""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity over time: what it was up to a moment and at the start of a line."""

    items: Sequence[tuple[datetime, Interval]]

    def newest(self, at: datetime, days: int) -> Interval | None:
        """The last value up to `at`, at most `days` old."""
        index = bisect_right(self.items, at, key=_time) - 1
        if index < 0 or whole_days(self.items[index][0], at) > days:
            return None
        return self.items[index][1]

    def baseline(self, start: datetime | None) -> Interval | None:
        """The last value up to the start of the line, else the first."""
        if not self.items:
            return None
        index = 0 if start is None else bisect_right(self.items, start, key=_time) - 1
        return self.items[max(index, 0)][1]


def assessed(view: View) -> list[Assessed]:
    """Every assessment after the baseline, in collection order; once an evaluation."""
    key = ("assessed", view.as_of, "")
    if key not in view.memo:
        view.memo[key] = _assessed(view)
    return cast(list[Assessed], view.memo[key])


def _assessed(view: View) -> list[Assessed]:
    source = _Source(view)
    starts, found = line_starts(view), []
    line, alone, confirmed = -1, None, None
    for at in source.times:
        if line_of(starts, at) != line:
            line, alone, confirmed = line_of(starts, at), None, Category.SD
            if line == 0:
                continue
        now = category(view.pack, source.at(at, starts[line - 1] if line else None))
        confirmed = _confirmed(confirmed, alone, now)
        alone = now
        found.append(Assessed(at=at, alone=now, confirmed=confirmed, progressed=source.progressed(at, line)))
    return found


def _confirmed(known: Category | None, before: Category | None, now: Category | None) -> Category | None:
    """Better only by what two assessments in a row reach."""
    if now is None:
        return None
    reached = Category.SD if before is None else min(before, now)
    return max(known or Category.SD, reached)


class _Source:
    """All that an assessment is made of."""

    def __init__(self, view: View) -> None:
        self._view, self._known = view, disease(view)
        chain, light = self._known.chain, self._known.light
        self._serum = Track(items=self._serum_component())
        self._urine = Track(items=[(r.at, r.interval) for r in self._known.urine])
        self._ratio = Track(items=[(p.kappa.at, p.ratio) for p in light])
        self._dflc = Track(items=[(p.kappa.at, p.dflc(chain)) for p in light] if chain else [])
        self._days = int(view.pack["response.together_days"])
        starts = line_starts(view)
        self._pd_seen: dict[int, datetime] = {}
        steps = (s for found in courses(view).values() for s in found if s.pd_at and not s.carried)
        for step in sorted(steps, key=lambda s: s.reading.at):
            self._pd_seen.setdefault(line_of(starts, step.reading.at), step.reading.at)

    def _serum_component(self) -> list[tuple[datetime, Interval]]:
        """Serum M, in lines where it stands in the immunoglobulin: one method for the whole line (relapse 1)."""
        stands_in = self._known.types.stand_in.at
        other = self._known.told.get("immunoglobulin")
        m = [r for r in self._known.serum if not r.partial and not stands_in(r.at)]
        found = [*m, *(r for r in (other.readings if other else ()) if stands_in(r.at))]
        return sorted(((r.at, r.interval) for r in found), key=_time)

    @property
    def times(self) -> list[datetime]:
        """Collections of a component that was measurable at the time."""
        kinds = self._known.types
        serum = [at for at, _ in self._serum.items if kinds.at(at) in (PatientType.SERUM, PatientType.SERUM_URINE)]
        urine = [at for at, _ in self._urine.items if kinds.at(at) in (PatientType.URINE, PatientType.SERUM_URINE)]
        light = [at for at, _ in self._dflc.items if kinds.at(at) is PatientType.FLC_ONLY]
        none = [at for at, _ in self._serum.items if kinds.at(at) is PatientType.NON_MEASURABLE]
        return sorted({*serum, *urine, *light, *none})

    def at(self, when: datetime, start: datetime | None) -> Assessment:
        """What is known at one time."""
        ratio = self._ratio.newest(when, self._days)
        return Assessment(
            kind=self._known.types.at(when),
            serum=self._serum.newest(when, self._days),
            serum_baseline=self._serum.baseline(start),
            urine=self._urine.newest(when, self._days),
            urine_baseline=self._urine.baseline(start),
            dflc=self._dflc.newest(when, self._days),
            dflc_baseline=self._dflc.baseline(start),
            serum_ife=self._fixation("sife", when),
            urine_ife=self._fixation("uife", when),
            normal_ratio=None if ratio is None else _normal(self._view, ratio),
        )

    def progressed(self, at: datetime, line: int) -> bool:
        """Progression confirmed in this line by now."""
        return line in self._pd_seen and self._pd_seen[line] <= at

    def _fixation(self, analyte: str, when: datetime) -> Fixation:
        points = self._view.series.points(analyte)
        index = bisect_right(points, when, key=lambda point: point.at) - 1
        while index >= 0 and points[index].preliminary:
            index -= 1
        if index < 0 or whole_days(points[index].at, when) > self._days:
            return ""
        coded = points[index].result.coded.casefold()
        return "positive" if coded.startswith("positive") else "negative" if coded == "negative" else ""


def _normal(view: View, ratio: Interval) -> bool | None:
    """A ratio that is certainly abnormal for neither chain is normal; one left open is unknown."""
    chains: tuple[Chain, Chain] = ("kappa", "lambda")
    truths = [abnormal(view.pack, chain, ratio).truth for chain in chains]
    if Truth.TRUE in truths:
        return False
    return None if Truth.INDETERMINATE in truths else True


def _time(item: tuple[datetime, Interval]) -> datetime:
    return item[0]
