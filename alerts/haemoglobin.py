"""Haemoglobin (g/L) as the anaemia rules read it: the reference before a sample, and transfusions (blood counts 1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from alerts.condition import Quantity
from alerts.intervals import difference, highest, median
from alerts.logic import INDETERMINATE, Interval, Truth
from alerts.rule import View
from alerts.samples import hours, since, surely_since
from alerts.series import Point
from alerts.thresholds import Pack


def references(view: View, at: datetime) -> list[Point]:
    """The last three results of the 90 d before `at`, without those up to 28 d after a transfusion; oldest first.

    A transfusion of which only the day is known may leave open whether a result is one of those. Of both readings the
    one with the higher reference counts, so that no fall is hidden and none is over too early.
    """
    span = hours(view.pack, "hb_drop.transfused_hours")
    earlier = view.series.before("hb", at, hours(view.pack, "hb_drop.reference_hours"))
    if not view.context.of("transfusion"):
        return list(earlier[-3:])
    without = [p for p in earlier if not since(view, "transfusion", p.at, span)][-3:]
    if all(entry.begun_by is None for entry in view.context.of("transfusion")):
        return without
    return max(without, [p for p in earlier if not surely_since(view, "transfusion", p.at, span)][-3:], key=_height)


def _height(points: Iterable[Point]) -> Decimal:
    found = reference(points)
    return Decimal("-Infinity") if found is None else found.low


def reference(points: Iterable[Point]) -> Interval | None:
    """Median of three, mean of two, the one, or None."""
    found = [p.interval for p in points]
    return median(found) if found else None


def peaks(view: View, at: datetime) -> list[Point]:
    """Results of the previous 72 h (inclusive), among which the highest is sought."""
    return list(view.series.before("hb", at, hours(view.pack, "hb_acute.window_hours")))


def peak(points: Iterable[Point]) -> Interval | None:
    """The highest, or None."""
    found = [p.interval for p in points]
    return highest(found) if found else None


def fall(point: Point, before: Interval, used: Iterable[Point], name: str) -> Quantity:
    """How far the sample lies below `before`, g/L."""
    return Quantity(
        name=name,
        interval=difference(before, point.interval),
        unit="g/L",
        results=(point.result.result_id, *(p.result.result_id for p in used)),
    )


def back(pack: Pack, point: Point, held: Interval | None) -> Truth:
    """Within 10 g/L of the reference that the episode fell from (alert behaviour 2.2)."""
    if held is None:
        return INDETERMINATE
    limit = pack.limit("hb_drop.clear_fall")
    return difference(held, point.interval).test(limit.operator, limit.value)


def facts(view: View, at: datetime) -> dict[str, str]:
    """What the text shows so that a clinician can judge "not due to therapy": the last transfusion and drugs."""
    transfusions = [t.start for t in view.context.of("transfusion") if t.start is not None and t.start <= at]
    drugs = sorted({d.code or d.value for d in view.context.active("drug", at)} - {""})
    told = {"transfusion": max(transfusions).date().isoformat() if transfusions else "unknown"}
    return told | ({"drugs": ",".join(drugs)} if drugs else {})
