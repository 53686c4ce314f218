"""Smouldering myeloma that evolves (relapse 8) [R:16, R:17]: rolling windows that end at the newest sample.

Against the lowest M (highest haemoglobin) of the window; the current M opens the six-month limb. For patients whom a
person entered as smouldering, and only while that entry holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from alerts.clone import Chain
from alerts.condition import Node, Quantity, all_of, any_of, compare
from alerts.intervals import difference, highest, lowest, ratio
from alerts.logic import TRUE, Interval
from alerts.myeloma.flc import Pair
from alerts.myeloma.progression import percent_rise, rise
from alerts.myeloma.readings import evaluable, one_a_specimen, one_band, whole_days
from alerts.rule import View
from alerts.samples import quantity
from alerts.series import Point
from alerts.stepping import up_to
from alerts.thresholds import Pack

Found = Iterator[tuple[Point, Node]]
_End = Callable[[Interval], tuple[Decimal, int]]
_INFINITY = Decimal("Infinity")


def smouldering(view: View, at: datetime) -> bool:
    """Entered as smouldering and not as anything else since."""
    entries = view.context.active("state", at)
    return bool(entries) and "smouldering" in (entries[-1].code.casefold(), entries[-1].value.casefold())


def ever(view: View) -> bool:
    """Whether any entry says smouldering: of everybody else nothing need be asked."""
    return any("smouldering" in (entry.code.casefold(), entry.value.casefold()) for entry in view.context.of("state"))


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """Final values of one analyte, one a specimen, in collection order."""

    points: tuple[Point, ...] = ()
    total_at: datetime | None = None
    """When anything but one band of the M-protein was first measured."""

    def onward(self, view: View, analyte: str, since: datetime | None) -> Samples:
        """With what the view has from `since` on; what was taken before is as it was."""
        same, taken = up_to(self.points, since), view.series.since(analyte, since)
        if not taken and same == len(self.points):
            return self
        days = timedelta(days=int(view.pack["relapse.specimen_days"]) + 1)
        near = self.points[up_to(self.points, taken[0].at - days) : same] if taken else ()
        new = one_a_specimen(view.pack, (p for p in taken if evaluable(p)), near)
        held = self.total_at if since is not None and self.total_at is not None and self.total_at < since else None
        return Samples(
            points=(*self.points[:same], *new),
            total_at=held or next((point.at for point in new if not one_band(point)), None),
        )

    def around(self, pack: Pack, since: datetime | None) -> tuple[tuple[Point, ...], tuple[Point, ...], bool]:
        """What a window may hold at `since`, what was taken from then on, and whether a total came before both."""
        first = up_to(self.points, since)
        start = up_to(self.points, since and since - timedelta(days=int(pack["smouldering.year_days"]) + 1))
        begin = self.points[start].at if start < len(self.points) else None
        total = begin is not None and self.total_at is not None and self.total_at < begin
        return self.points[start:first], self.points[first:], total


class Window:
    """The best value of the last so many days, kept in constant time a sample (monotonic queues).

    Of bounds the best is what all of them leave: of `<8` and 6 the lowest is at most 6.
    """

    def __init__(self, days: int, best: Literal["lowest", "highest"], before: Sequence[Point] = ()) -> None:
        """`before` is what was taken so far, in collection order."""
        self._days = days
        self._ends = (_lower_end, _upper_end) if best == "lowest" else (_minus(_lower_end), _minus(_upper_end))
        self._together = lowest if best == "lowest" else highest
        low, high = (_better_than_later(end, before) for end in self._ends)
        self._kept: tuple[deque[Point], deque[Point]] = (low, high)

    def reference(self, at: datetime, name: str) -> Quantity | None:
        """The extreme value taken up to `days` before `at`, bound included; None without a value."""
        for kept in self._kept:
            while kept and whole_days(kept[0].at, at) > self._days:
                kept.popleft()
        if not self._kept[0]:
            return None
        found = list(dict.fromkeys(kept[0] for kept in self._kept))
        extreme = self._together([point.interval for point in found])
        return msgspec.structs.replace(quantity(found[0], name), interval=extreme, results=_ids(found))

    def add(self, point: Point) -> None:
        """Take a sample in collection order."""
        for end, kept in zip(self._ends, self._kept, strict=True):
            while kept and end(kept[-1].interval) >= end(point.interval):
                kept.pop()
            kept.append(point)


def _better_than_later(end: _End, points: Sequence[Point]) -> deque[Point]:
    """Those that no later one equals or betters, oldest first: what adding one after the other leaves in the queue."""
    found: deque[Point] = deque()
    best = None
    for point in reversed(points):
        here = end(point.interval)
        if best is None or here < best:
            best = here
            found.appendleft(point)
    return found


def _lower_end(known: Interval) -> tuple[Decimal, int]:
    """In the order of `alerts.intervals`: of two ends at one number the one that reaches lower goes first."""
    return known.low, 0 if known.low_closed else 1


def _upper_end(known: Interval) -> tuple[Decimal, int]:
    return (_INFINITY, 0) if known.high is None else (known.high, 1 if known.high_closed else 0)


def _minus(end: _End) -> _End:
    return lambda known: (-end(known)[0], -end(known)[1])


def _ids(points: Iterable[Point]) -> tuple[str, ...]:
    return tuple(point.result.result_id for point in points)


def evolving_m(
    pack: Pack, samples: Samples, current_m: Callable[[Point], Quantity], since: datetime | None = None,
    *, silent: Callable[[Point], bool],
) -> Found:  # fmt: skip
    """Each sample with its condition: >= 5 g/L, and >= 25 % in 365 d or, while M is >= 30, >= 10 % in 183 d.

    `samples` are serum M, or the immunoglobulin of the clone; `current_m` is the M that goes with a sample. Only
    samples from `since` on are asked about. A `silent` one is no lowest value (after plasma exchange,
    hyperviscosity 2).
    """
    before, after, total = samples.around(pack, since)
    count: list[Point] = []
    for point in before:
        if not (total and one_band(point)) and not silent(point):
            count.append(point)
        total = total or not one_band(point)
    half, year = (Window(int(pack[f"smouldering.{name}_days"]), "lowest", count) for name in ("half_year", "year"))
    for point in after:
        yield from _evolving_m(pack, point, (half, year), current_m)
        if total and one_band(point):
            continue  # the total may be higher: a band that has grown counts, one that has not is no reference
        total = total or not one_band(point)
        if silent(point):
            continue
        half.add(point)
        year.add(point)


def _evolving_m(
    pack: Pack, point: Point, windows: tuple[Window, Window], current_m: Callable[[Point], Quantity]
) -> Found:
    half, year = windows
    limbs = [_limb(pack, point, year, "smouldering.year_percent", "in_365_days")]
    short = _limb(pack, point, half, "smouldering.half_year_percent", "in_183_days")
    limbs += [all_of(compare(current_m(point), pack.limit("smouldering.half_year_serum")), short)] if short else []
    known = [limb for limb in limbs if limb is not None]
    if known:
        yield point, any_of(*known, name="evolving_m")


def _limb(pack: Pack, point: Point, window: Window, percent: str, name: str) -> Node | None:
    low = window.reference(point.at, f"{point.result.analyte}_lowest")
    if low is None:
        return None
    value = quantity(point)
    absolute = compare(rise(low, value), pack.limit("smouldering.rise"))
    return all_of(absolute, percent_rise(pack, low, value, percent), name=name)


def evolving_hb(pack: Pack, samples: Samples, since: datetime | None = None) -> Found:
    """Each haemoglobin from `since` on with its condition: >= 5 g/L below the highest of 365 d."""
    before, after, _ = samples.around(pack, since)
    year = Window(int(pack["smouldering.year_days"]), "highest", before)
    for point in after:
        reference = year.reference(point.at, "hb_highest")
        if reference is not None and reference.interval is not None:
            fall = Quantity(
                name="hb_fall_in_365_days",
                interval=difference(reference.interval, point.interval),
                unit=point.result.unit,
                results=(point.result.result_id, *reference.results),
            )
            yield point, compare(fall, pack.limit("smouldering.hb_fall"))
        year.add(point)


def defining_event(pack: Pack, pair: Pair, chain: Chain) -> Node:
    """Involved over uninvolved >= 100 with involved >= 100 mg/L; a censored chain gives a bound."""
    involved, other = pair.involved(chain), pair.uninvolved(chain)
    quotient = Quantity(
        name="involved_uninvolved_ratio",
        interval=ratio(involved.interval, other.interval),
        unit="{ratio}",
        results=pair.results,
    )
    return all_of(
        compare(quotient, pack.limit("smouldering.flc_ratio")),
        compare(quantity(involved), pack.limit("smouldering.flc_involved")),
        name="myeloma_defining_event",
    )


def met(found: Iterable[tuple[Point, Node]]) -> datetime | None:
    """When it was first met."""
    return next((point.at for point, node in found if node.truth is TRUE), None)
