"""A patient's results as the rules see them: per analyte the winning, not withdrawn versions in collection order.

`merge` is commutative, associative and idempotent; a `Series` is never changed, only replaced.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TypeVar

import msgspec

from alerts.logic import Interval
from alerts.result import Result
from alerts.version import PAST, Measurement, Wait, fold, waited

T = TypeVar("T")
_time = attrgetter("at")
_NEXT = timedelta(microseconds=1)
_PARTS = frozenset({"single_band", "derived"})


OF_ITS_SPECIMEN = frozenset({"hi"})
"""Read by every value of its specimen, whenever that was taken."""


class Point(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What counts of one analyte at one collection time."""

    at: datetime
    result: Result
    """The highest-ranked of those taken at this time; never an average."""
    preliminary: bool = False
    flags: tuple[str, ...] = ()
    others: tuple[Result, ...] = ()
    """Near-duplicates of the same time: kept, shown, never compared with each other."""

    @property
    def interval(self) -> Interval:
        """What is known of the quantity. Only for points of `Series.points`, which all have one."""
        interval = self.result.interval
        if interval is None:
            raise TypeError(f"{self.result.analyte} at {self.at:%Y-%m-%dT%H:%M} is coded and has no interval")
        return interval


class Series:
    """All versions, grouped by analyte and slot, with the winners worked out."""

    __slots__ = ("_attempts", "_measurements", "_points", "_preliminary", "_specimens", "_versions", "_waits")

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, dict[str, Result]]] = {}
        self._measurements: dict[str, dict[str, tuple[Measurement, ...]]] = {}
        self._points: dict[str, tuple[Point, ...]] = {}
        self._preliminary: frozenset[str] = frozenset()
        self._specimens: dict[str, datetime] = {}
        """When anything of a specimen was first taken."""
        self._waits: dict[tuple[str, str], Wait] = {}
        self._attempts: dict[tuple[str, str], datetime] = {}

    def merge(self, results: Iterable[Result]) -> Series:
        """Return this series with `results` added; a result id that is already there changes nothing."""
        changed: dict[str, dict[str, dict[str, Result]]] = {}
        for result in results:
            known = self._versions.get(result.analyte, {}).get(result.slot, {})
            versions = changed.setdefault(result.analyte, {}).setdefault(result.slot, dict(known))
            versions[result.result_id] = _first_seen(versions.get(result.result_id, result), result)
        return self._with(changed)

    def _with(self, changed: dict[str, dict[str, dict[str, Result]]]) -> Series:
        new = Series()
        new._preliminary, new._waits, new._attempts = self._preliminary, self._waits, self._attempts
        new._specimens = _first_of(self._specimens, changed)
        new._versions, new._measurements, new._points = (
            dict(self._versions),
            dict(self._measurements),
            dict(self._points),
        )
        for analyte, slots in changed.items():
            new._versions[analyte] = {**self._versions.get(analyte, {}), **slots}
            folded = {slot: fold(versions.values()) for slot, versions in slots.items()}
            new._measurements[analyte] = {**self._measurements.get(analyte, {}), **folded}
            new._waits = _renewed_of(new._waits, analyte, {s: waited(v.values()) for s, v in slots.items()})
            new._attempts = _renewed_of(new._attempts, analyte, {s: _attempted(folded[s]) for s in slots})
            touched = _by_time(known.get(slot, ()) for known in (self._measurements.get(analyte, {}), folded)
                               for slot in slots)  # fmt: skip
            new._points[analyte] = _renewed(self.points(analyte), new._measurements[analyte], touched)
            if analyte in self._preliminary or any(p.preliminary for time in touched if (p := new.at(analyte, time))):
                waiting = any(point.preliminary for point in new._points[analyte])
                new._preliminary = new._preliminary | {analyte} if waiting else new._preliminary - {analyte}
        return new

    def __contains__(self, result: Result) -> bool:
        return result.result_id in self._versions.get(result.analyte, {}).get(result.slot, {})

    @property
    def analytes(self) -> Iterable[str]:
        """Analytes of which any version is known."""
        return self._versions.keys()

    @property
    def preliminary_analytes(self) -> frozenset[str]:
        """Analytes of which some value is still preliminary; mostly none."""
        return self._preliminary

    def waits(self) -> Iterable[tuple[str, Wait]]:
        """Orders that were, or are, long without a result, with their analyte; mostly none."""
        return ((analyte, self._waits[analyte, slot]) for analyte, slot in sorted(self._waits))

    def attempts(self, analyte: str) -> list[datetime]:
        """When it was collected and brought no value: not obtained, haemolysed, insufficient, ...; in order."""
        return sorted(at for (name, _), at in self._attempts.items() if name == analyte)

    def results(self) -> list[Result]:
        """Every version, ordered by analyte, collection time and id."""
        everything = [r for slots in self._versions.values() for versions in slots.values() for r in versions.values()]
        return sorted(everything, key=lambda r: (r.analyte, r.collected_at, r.result_id))

    def measurements(self, analyte: str) -> list[Measurement]:
        """Every measurement of the analyte, withdrawn and empty ones too, in collection order."""
        found = [m for slot in self._measurements.get(analyte, {}).values() for m in slot]
        return sorted(found, key=lambda m: (m.winner.collected_at, m.winner.slot))

    def of_slot(self, analyte: str, slot: str) -> tuple[Measurement, ...]:
        """The measurements of one slot: mostly one, none when it is not known."""
        return self._measurements.get(analyte, {}).get(slot, ())

    def points(self, analyte: str) -> tuple[Point, ...]:
        """Values the rules may use, one a collection time, in collection order; preliminary ones are marked."""
        return self._points.get(analyte, ())

    def at(self, analyte: str, time: datetime) -> Point | None:
        """The value taken exactly then."""
        points = self._points.get(analyte, ())
        if not points or points[-1].at <= time:  # the newest is what is mostly asked for
            return points[-1] if points and points[-1].at == time else None
        index = bisect_left(points, time, key=_time)
        return points[index] if index < len(points) and points[index].at == time else None

    def after(self, analyte: str, time: datetime | None) -> Sequence[Point]:
        """Values taken after `time` (all when None), in collection order."""
        points = self._points.get(analyte, ())
        if time is None or not points:
            return points
        if points[-1].at <= time:
            return ()
        if len(points) == 1 or points[-2].at <= time:
            return points[-1:]
        return points[bisect_right(points, time, key=_time) :]

    def times_after(self, analytes: Iterable[str], time: datetime | None) -> Sequence[datetime]:
        """Collection times after `time` (all when None) of any of the analytes, in order, each once."""
        found: list[datetime] = []
        several = False
        for analyte in analytes:
            points = self._points.get(analyte)
            if points and (time is None or points[-1].at > time):
                one = time is not None and (len(points) == 1 or points[-2].at <= time)  # mostly one is new
                if one and found and found[-1] == points[-1].at:  # and of the same draw as those before it
                    continue
                several = bool(found)
                if one:
                    found.append(points[-1].at)
                else:
                    found += [point.at for point in self.after(analyte, time)]
        return sorted(set(found)) if several else found

    def since(self, analyte: str, time: datetime | None) -> Sequence[Point]:
        """Values taken at or after `time` (all when None), in collection order."""
        points = self._points.get(analyte, ())
        return points if time is None else points[_earlier(points, time) :]

    def following(self, analyte: str, time: datetime) -> Point | None:
        """The next value taken after `time`, final or not."""
        points = self._points.get(analyte, ())
        if not points or points[-1].at <= time:
            return None
        return points[bisect_right(points, time, key=_time)]

    def reach(self, results: Iterable[Result]) -> datetime | None:
        """The earliest collection time that adding `results` can change: theirs, and those of their slots till now."""
        versions = [
            one for r in results for one in (r, *self._versions.get(r.analyte, {}).get(r.slot, {}).values())
        ]  # fmt: skip
        times = [one.collected_at for one in versions]
        times += [
            self._specimens[v.specimen]
            for v in versions
            if v.analyte in OF_ITS_SPECIMEN and v.specimen in self._specimens
        ]
        return min(times, default=None)

    def until(self, time: datetime) -> Series:
        """The series with the values taken up to and at `time` only; versions and winners are those of today."""
        new = Series()
        new._versions, new._measurements = self._versions, self._measurements
        new._points = {name: points[: bisect_right(points, time, key=_time)] for name, points in self._points.items()}
        waiting = (name for name in self._preliminary if any(p.preliminary for p in new._points[name]))
        new._preliminary = frozenset(waiting)
        return new

    def parts_at(self, time: datetime) -> datetime:
        """From when on `until(time)` may be read otherwise than this series: just after it, mostly.

        What belongs to a whole specimen counts from the specimen's first collection, as in `reach`.
        """
        later = [point.result.specimen for name in OF_ITS_SPECIMEN for point in self.after(name, time)]
        return min([time + _NEXT, *(self._specimens[one] for one in later if one in self._specimens)])

    def before(self, analyte: str, time: datetime, within: timedelta | None = None) -> Sequence[Point]:
        """Final values taken before `time`, at most `within` earlier (bound included), in collection order."""
        points = self._points.get(analyte, ())
        start = 0 if within is None else bisect_left(points, time - within, key=_time)
        found = points[start : _earlier(points, time)]
        return [p for p in found if not p.preliminary] if analyte in self._preliminary else found

    def last_before(self, analyte: str, time: datetime) -> Iterator[Point]:
        """Final values taken before `time`, the newest first."""
        points = self._points.get(analyte, ())
        for index in range(_earlier(points, time) - 1, -1, -1):
            if not points[index].preliminary:
                yield points[index]

    def newest(self, analyte: str, time: datetime, within: timedelta | None = None) -> Point | None:
        """The last final value taken at or before `time`, at most `within` earlier (bound included)."""
        points = self._points.get(analyte, ())
        number = len(points) if points and points[-1].at <= time else bisect_right(points, time, key=_time)
        for index in range(number - 1, -1, -1):
            point = points[index]
            if within is not None and time - point.at > within:
                return None
            if not point.preliminary:
                return point
        return None

    def nearest(
        self, analyte: str, time: datetime, within: timedelta, specimen: str = "", *, preliminary: bool = False
    ) -> Point | None:
        """Of the same specimen, else the nearest either way within `within` (inclusive); the earlier of two equals.

        Final values only, unless `preliminary` lets the others in.
        """
        points = self._points.get(analyte)
        if not points or points[-1].at < time - within:
            return None
        low = bisect_left(points, time - within, key=_time)
        high = bisect_right(points, time + within, low, key=_time)
        near = [p for p in points[low:high] if preliminary or not p.preliminary]
        if len(near) <= 1:
            return near[0] if near else None
        same = [p for p in near if specimen and p.result.specimen == specimen]
        return min(same or near, key=lambda p: (abs(p.at - time), p.at), default=None)


