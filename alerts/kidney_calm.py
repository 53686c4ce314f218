"""Whether a creatinine is certainly no acute kidney injury, told from the lowest value of the year before it.

Every reference of both algorithms (`alerts.kidney`) lies at or above that value, so no ratio and no rise is larger than
the one over it; what is below every limit even so needs no median, no stages and no tree.
"""

from __future__ import annotations

from datetime import timedelta
from operator import attrgetter

from alerts.calm import below, number
from alerts.kidney import suppressed
from alerts.rule import View
from alerts.samples import hours
from alerts.series import Point

_low = attrgetter("result.interval.low")
_RATIOS = tuple(f"aki.{algorithm}_ratio_{stage}" for algorithm in ("nhs", "kdigo") for stage in (1, 2, 3))
_RISES = ("aki.nhs_rise", "aki.kdigo_rise")
_DAY = timedelta(hours=24)


def no_injury(view: View, point: Point) -> bool:
    """TRUE: stage 0, no higher one is possible, and the sample counts towards the end of an episode.

    False says nothing: the creatinine must be staged.
    """
    key = ("no_injury", point.at, point.result.result_id)
    known = view.memo.get(key)
    if known is None:
        known = view.memo[key] = _no_injury(view, point)
    return bool(known)


def _no_injury(view: View, point: Point) -> bool:
    now = number(point.interval)
    earlier = view.series.before("creat", point.at, hours(view.pack, "aki.median_hours"))
    if now is None or not earlier or suppressed(view, point.at):
        return False
    lowest = min(map(_low, earlier))
    if lowest <= 0 or not below(view.pack, now / lowest, _RATIOS):
        return False
    return below(view.pack, now - lowest, _RISES) and _dated(view, point)


def _dated(view: View, point: Point) -> bool:
    """Whether all times are known that the 48 h rule may look at (see `alerts.kidney`, `unclear`)."""
    near = view.series.before("creat", point.at, hours(view.pack, "aki.rise_hours") + _DAY)
    return "date_only" not in point.flags and not any("date_only" in p.flags for p in near)
