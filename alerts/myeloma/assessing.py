"""Response over time: each assessment, and the category that two in a row confirm (relapse 2 and 3).

An assessment is every collection of a component that was measurable; what was not drawn with it is the newest value of
the last two months. Stay in the last confirmed category until improvement or progression is confirmed [R:7].
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain as chain_of
from operator import attrgetter, itemgetter

import msgspec

from alerts.clone import Chain
from alerts.logic import INDETERMINATE, TRUE, Interval
from alerts.myeloma.disease import disease
from alerts.myeloma.flc import Pair, abnormal
from alerts.myeloma.lines import line_of, line_starts
from alerts.myeloma.patient_type import PatientType
from alerts.myeloma.readings import whole_days
from alerts.myeloma.response import Assessment, Category, Fixation, category
from alerts.rule import View
from alerts.series import Point
from alerts.stepping import up_to

_time, _at = itemgetter(0), attrgetter("at")


class Assessed(msgspec.Struct, frozen=True, kw_only=True):
    """One assessment."""

    at: datetime
    alone: Category | None
    """What this assessment alone would be; None when not evaluable."""
    confirmed: Category | None
    """What two in a row confirm, since the start of the line; None when not evaluable."""
    progressed: bool
    """Confirmed progression in this line: response is then no longer counted."""
    fixations: tuple[datetime | None, ...] = ()
    """When the serum and the urine immunofixation it rests on were taken."""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity over time: what it was up to a moment and at the start of a line."""

    items: tuple[tuple[datetime, Interval], ...] = ()

    def onward(self, since: datetime | None, new: Iterable[tuple[datetime, Interval]]) -> Track:
        """With `new` from `since` on."""
        return Track(items=(*self.items[: up_to(self.items, since, _time)], *new))

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