def _earlier(points: Sequence[Point], time: datetime) -> int:
    """How many were taken before `time`; mostly all, or all but the newest."""
    number = len(points)
    if not number or points[-1].at < time:
        return number
    return number - 1 if number == 1 or points[-2].at < time else bisect_left(points, time, key=_time)


def _first_seen(known: Result, again: Result) -> Result:
    """Of two sightings of one version the earlier, whatever order they came in: only where it was seen differs."""
    return min(known, again, key=lambda r: (r.received_at, r.source.event_id, r.source.segment, r.mapping_version))


def _renewed_of(
    known: dict[tuple[str, str], T], analyte: str, found: Mapping[str, T | None]
) -> dict[tuple[str, str], T]:
    """With the slots that changed looked at anew, by analyte and slot; the same where there is nothing of the kind."""
    if not any(found.values()) and all((analyte, slot) not in known for slot in found):
        return known
    kept = {key: one for key, one in known.items() if not (key[0] == analyte and key[1] in found)}
    return kept | {(analyte, slot): one for slot, one in found.items() if one is not None}


def _attempted(measurements: Iterable[Measurement]) -> datetime | None:
    """The newest collection of the slot that ended without a value."""
    empty = (m.winner.collected_at for m in measurements if m.attempted)
    return max(empty, default=None)


