"""Evaluable readings of one component of the clone: one a specimen, in collection order (relapse 2).

Serum M in g/L, urine M in mg/24 h, light chains in mg/L. Preliminary values, coded results and urine that may not be
compared with IMWG limits are no readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Literal

import msgspec

from alerts.condition import Quantity
from alerts.logic import Interval
from alerts.rule import View
from alerts.samples import hours, shown, since
from alerts.series import Point
from alerts.stepping import up_to
from alerts.thresholds import Pack

Component = Literal["serum", "immunoglobulin", "urine", "dflc", "involved_flc"]
ANALYTES: dict[str, str] = {"serum": "mspike", "urine": "umprot"}
UNITS: dict[str, str] = {
    "serum": "g/L", "immunoglobulin": "g/L", "urine": "mg/(24.h)", "dflc": "mg/L", "involved_flc": "mg/L",
}  # fmt: skip
NAMES: dict[str, str] = {
    "serum": "serum_m", "immunoglobulin": "immunoglobulin", "urine": "urine_m", "dflc": "dflc",
    "involved_flc": "involved_flc",
}  # fmt: skip


class Reading(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One assessment of one component."""

    component: Component
    at: datetime
    interval: Interval
    point: Point
    """The sample it stands for: the M-protein, or the involved chain."""
    results: tuple[str, ...]
    post_exchange: bool = False
    """Within 72 h after plasma exchange: a rise counts, a fall says nothing and is never part of a nadir."""
    partial: bool = False
    """One band, in a patient whose total was measured before: the total is at least that, so only a rise counts."""
    abnormal: Interval | None = None
    """Kappa/lambda ratio, for the light-chain components."""
    beside: tuple[Reading, ...] = ()
    """The same draw by other light-chain methods: series of their own."""

    @property
    def silent(self) -> bool:
        """A fall says nothing, and it is no part of a nadir."""
        return self.post_exchange or self.partial

    @property
    def quantity(self) -> Quantity:
        """The reading as a number in a condition."""
        name, unit = NAMES[self.component], UNITS[self.component]
        method = self.point.result.method
        return Quantity(name=name, interval=self.interval, unit=unit, results=self.results, method=method)

    @property
    def headline(self) -> Decimal | None:
        """The exact number, None when only a bound is known."""
        return self.interval.exact if self.component == "dflc" else shown(self.point)


def evaluable(point: Point) -> bool:
    """Final, a quantity, and comparable with IMWG limits (analytes 2)."""
    result = point.result
    return not point.preliminary and result.interval is not None and result.quality != "NOT_FOR_IMWG"


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """Serum or urine M, or an immunoglobulin, one a specimen: of several results of a specimen the first counts."""

    component: Literal["serum", "immunoglobulin", "urine"]
    analyte: str
    items: tuple[Reading, ...] = ()

    def onward(self, view: View, since: datetime | None = None) -> Readings:
        """With what the view has from `since` on, of which nothing else is kept."""
        points, same = view.series.since(self.analyte, since), up_to(self.items, since)
        if not points and same == len(self.items):
            return self
        days = timedelta(days=int(view.pack["relapse.specimen_days"]) + 1)
        near = up_to(self.items, points[0].at - days) if points else same
        before = [reading.point for reading in self.items[near:same]]
        new = one_a_specimen(view.pack, (p for p in points if evaluable(p)), before)
        kept, items = self.items[:same], list[Reading]()
        for point in new:
            items.append(self._reading(view, point, chain(kept, items)))
        return Readings(component=self.component, analyte=self.analyte, items=kept + tuple(items))

    def _reading(self, view: View, point: Point, before: Iterable[Reading]) -> Reading:
        return Reading(
            component=self.component,
            at=point.at,
            interval=point.interval,
            point=point,
            results=(point.result.result_id,),
            post_exchange=post_exchange(view, point.at),
            partial=one_band(point) and not all(one_band(reading.point) for reading in before),
        )


def one_band(point: Point) -> bool:
    """One band of the M-protein, not the total."""
    return "single_band" in point.result.flags


def readings(view: View, component: Literal["serum", "urine"]) -> tuple[Reading, ...]:
    """All of one component."""
    return Readings(component=component, analyte=ANALYTES[component]).onward(view).items


def one_a_specimen(pack: Pack, points: Iterable[Point], before: Sequence[Point] = ()) -> list[Point]:
    """Points without those of a specimen that came already, in `before` or here; an unnamed specimen is its own."""
    kept = list(before)
    for point in points:
        if not _seen(pack, kept, point):
            kept.append(point)
    return kept[len(before) :]


def _seen(pack: Pack, kept: Sequence[Point], point: Point) -> bool:
    if not point.result.specimen:
        return False
    days = int(pack["relapse.specimen_days"])
    for other in reversed(kept):
        if whole_days(other.at, point.at) > days:
            return False
        if other.result.specimen == point.result.specimen and same_specimen(pack, other, point):
            return True
    return False


def same_specimen(pack: Pack, one: Point, other: Point) -> bool:
    """By its number in its laboratory; a number used again months later is another specimen."""
    first, second = one.result, other.result
    labs = {first.laboratory, second.laboratory} - {""}
    named = bool(first.specimen) and first.specimen == second.specimen and len(labs) <= 1
    return named and whole_days(one.at, other.at) <= int(pack["relapse.specimen_days"])


def post_exchange(view: View, at: datetime) -> bool:
    """Within 72 h (inclusive) after a plasma exchange."""
    return since(view, "plasma_exchange", at, hours(view.pack, "relapse.exchange_hours"))


def whole_days(first: datetime, second: datetime) -> int:
    """Whole days from one collection to another, either way."""
    return abs(second - first).days
