"""Acute kidney injury at one creatinine: the NHS England algorithm and KDIGO side by side, the higher stage counts.

Clinical specification, kidney 1 ([R:20], [R:18]). Exact hours, upper bounds included; only results collected before
count, so two results of one collection time are never compared; a date-only time is kept out of the 48 h rule; on
dialysis there is no staging. A censored creatinine gives the stage that is certain and the highest possible one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter
from typing import Literal, cast

import msgspec

from alerts.condition import Node, Quantity, all_of, any_of, compare, fact
from alerts.dialysis import dialysis_at
from alerts.egfr import age_at
from alerts.intervals import difference, highest, lowest, median, ratio
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Truth, any_true, negate
from alerts.rule import View
from alerts.samples import hours
from alerts.series import Point
from alerts.thresholds import Pack

Suppressed = Literal["", "dialysis", "not_adult"]
STAGES = (1, 2, 3)


class Aki(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How both algorithms come out at one creatinine."""

    at: datetime
    slot: str
    suppressed: Suppressed = ""
    """Why there is no staging; all stages are then 0."""
    nhs_stage: int = 0
    kdigo_stage: int = 0
    possible_stage: int = 0
    """The highest stage that a censored value leaves possible; `stage` when all numbers are exact."""
    ratio: Decimal | None = None
    """C1 over the more sensitive NHS reference, 4 decimals; None without a reference or when censored."""
    baseline: Decimal | None = None
    """That reference, umol/L."""
    rise: Interval | None = None
    """Over the lowest result of the previous 48 h, umol/L; None without one."""
    flag: str = ""
    """NHS flag without AKI: `none`, `low`, `high`, `high_suggest_repeat`, `limits_unknown`; empty with AKI."""
    flags: tuple[str, ...] = ()
    """`cross_method`, `preliminary`, `date_only`, `age_unknown`; sorted."""
    results: tuple[str, ...] = ()
    """Ids of the creatinine and of every reference used."""
    clears: Truth = INDETERMINATE
    """Ratio below 1.5 and no rise above 26 in 48 h: one of the two samples that end an episode."""
    node: Node
    """The tree of the stage reached, of stage 1 when there is no AKI."""

    @property
    def stage(self) -> int:
        """The higher of the two."""
        return max(self.nhs_stage, self.kdigo_stage)

    @property
    def rule(self) -> str:
        """Which algorithm gave the stage: `nhs`, `kdigo` or `nhs,kdigo`; empty without AKI."""
        named = {"nhs": self.nhs_stage, "kdigo": self.kdigo_stage}
        return ",".join(name for name, stage in named.items() if stage and stage == self.stage)


class _History(msgspec.Struct, frozen=True, kw_only=True):
    """Earlier results in the windows of the two algorithms."""

    recent: tuple[Point, ...]
    """Up to 48 h; empty when the time of the creatinine itself is unknown."""
    week: tuple[Point, ...]
    year: tuple[Point, ...]
    """More than 168 h and up to 365 d; from the lowest value to the highest, the earlier of two equals first."""
    unclear: bool
    """A date-only time hides whether a result lies within 48 h."""
    lowest_of_week: Interval | None
    median_of_year: Interval | None

    @property
    def references(self) -> list[Interval]:
        """What the NHS algorithm compares with."""
        return [known for known in (self.lowest_of_week, self.median_of_year) if known is not None]


def aki_at(view: View, point: Point) -> Aki:
    """Stage the creatinine `point` (umol/L) of `view.series`; worked out once an evaluation."""
    known = view.memo.get(("aki", point.at, point.result.result_id))
    if known is None:
        known = view.memo["aki", point.at, point.result.result_id] = _aki(view, point)
    return cast(Aki, known)


def _aki(view: View, point: Point) -> Aki:
    why = suppressed(view, point.at)
    if why:
        return _not_staged(view, point, why)
    history = _history(view, point)
    return _stage(view, point, history)


def aki_stage_in_force(view: View, at: datetime) -> Aki | None:
    """The staging that goes with a sample of another analyte taken at `at`, for calcium and potassium.

    Of the newest creatinine taken at or before `at` within 168 h and the nearest one within 24 h after it (the draw of
    `at` itself is the former), the higher stage counts: an injury seen two hours later was there. None without either.
    """
    pack = view.pack
    points = view.series.points("creat")
    middle = bisect_right(points, at, key=lambda point: point.at)
    before = [p for p in points[:middle][-1:] if at - p.at <= hours(pack, "aki.in_force_hours")]
    after = [p for p in points[middle : middle + 1] if p.at - at <= hours(pack, "aki.beside_hours")]
    staged = [aki_at(view, point) for point in (*before, *after)]
    return max(staged, key=lambda aki: (aki.stage, aki.possible_stage), default=None)