class Tracks(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    serum: Track = Track()
    urine: Track = Track()
    ratio: Track = Track()
    dflc: Track = Track()

    def before(self, since: datetime) -> tuple[bool, ...]:
        """Of each whether it had a value before `since`."""
        return tuple(bool(t.items) and t.items[0][0] < since for t in (self.serum, self.urine, self.dflc))

    @property
    def any(self) -> tuple[bool, ...]:
        """Of each whether it has a value."""
        return tuple(bool(track.items) for track in (self.serum, self.urine, self.dflc))


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Every assessment after the baseline, in collection order, and what they are made of."""

    items: tuple[Assessed, ...] = ()
    tracks: Tracks = Tracks()
    progressed: dict[int, datetime] = {}
    """When progression was first confirmed in a line of therapy."""


def assessed(view: View) -> Sequence[Assessed]:
    """Every assessment after the baseline, in collection order; once an evaluation."""
    return response(view, None, None)[0].items


def response(view: View, known: Response | None, since: datetime | None) -> tuple[Response, datetime | None]:
    """All assessments; those before the time that comes back are as in `known`, none of them when it is None.

    `since` is from where on anything they rest on is new.
    """
    source = _Source(view, known or Response(), since if known else None)
    if known is not None and since is not None:
        if source.resumes(known, since):
            return source.response(known.items, since), since
        source = _Source(view, Response(), None)
    return source.response((), None), None


def _assessed(view: View, source: _Source, known: Sequence[Assessed], since: datetime | None) -> list[Assessed]:
    """Those of `known` before `since`, and the rest anew."""
    starts, found = line_starts(view), list(known[: up_to(known, since)])
    last = found[-1] if found else None
    line, alone, confirmed = -1, None, None
    fixed: tuple[datetime | None, ...] = ()
    if last is not None:
        line, alone, confirmed, fixed = line_of(starts, last.at), last.alone, last.confirmed, last.fixations
    for at in source.times(since if last else None):
        if line_of(starts, at) != line:
            line, alone, confirmed = line_of(starts, at), None, Category.SD
            if line == 0:
                continue
        now = category(view.pack, source.at(at, starts[line - 1] if line else None))
        fixations = source.fixations(at)
        same = any(one == other for one, other in zip(fixations, fixed, strict=False))
        confirmed = _confirmed(confirmed, alone, now, same_fixation=same)
        alone, fixed = now, fixations
        found.append(
            Assessed(
                at=at,
                alone=now,
                confirmed=confirmed,
                progressed=source.progressed(at, line),
                fixations=fixations,
            )
        )
    return found


def _confirmed(
    known: Category | None, before: Category | None, now: Category | None, *, same_fixation: bool
) -> Category | None:
    """Better only by what two assessments in a row reach; one immunofixation confirms no complete response twice."""
    if now is None:
        return None
    reached = Category.SD if before is None else min(before, now)
    reached = min(reached, Category.VGPR) if same_fixation else reached
    return max(known or Category.SD, reached)


class _Source:
    """All that an assessment is made of."""

    def __init__(self, view: View, known: Response, since: datetime | None) -> None:
        self._view, self._known = view, disease(view)
        self._days, self._starts = int(view.pack["response.together_days"]), line_starts(view)
        chain, told, old = self._known.chain, self._known, known.tracks
        urine, light = told.urine[up_to(told.urine, since) :], told.light[up_to(told.light, since) :]
        self._tracks = Tracks(
            serum=old.serum.onward(since, self._serum_component(since)),
            urine=old.urine.onward(since, ((r.at, r.interval) for r in urine)),
            ratio=old.ratio.onward(since, ((p.at, p.ratio) for p in light)),
            dflc=old.dflc.onward(since, ((p.at, p.dflc(chain)) for p in light) if chain else ()),
        )
        self._pd_seen = {line: at for line, at in known.progressed.items() if since is not None and at < since}
        steps = [s for found in told.told.values() for s in found.steps_since(since) if s.pd_at and not s.carried]
        for step in sorted(steps, key=lambda s: s.reading.at):
            self._pd_seen.setdefault(line_of(self._starts, step.reading.at), step.reading.at)

    def resumes(self, known: Response, since: datetime) -> bool:
        """What came before stands: no baseline is a later value than it was, none comes from the changed part."""
        held = self._tracks.any == known.tracks.any == self._tracks.before(since)
        return held and not any(start >= since for start in self._starts)

    def response(self, known: Sequence[Assessed], since: datetime | None) -> Response:
        """All of it."""
        items = _assessed(self._view, self, known, since)
        return Response(items=tuple(items), tracks=self._tracks, progressed=self._pd_seen)

    def _serum_component(self, since: datetime | None) -> list[tuple[datetime, Interval]]:
        """Serum M, in lines where it stands in the immunoglobulin: one method for the whole line (relapse 1)."""
        stands_in, serum = self._known.types.stand_in.at, self._known.serum
        told = self._known.told.get("immunoglobulin")
        other = told.readings if told else ()
        m = [r for r in serum[up_to(serum, since) :] if not r.partial and not stands_in(r.at)]
        found = [*m, *(r for r in other[up_to(other, since) :] if stands_in(r.at))]
        return sorted(((r.at, r.interval) for r in found), key=_time)

    def times(self, since: datetime | None) -> list[datetime]:
        """Collections from `since` on of a component that was measurable at the time."""
        kinds = self._known.types
        serum, urine, dflc = (
            [at for at, _ in track.items[up_to(track.items, since, _time) :]]
            for track in (self._tracks.serum, self._tracks.urine, self._tracks.dflc)
        )
        seen = {at: kinds.at(at) for at in (*serum, *urine, *dflc)}
        by_serum = (PatientType.SERUM, PatientType.SERUM_URINE, PatientType.NON_MEASURABLE)
        by_urine = (PatientType.URINE, PatientType.SERUM_URINE)
        taken = [at for at in serum if seen[at] in by_serum] + [at for at in urine if seen[at] in by_urine]
        return sorted({*taken, *(at for at in dflc if seen[at] is PatientType.FLC_ONLY)})

    def at(self, when: datetime, start: datetime | None) -> Assessment:
        """What is known at one time."""
        tracks = self._tracks
        ratio = tracks.ratio.newest(when, self._days)
        return Assessment(
            kind=self._known.types.at(when),
            serum=tracks.serum.newest(when, self._days),
            serum_baseline=tracks.serum.baseline(start),
            urine=tracks.urine.newest(when, self._days),
            urine_baseline=tracks.urine.baseline(start),
            dflc=tracks.dflc.newest(when, self._days),
            dflc_baseline=self._dflc_baseline(when, start),
            serum_ife=self._fixation("sife", when),
            urine_ife=self._fixation("uife", when),
            normal_ratio=None if ratio is None else _normal(self._view, ratio),
        )

    def progressed(self, at: datetime, line: int) -> bool:
        """Progression confirmed in this line by now."""
        return line in self._pd_seen and self._pd_seen[line] <= at

    def fixations(self, when: datetime) -> tuple[datetime | None, ...]:
        """When the immunofixations of serum and urine in force were taken."""
        found = (self._taken(analyte, when) for analyte in ("sife", "uife"))
        return tuple(point.at if point else None for point in found)

    def _dflc_baseline(self, when: datetime, start: datetime | None) -> Interval | None:
        """Of the platform that measured the newest draw, else its first: another one is another series (analytes 4)."""
        pairs, chain = self._known.light, self._known.chain
        now = pairs[max(bisect_right(pairs, when, key=_at) - 1, 0)] if pairs else None
        if now is None or chain is None:
            return None
        index = 0 if start is None else max(bisect_right(pairs, start, key=_at) - 1, 0)
        back, on = pairs[index::-1], pairs[index + 1 :]
        alike = (p for pair in chain_of(back, on) for p in (pair, *pair.beside) if _comparable(p, now))
        return next((pair.dflc(chain) for pair in alike), None)

    def _taken(self, analyte: str, when: datetime) -> Point | None:
        """The newest final one of the last two months."""
        return self._view.series.newest(analyte, when, timedelta(days=self._days + 1) - timedelta(microseconds=1))

    def _fixation(self, analyte: str, when: datetime) -> Fixation:
        point = self._taken(analyte, when)
        coded = point.result.coded.casefold() if point else ""
        return "positive" if coded.startswith("positive") else "negative" if coded == "negative" else ""


def _comparable(one: Pair, other: Pair) -> bool:
    """Of one method, as far as both are named."""
    methods = {pair.kappa.result.method.casefold() for pair in (one, other)}
    return len(methods) == 1 or "" in methods


def _normal(view: View, ratio: Interval) -> bool | None:
    """A ratio that is certainly abnormal for neither chain is normal; one left open is unknown."""
    chains: tuple[Chain, Chain] = ("kappa", "lambda")
    truths = [abnormal(view.pack, chain, ratio).truth for chain in chains]
    if TRUE in truths:
        return False
    return None if INDETERMINATE in truths else True
