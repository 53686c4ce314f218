"""Whether a creatinine is certainly no acute kidney injury, told from the lowest value of the year before it.

Every reference of both algorithms (`alerts.kidney`) lies at or above that value, so no ratio and no rise is larger than
the one over it; what is below every limit even so needs no median, no stages and no tree.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter

import msgspec

from alerts.calm import below, number
from alerts.kidney import suppressed
from alerts.rule import View
from alerts.samples import hours
from alerts.series import Point

_low = attrgetter("result.interval.low")
_RATIOS = tuple(f"aki.{algorithm}_ratio_{stage}" for algorithm in ("nhs", "kdigo") for stage in (1, 2, 3))
_RISES = ("aki.nhs_rise", "aki.kdigo_rise")
_DAY = timedelta(hours=24)


class Lowest(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The lowest final creatinine of a span, umol/L (of a bound its lower end), and when it was taken."""

    at: datetime
    value: Decimal

    def with_(self, point: Point) -> Lowest:
        """With one more; of equals the newest, which stays within the year the longest."""
        return lowest_of(point) if _low(point) <= self.value else self


def lowest_of(point: Point) -> Lowest:
    """Of the one creatinine."""
    return Lowest(at=point.at, value=_low(point))


def lowest_before(view: View, at: datetime, known: Lowest | None = None) -> Lowest | None:
    """Of the year before `at`; None without a final creatinine in it.

    `known` is the lowest up to the creatinine before, over the year before that one: while it lies within the year of
    `at`, it is the lowest still.
    """
    year = hours(view.pack, "aki.median_hours")
    if known is not None and known.at >= at - year:
        return known
    earlier = view.series.before("creat", at, year)
    return lowest_of(min(reversed(earlier), key=_low)) if earlier else None


def no_injury(view: View, point: Point, known: Lowest | None = None) -> bool:
    """TRUE: stage 0, no higher one is possible, and the sample counts towards the end of an episode.

    False says nothing: the creatinine must be staged. `known` as for `lowest_before`.
    """
    key = ("no_injury", point.at, point.result.result_id)
    found = view.memo.get(key)
    if found is None:
        found = view.memo[key] = _no_injury(view, point, known)
    return bool(found)


def _no_injury(view: View, point: Point, known: Lowest | None) -> bool:
    now, lowest = number(point.interval), lowest_before(view, point.at, known)
    if now is None or lowest is None or lowest.value <= 0 or suppressed(view, point.at):
        return False
    if not below(view.pack, now / lowest.value, _RATIOS):
        return False
    return below(view.pack, now - lowest.value, _RISES) and _dated(view, point)


def _dated(view: View, point: Point) -> bool:
    """Whether all times are known that the 48 h rule may look at (see `alerts.kidney`, `unclear`)."""
    near = view.series.before("creat", point.at, hours(view.pack, "aki.rise_hours") + _DAY)
    return "date_only" not in point.flags and not any("date_only" in p.flags for p in near)