def _not_staged(view: View, point: Point, why: Suppressed) -> Aki:
    """On dialysis the answer is no; of a minor nobody can say, up to the highest stage."""
    minor, dialysis = why == "not_adult", dialysis_at(view, point.at)
    node = fact(f"no_staging_{why}", INDETERMINATE if minor else FALSE, (point.result.result_id,))
    since = f"dialysis from {dialysis.began.isoformat()}" if dialysis and dialysis.began else why
    return Aki(
        at=point.at, slot=point.result.slot, suppressed=why, flags=point.flags,
        possible_stage=max(STAGES) if minor else 0, node=msgspec.structs.replace(node, method=since),
    )  # fmt: skip


def suppressed(view: View, at: datetime) -> Suppressed:
    """Why a creatinine taken at `at` is not staged; empty when it is."""
    if dialysis_at(view, at) is not None:
        return "dialysis"
    age = age_at(view.context, at)
    return "not_adult" if age is not None and age < view.pack["aki.adult_years"] else ""


def _history(view: View, point: Point) -> _History:
    pack, at = view.pack, point.at
    earlier = view.series.before("creat", at, hours(pack, "aki.median_hours"))
    week = tuple(view.series.before("creat", at, hours(pack, "aki.lowest_hours")))
    span = hours(pack, "aki.rise_hours")
    close = [p for p in week if at - p.at <= span]
    near_by_day = [p for p in week if at - p.at <= span + timedelta(hours=24)]
    undated = "date_only" in point.flags
    year = sorted(earlier[: len(earlier) - len(week)], key=attrgetter("result.interval.low"))
    return _History(
        recent=() if undated else tuple(p for p in close if "date_only" not in p.flags),
        week=week,
        year=tuple(year),
        unclear=any(undated or "date_only" in p.flags for p in near_by_day),
        lowest_of_week=lowest([p.interval for p in week]) if week else None,
        median_of_year=median([p.interval for p in year]) if year else None,
    )


def _stage(view: View, point: Point, history: _History) -> Aki:
    pack, creatinine = view.pack, _quantity("creat", point.interval, (point,))
    references = _used(history)
    quotient = _nhs_ratio(point, history, references)
    rise = _rise(point, history)
    nhs = _nhs(pack, creatinine, quotient, rise)
    kdigo = _kdigo(pack, creatinine, _kdigo_ratio(point, history), rise)
    nhs_stage, kdigo_stage = _reached(nhs, certain=True), _reached(kdigo, certain=True)
    stage = max(nhs_stage, kdigo_stage)
    shown = stage or 1
    used = (point, *references)
    exact = quotient.interval.exact if quotient and quotient.interval else None
    return Aki(
        at=point.at,
        slot=point.result.slot,
        nhs_stage=nhs_stage,
        kdigo_stage=kdigo_stage,
        possible_stage=max(_reached(nhs, certain=False), _reached(kdigo, certain=False)),
        ratio=exact and exact.quantize(Decimal("0.0001"), ROUND_HALF_UP),
        baseline=_baseline(history),
        rise=rise.interval if rise else None,
        flag="" if nhs_stage else _limits_flag(point, referenced=quotient is not None),
        flags=_flags(view, point, used),
        results=tuple(dict.fromkeys(p.result.result_id for p in used)),
        clears=_clears(pack, quotient, rise, unclear=history.unclear),
        node=any_of(nhs[shown], kdigo[shown], name=f"aki_stage_{shown}"),
    )


def _nhs(pack: Pack, creatinine: Quantity, quotient: Quantity | None, rise: Quantity | None) -> dict[int, Node]:
    """Stages of the NHS algorithm: without any reference there is none."""
    if quotient is None:
        none = fact("no_creatinine_in_the_previous_365_days", FALSE, creatinine.results)
        return {stage: all_of(none, name=f"nhs_stage_{stage}") for stage in STAGES}
    one = compare(quotient, pack.limit("aki.nhs_ratio_1"))
    rises = [compare(rise, pack.limit("aki.nhs_rise"))] if rise else []
    top = any_of(
        compare(quotient, pack.limit("aki.nhs_ratio_3")), compare(creatinine, pack.limit("aki.nhs_creatinine_3"))
    )
    return {
        1: any_of(one, *rises, name="nhs_stage_1"),
        2: all_of(compare(quotient, pack.limit("aki.nhs_ratio_2")), name="nhs_stage_2"),
        3: all_of(one, top, name="nhs_stage_3"),
    }


