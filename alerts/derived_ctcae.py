"""CTCAE grades, in both versions, of every graded value (clinical specification, ctcae).

Calcium is graded as adjusted; total calcium where no adjustment is possible, flagged `not_adjusted`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from alerts.alert import Derived
from alerts.calcium_basis import sample_at
from alerts.ctcae import VERSIONS, Direction, Graded, defined, grade
from alerts.intervals import median
from alerts.logic import Interval
from alerts.potassium import specimen_of, usable
from alerts.rule import View
from alerts.samples import hours, times
from alerts.series import Point
from alerts.thresholds import Pack

_ANALYTES = ("hb", "ica", "k", "neut", "plt", "creat")
_DIRECTIONS: tuple[Direction, ...] = ("high", "low")


def ctcae(view: View) -> Iterable[Derived]:
    """`ctcae-v5` and `ctcae-v6`; a version that does not grade a direction says nothing of it."""
    for analyte in _ANALYTES:
        for point in view.series.points(analyte):
            if not point.preliminary:
                value = _graded(view, point)
                yield from _grades(view.pack, value, point.at, high=_of_haemolysed(view, point, value))
    for at in times(view, ("ca", "ca_adj")):
        yield from _calcium(view, at)


def _of_haemolysed(view: View, point: Point, value: Graded) -> Graded | None:
    """A potassium of a haemolysed specimen is at most what was measured: how high is not known (life cycle 4)."""
    if point.result.analyte != "k" or not specimen_of(view, point).haemolysed:
        return None
    interval = usable(view, point).interval
    return msgspec.structs.replace(value, interval=interval) if interval else None


def _grades(
    pack: Pack, value: Graded, at: datetime, flag: str = "", *, high: Graded | None = None
) -> Iterable[Derived]:
    """`high` is the value for the grades of that direction, where it is another one."""
    for version in VERSIONS:
        for direction in _DIRECTIONS:
            if defined(pack, value.analyte, direction, version):
                doubtful = direction == "high" and high is not None
                found = grade(pack, high if doubtful and high else value, direction, version)
                yield Derived(
                    name=f"ctcae-{version}", value=found, collected_at=at, analyte=value.analyte, direction=direction,
                    flag="haemolysed" if doubtful else flag,
                )  # fmt: skip


def _graded(view: View, point: Point) -> Graded:
    result = point.result
    low, high = _normal(view.pack, result.analyte, result.reference_low, result.reference_high)
    base = _baseline(view, point) if result.analyte == "creat" else None
    return Graded(analyte=result.analyte, interval=point.interval, low=low, high=high, baseline=base)


def _normal(
    pack: Pack, analyte: str, low: Decimal | None, high: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """The laboratory's limits, else the specification's."""
    defaults = [pack.limits.get(f"normal.{analyte}_{end}") for end in ("low", "high")]
    found = [
        own if own is not None or not fall else fall.value for own, fall in zip((low, high), defaults, strict=True)
    ]
    return found[0], found[1]


def _baseline(view: View, point: Point) -> Interval | None:
    """As RV2 of the kidney algorithm: more than 168 h and up to 365 d before."""
    year = view.series.before("creat", point.at, hours(view.pack, "aki.median_hours"))
    older = [p.interval for p in year if point.at - p.at > hours(view.pack, "aki.lowest_hours")]
    return median(older) if older else None


def _calcium(view: View, at: datetime) -> Iterable[Derived]:
    sample = sample_at(view, at)
    if sample is None or not sample.readings or sample.readings[0].quantity.interval is None:
        return
    reading = sample.readings[0]
    low, high = _normal(view.pack, "ca_adj", reading.reference_low, reading.reference_high)
    value = Graded(analyte="ca_adj", interval=sample.readings[0].quantity.interval, low=low, high=high)
    yield from _grades(view.pack, value, at, "not_adjusted" if reading.basis == "TOTAL" else "")
