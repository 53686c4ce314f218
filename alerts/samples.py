"""Small readings of a patient's samples that several rules share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

from alerts.condition import Quantity
from alerts.rule import View
from alerts.series import Point
from alerts.thresholds import Pack


def hours(pack: Pack, key: str) -> timedelta:
    """A span of the rule pack that is written in whole hours."""
    return _span(pack.limits[key].value)


@cache
def _span(number: Decimal) -> timedelta:
    return timedelta(hours=int(number))


def quantity(point: Point, name: str = "") -> Quantity:
    """The sample as a number in a condition, named after its analyte unless `name` is given."""
    result = point.result
    return Quantity(
        name=name or result.analyte,
        interval=point.interval,
        unit=result.unit,
        results=(result.result_id,),
        method=result.method,
    )


def shown(point: Point) -> Decimal | None:
    """The headline value; None when only a bound is known."""
    return None if point.result.comparator else point.result.value


def times(view: View, analytes: Iterable[str]) -> list[datetime]:
    """Every collection time of any of the analytes, in order."""
    return sorted({point.at for analyte in analytes for point in view.series.points(analyte)})


def within(point: Point, before: datetime, span: timedelta) -> bool:
    """Taken before `before`, at most `span` earlier (bound included)."""
    return timedelta(0) < before - point.at <= span


def in_force(view: View, analyte: str, at: datetime, back: timedelta, ahead: timedelta) -> Point | None:
    """The value that goes with `at`: the newest final one up to it within `back`, else the next within `ahead`."""
    found = view.series.newest(analyte, at, back)
    if found is not None:
        return found
    later = (p for p in view.series.after(analyte, at) if not p.preliminary)
    following = next(later, None)
    return following if following is not None and following.at - at <= ahead else None


def exchanged(view: View, at: datetime) -> bool:
    """Whether `at` lies within 72 h (inclusive) after plasma exchange (hyperviscosity 2)."""
    return since(view, "plasma_exchange", at, hours(view.pack, "hv.exchange_hours"))


def since(view: View, kind: str, at: datetime, span: timedelta) -> bool:
    """Whether a context entry of `kind` began at most `span` (inclusive) before `at`, or still lasted then.

    Where only the day of the beginning is known, the whole of it counts: whether it may be so.
    """
    entries = view.context.of(kind)
    return bool(entries) and any(
        entry.start is not None and entry.start <= at and at - (entry.end or entry.begun_by or entry.start) <= span
        for entry in entries
    )


def surely_since(view: View, kind: str, at: datetime, span: timedelta) -> bool:
    """The same at whatever time of its day the entry began."""
    return any(
        entry.start is not None and (entry.begun_by or entry.start) <= at and at - (entry.end or entry.start) <= span
        for entry in view.context.of(kind)
    )