def _kdigo(pack: Pack, creatinine: Quantity, quotient: Quantity | None, rise: Quantity | None) -> dict[int, Node]:
    """Stages of KDIGO over rolling seven days: runs only with an earlier result among them."""
    if quotient is None:
        none = fact("no_creatinine_in_the_previous_7_days", FALSE, creatinine.results)
        return {stage: all_of(none, name=f"kdigo_stage_{stage}") for stage in STAGES}
    rises = [compare(rise, pack.limit("aki.kdigo_rise"))] if rise else []
    present = any_of(compare(quotient, pack.limit("aki.kdigo_ratio_1")), *rises, name="kdigo_stage_1")
    high = all_of(present, compare(creatinine, pack.limit("aki.kdigo_creatinine_3")))
    return {
        1: present,
        2: all_of(compare(quotient, pack.limit("aki.kdigo_ratio_2")), name="kdigo_stage_2"),
        3: any_of(compare(quotient, pack.limit("aki.kdigo_ratio_3")), high, name="kdigo_stage_3"),
    }


def _reached(stages: dict[int, Node], *, certain: bool) -> int:
    """The highest stage that is TRUE, or, not `certain`, that is not FALSE."""
    reached = 0
    for stage, node in stages.items():
        if node.truth is TRUE or (node.truth is INDETERMINATE and not certain):
            reached = stage
    return reached


def _quantity(name: str, interval: Interval, points: Sequence[Point]) -> Quantity:
    unit = "" if name.endswith("ratio") else "umol/L"
    return Quantity(name=name, interval=interval, unit=unit, results=tuple(p.result.result_id for p in points))


def _nhs_ratio(point: Point, history: _History, used: Sequence[Point]) -> Quantity | None:
    """The larger of C1/RV1 (lowest of 7 days) and C1/RV2 (median of the rest of the year)."""
    ratios = [ratio(point.interval, reference) for reference in history.references]
    if not ratios:
        return None
    return _quantity("creatinine_ratio", highest(ratios), (point, *used))


def _kdigo_ratio(point: Point, history: _History) -> Quantity | None:
    if history.lowest_of_week is None:
        return None
    interval = ratio(point.interval, history.lowest_of_week)
    return _quantity("creatinine_7_day_ratio", interval, (point, _least(history.week)))


def _rise(point: Point, history: _History) -> Quantity | None:
    if not history.recent:
        return None
    interval = difference(point.interval, lowest([p.interval for p in history.recent]))
    return _quantity("creatinine_48_h_rise", interval, (point, _least(history.recent)))


def _baseline(history: _History) -> Decimal | None:
    """The lower of the two references: the one that gives the larger ratio."""
    references = history.references
    return lowest(references).exact if references else None


def _least(points: Sequence[Point]) -> Point:
    return min(points, key=lambda p: (p.interval.low, p.at))


def _used(history: _History) -> list[Point]:
    """Lowest of 48 h and of 7 days, the middle one or two of the year."""
    ordered, half = history.year, len(history.year) // 2
    middle = ordered[half : half + 1] if len(ordered) % 2 else ordered[max(half - 1, 0) : half + 1]
    lows = [_least(points) for points in (history.recent, history.week) if points]
    return [*lows, *middle]


def _limits_flag(point: Point, *, referenced: bool) -> str:
    """The NHS flag without AKI, by the reporting laboratory's own limits."""
    low, high = point.result.reference_low, point.result.reference_high
    if low is not None and point.interval.test("<", low) is TRUE:
        return "low"
    if high is not None and point.interval.test(">", high) is TRUE:
        return "high" if referenced else "high_suggest_repeat"
    return "limits_unknown" if low is None or high is None else "none"


def _clears(pack: Pack, quotient: Quantity | None, rise: Quantity | None, *, unclear: bool) -> Truth:
    """Ratio < 1.5 and 48 h rise <= 26 (alert behaviour 2.2); unknown without a reference or with a date-only time."""
    if quotient is None or unclear:
        return INDETERMINATE
    return clears(pack, quotient.interval, rise.interval if rise else None)


def clears(pack: Pack, quotient: Interval | None, rise: Interval | None) -> Truth:
    """One sample within the clearing limits; no result in the previous 48 h means no rise."""
    if quotient is None:
        return INDETERMINATE
    ratio_limit, rise_limit = pack.limit("aki.nhs_ratio_1"), pack.limit("aki.nhs_rise")
    raised = [quotient.test(ratio_limit.operator, ratio_limit.value)]
    raised += [rise.test(rise_limit.operator, rise_limit.value)] if rise else []
    return negate(any_true(raised))


def _flags(view: View, point: Point, used: Sequence[Point]) -> tuple[str, ...]:
    methods = {p.result.method for p in used} - {""}
    found = {
        "cross_method": len(methods) > 1,
        "preliminary": point.preliminary,
        "date_only": any("date_only" in p.flags for p in used),
        "age_unknown": view.context.birth_date is None,
    }
    return tuple(sorted(flag for flag, holds in found.items() if holds))