def _first_of(
    known: dict[str, datetime], changed: Mapping[str, Mapping[str, Mapping[str, Result]]]
) -> dict[str, datetime]:
    found = dict(known)
    for result in (r for slots in changed.values() for versions in slots.values() for r in versions.values()):
        if result.specimen:
            found[result.specimen] = min(result.collected_at, found.get(result.specimen, result.collected_at))
    return found


def _by_time(slots: Iterable[tuple[Measurement, ...]]) -> dict[datetime, set[str]]:
    """Slots by the collection times they have or had."""
    found: dict[datetime, set[str]] = {}
    for measurements in slots:
        for measurement in measurements:
            found.setdefault(measurement.winner.collected_at, set()).add(measurement.winner.slot)
    return found


def _renewed(
    points: tuple[Point, ...],
    measurements: Mapping[str, tuple[Measurement, ...]],
    touched: Mapping[datetime, set[str]],
) -> tuple[Point, ...]:
    """The points with those of the `touched` times made anew, from the slots that were there and the touched ones."""
    found = list(points)
    for time in sorted(touched):
        index = bisect_left(found, time, key=_time)
        there = [p for p in found[index : index + 1] if p.at == time]
        slots = touched[time].union(r.slot for p in there for r in (p.result, *p.others))
        counted = [m for slot in sorted(slots) for m in measurements.get(slot, ()) if m.countable]
        here = [m for m in counted if m.winner.collected_at == time]
        found[index : index + len(there)] = [_point(time, here)] if here else []
    return tuple(found)


def _point(time: datetime, measurements: list[Measurement]) -> Point:
    first, *rest = sorted(measurements, key=_precedence)
    flags = {*first.flags, *first.winner.flags, *(["near_duplicate"] if rest else [])} - PAST
    return Point(
        at=time, result=first.winner, preliminary=first.preliminary,
        flags=tuple(sorted(flags)), others=tuple(m.winner for m in rest),
    )  # fmt: skip


def _precedence(measurement: Measurement) -> tuple[bool, bool, bool, bool, str]:
    """Final before preliminary, central laboratory before point of care, the whole before a part, a number, slot id.

    A part is one band of the M-protein, or an M worked out from its share of the protein.
    """
    winner = measurement.winner
    lesser = not _PARTS.isdisjoint(winner.flags)
    return (measurement.preliminary, "point_of_care" in winner.flags, lesser, winner.kind != "NUMERIC", winner.slot)
