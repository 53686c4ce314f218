"""Which calcium counts at a sample: ionised, the laboratory's adjusted value, Payne's, total (calcium 1).

`payne = total + 0.02 x (40 - albumin)` [R:27], mmol/L and g/L. Every reading that exists is kept, in that order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, cast

import msgspec

from alerts.condition import Quantity
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Truth
from alerts.rule import View
from alerts.samples import hours
from alerts.series import Point
from alerts.thresholds import Pack

Basis = Literal["IONISED", "LAB_ADJUSTED", "PAYNE", "TOTAL"]
ADJUSTED = "ca_adj"
"""Analyte id under which adjusted calcium is shown, the laboratory's and Payne's."""


class Reading(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One way to read the calcium of a draw."""

    basis: Basis
    analyte: str
    quantity: Quantity
    at: datetime
    reference_low: Decimal | None = None
    reference_high: Decimal | None = None
    """The laboratory's own limits; None when it sent none."""
    flags: tuple[str, ...] = ()
    """`albumin_not_same_draw`, `albumin_missing`, `albumin_out_of_range`."""

    @property
    def exact(self) -> Decimal | None:
        """The number, None when censored."""
        return self.quantity.interval.exact if self.quantity.interval else None


class Sample(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All readings of calcium that belong to one collection time."""

    at: datetime
    slot: str
    ionised: Reading | None
    readings: tuple[Reading, ...]
    """By precedence: the first one is the basis when no ionised value exists."""
    borrowed: bool
    """An ionised calcium alone, read beside a calcium of another draw: it may alert but does not count for clearing."""
    preliminary: bool

    @property
    def basis(self) -> Basis:
        """The reading that has the first place."""
        return self.ionised.basis if self.ionised else self.readings[0].basis


def sample_at(view: View, at: datetime, *, preliminary: bool = False) -> Sample | None:
    """The readings at one collection time; None without any calcium then. `preliminary` lets such values in.

    Worked out once an evaluation: CA_HIGH, CA_LOW and TLS ask alike.
    """
    key = ("calcium", at, "preliminary" if preliminary else "final")
    if key not in view.memo:
        view.memo[key] = _sample_at(view, at, preliminary=preliminary)
    return cast(Sample | None, view.memo[key])


def _sample_at(view: View, at: datetime, *, preliminary: bool) -> Sample | None:
    total, adjusted, ionised = [_at(view, name, at, preliminary=preliminary) for name in ("ca", ADJUSTED, "ica")]
    own = total or adjusted or ionised
    if own is None:
        return None
    borrowed = total is None and adjusted is None
    if borrowed:
        total, adjusted = (_near(view, name, own, preliminary=preliminary) for name in ("ca", ADJUSTED))
        total, adjusted = _nearer(at, total, adjusted)
    else:
        ionised = _near(view, "ica", own, preliminary=preliminary)
        adjusted = adjusted or _same_draw(view, own, preliminary=preliminary)
    albumin = _near(view, "alb", total, preliminary=preliminary) if total else None
    used = [point for point in (total, adjusted, ionised, albumin) if point]
    return Sample(
        at=at,
        slot=own.result.slot,
        ionised=_plain(ionised, "IONISED", "ica") if ionised else None,
        readings=_readings(view, total, adjusted, albumin),
        borrowed=borrowed and (total or adjusted) is not None,
        preliminary=any(point.preliminary for point in used),
    )


def payne(view: View, total: Point, *, preliminary: bool = False) -> Reading | None:
    """Total calcium adjusted by albumin; None when no albumin fit for it lies within 24 h."""
    return _payne(view, total, _near(view, "alb", total, preliminary=preliminary))


def _payne(view: View, total: Point, albumin: Point | None) -> Reading | None:
    if albumin is None or _albumin_range(view.pack, albumin) is not TRUE:
        return None
    shift = _shift(view.pack, albumin.interval.low)
    apart = () if _one_draw(total, albumin) else ("albumin_not_same_draw",)
    return Reading(
        basis="PAYNE",
        analyte=ADJUSTED,
        quantity=_quantity("adjusted_calcium", moved(total.interval, shift), (total, albumin), "payne"),
        at=total.at,
        reference_low=total.result.reference_low,
        reference_high=total.result.reference_high,
        flags=apart,
    )


def earlier(view: View, reading: Reading) -> list[Reading]:
    """Readings on the same basis in the 7 days before (168 h, inclusive), in collection order."""
    return [*newest_first(view, reading)][::-1]


def newest_first(view: View, reading: Reading) -> Iterator[Reading]:
    """The same, the newest first, each worked out when it is asked for."""
    window = hours(view.pack, "calcium.rise_hours")
    name = ADJUSTED if reading.basis == "LAB_ADJUSTED" else "ca"
    for point in reversed(view.series.before(name, reading.at, window)):
        if reading.basis != "PAYNE":
            yield _plain(point, reading.basis, reading.analyte)
        elif found := payne(view, point):
            yield found


def possible_adjustments(pack: Pack, total: Interval) -> Interval:
    """Where adjusted calcium may lie when albumin is unknown, for every albumin that may be adjusted for."""
    low, high = (_shift(pack, pack[f"calcium.albumin_{end}"]) for end in ("highest", "lowest"))
    return Interval(total.low + low, None if total.high is None else total.high + high)


def moved(interval: Interval, by: Decimal) -> Interval:
    """The interval shifted by an exact number."""
    if interval.low is interval.high:  # one number stays one
        return Interval(number := interval.low + by, number, interval.low_closed, interval.high_closed)
    high = None if interval.high is None else interval.high + by
    return Interval(interval.low + by, high, interval.low_closed, interval.high_closed)


def _readings(view: View, total: Point | None, adjusted: Point | None, albumin: Point | None) -> tuple[Reading, ...]:
    found = [_plain(adjusted, "LAB_ADJUSTED", ADJUSTED)] if adjusted else []
    if total is not None:
        computed = _payne(view, total, albumin)
        found += [computed] if computed else []
        found += [_plain(total, "TOTAL", "ca", () if computed else _why_total(view, albumin))]
    return tuple(found)


def _why_total(view: View, albumin: Point | None) -> tuple[str, ...]:
    if albumin is None or _albumin_range(view.pack, albumin) is INDETERMINATE:
        return ("albumin_missing",)
    return ("albumin_out_of_range",) if _albumin_range(view.pack, albumin) is FALSE else ()


def _albumin_range(pack: Pack, albumin: Point) -> Truth:
    """TRUE: may be adjusted for (20 to 50, exact); FALSE: certainly outside; INDETERMINATE: censored across a limit."""
    low, high = pack.limit("calcium.albumin_lowest"), pack.limit("calcium.albumin_highest")
    tests = (albumin.interval.test(low.operator, low.value), albumin.interval.test(high.operator, high.value))
    if FALSE in tests:
        return FALSE
    return TRUE if albumin.interval.exact is not None else INDETERMINATE


def _shift(pack: Pack, albumin: Decimal) -> Decimal:
    return pack["calcium.per_albumin"] * (pack["calcium.normal_albumin"] - albumin)


def _at(view: View, analyte: str, at: datetime, *, preliminary: bool) -> Point | None:
    point = view.series.at(analyte, at)
    return point if point and (preliminary or not point.preliminary) else None


def _near(view: View, analyte: str, own: Point, *, preliminary: bool) -> Point | None:
    """Of the same specimen, else the nearest within 24 h (inclusive)."""
    within = hours(view.pack, "calcium.beside_hours")
    return view.series.nearest(analyte, own.at, within, own.result.specimen, preliminary=preliminary)


def _same_draw(view: View, own: Point, *, preliminary: bool) -> Point | None:
    """The laboratory's adjusted value belongs to its own draw only."""
    found = _near(view, ADJUSTED, own, preliminary=preliminary)
    return found if found and _one_draw(own, found) else None


def _nearer(at: datetime, total: Point | None, adjusted: Point | None) -> tuple[Point | None, Point | None]:
    """Both of one draw are kept; of two draws only the nearer one, the earlier of two equals."""
    if total is None or adjusted is None or _one_draw(total, adjusted):
        return total, adjusted
    nearer = min((total, adjusted), key=lambda point: (abs(point.at - at), point.at))
    return (total, None) if nearer is total else (None, adjusted)


def _one_draw(first: Point, second: Point) -> bool:
    same_specimen = first.result.specimen and first.result.specimen == second.result.specimen
    return bool(same_specimen) or first.at == second.at


def _plain(point: Point, basis: Basis, analyte: str, flags: tuple[str, ...] = ()) -> Reading:
    return Reading(
        basis=basis,
        analyte=analyte,
        quantity=_quantity(analyte, point.interval, (point,), point.result.method),
        at=point.at,
        reference_low=point.result.reference_low,
        reference_high=point.result.reference_high,
        flags=flags,
    )


def _quantity(name: str, interval: Interval, points: Sequence[Point], method: str = "") -> Quantity:
    results = tuple([point.result.result_id for point in points])
    return Quantity(name=name, interval=interval, unit="mmol/L", results=results, method=method)
