"""Smouldering myeloma that evolves (relapse 8) [R:16, R:17]: rolling windows that end at the newest sample.

Against the lowest M (highest haemoglobin) of the window; the current M opens the six-month limb. For patients whom a
person entered as smouldering, and only while that entry holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from alerts.clone import Chain
from alerts.condition import Node, Quantity, all_of, any_of, compare
from alerts.intervals import difference, ratio
from alerts.logic import Truth
from alerts.myeloma.flc import Pair
from alerts.myeloma.progression import percent_rise, rise
from alerts.myeloma.readings import evaluable, one_a_specimen, whole_days
from alerts.rule import View
from alerts.samples import quantity
from alerts.series import Point
from alerts.thresholds import Pack


def smouldering(view: View, at: datetime) -> bool:
    """Entered as smouldering and not as anything else since."""
    entries = view.context.active("state", at)
    return bool(entries) and "smouldering" in (entries[-1].code.casefold(), entries[-1].value.casefold())


def ever(view: View) -> bool:
    """Whether any entry says smouldering: of everybody else nothing need be asked."""
    return any("smouldering" in (entry.code.casefold(), entry.value.casefold()) for entry in view.context.of("state"))


def samples(view: View, analyte: str) -> list[Point]:
    """Final values, one a specimen."""
    return one_a_specimen(p for p in view.series.points(analyte) if evaluable(p))


class Window:
    """The best value of the last so many days, kept in constant time a sample (monotonic queue)."""

    def __init__(self, days: int, best: Literal["lowest", "highest"]) -> None:
        self._days, self._sign = days, 1 if best == "lowest" else -1
        self._kept: deque[Point] = deque()

    def reference(self, at: datetime) -> Point | None:
        """The extreme value taken up to `days` before `at`, bound included."""
        while self._kept and whole_days(self._kept[0].at, at) > self._days:
            self._kept.popleft()
        return self._kept[0] if self._kept else None

    def add(self, point: Point) -> None:
        """Take a sample in collection order."""
        while self._kept and self._sign * self._kept[-1].interval.low >= self._sign * point.interval.low:
            self._kept.pop()
        self._kept.append(point)


def evolving_m(pack: Pack, points: Sequence[Point], *, serum_m: bool) -> Iterator[tuple[Point, Node]]:
    """Each sample with its condition: >= 5 g/L, and >= 25 % in 365 d or (M only, when now >= 30) >= 10 % in 183 d."""
    half, year = (Window(int(pack[f"smouldering.{name}_days"]), "lowest") for name in ("half_year", "year"))
    for point in points:
        limbs = [_limb(pack, point, year.reference(point.at), "smouldering.year_percent", "in_365_days")]
        now = compare(quantity(point), pack.limit("smouldering.half_year_serum"))
        if serum_m:
            short = _limb(pack, point, half.reference(point.at), "smouldering.half_year_percent", "in_183_days")
            limbs += [all_of(now, short)] if short else []
        known = [limb for limb in limbs if limb is not None]
        if known:
            yield point, any_of(*known, name="evolving_m")
        half.add(point)
        year.add(point)


def _limb(pack: Pack, point: Point, reference: Point | None, percent: str, name: str) -> Node | None:
    if reference is None:
        return None
    low = quantity(reference, f"{reference.result.analyte}_lowest")
    value = quantity(point)
    absolute = compare(rise(low, value), pack.limit("smouldering.rise"))
    return all_of(absolute, percent_rise(pack, low, value, percent), name=name)


def evolving_hb(pack: Pack, points: Iterable[Point]) -> Iterator[tuple[Point, Node]]:
    """Each haemoglobin with its condition: >= 5 g/L below the highest of 365 d."""
    year = Window(int(pack["smouldering.year_days"]), "highest")
    for point in points:
        reference = year.reference(point.at)
        if reference is not None:
            fall = Quantity(
                name="hb_fall_in_365_days",
                interval=difference(reference.interval, point.interval),
                unit=point.result.unit,
                results=(point.result.result_id, reference.result.result_id),
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
    return next((point.at for point, node in found if node.truth is Truth.TRUE), None)
