"""What a potassium is worth in a haemolysed specimen (blood counts 4): haemolysis can only raise it.

A haemolysis index below 0.5 g/L changes nothing; without an index a flag or a comment counts as haemolysed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

import msgspec

from alerts.condition import Quantity
from alerts.logic import FALSE, TRUE, Interval, Truth
from alerts.result import Result
from alerts.rule import View
from alerts.samples import quantity
from alerts.series import Point
from alerts.thresholds import Limit

Use = Literal["VALID", "HIGH_NOT_USED", "LOW_KEPT", "COMMENT", "WITHHELD"]
_HAEMOLYSED = re.compile(r"(?<!\bno )(?<!\bnot )(?<!\bnon-)(?<!\bne)(?<!\bni )(?<!\bbrez )ha?emol[iy]")
"""In English and Slovene, but not `not haemolysed`, `ni hemoliziran`, `brez hemolize`."""


class Specimen(msgspec.Struct, frozen=True, kw_only=True):
    """State of the specimen a potassium was measured in."""

    haemolysed: bool
    withheld: bool = False
    """Index above 5.0 g/L: nothing but a low value is used."""
    index: Decimal | None = None
    """g/L, when the laboratory sent one of the same draw."""
    results: tuple[str, ...] = ()


def specimen_of(view: View, point: Point) -> Specimen:
    """The haemolysis index of the same draw, else flag or comment."""
    index = _index(view, point)
    if index is None:
        return Specimen(haemolysed=marked(point))
    interval = index.interval or Interval(Decimal(0), None)
    haemolysed = _comment(view, interval)
    withheld = _test(interval, view.pack.limit("haemolysis.withhold")) is TRUE
    return Specimen(haemolysed=haemolysed, withheld=withheld, index=interval.exact, results=(index.result_id,))


def _test(interval: Interval, limit: Limit) -> Truth:
    return interval.test(limit.operator, limit.value)


def usable(view: View, point: Point) -> Quantity:
    """The potassium as a bound: in a haemolysed specimen the true value is at most the measured one."""
    state, measured = specimen_of(view, point), quantity(point)
    if not state.haemolysed:
        return measured
    known = Interval(Decimal(0), measured.interval.high if measured.interval else None)
    return msgspec.structs.replace(measured, interval=known, results=(*measured.results, *state.results))


def use_of(state: Specimen, *, high: bool, low: bool) -> Use:
    """How the value is used, given whether it would raise K_HIGH or K_LOW."""
    if not state.haemolysed:
        return "VALID"
    if high:
        return "HIGH_NOT_USED"
    if low:
        return "LOW_KEPT"
    return "WITHHELD" if state.withheld else "COMMENT"


def haemolysed_at(view: View, point: Point) -> bool:
    """By an index of the same time, else by flag or comment: what is known at the draw itself."""
    index = _at_the_draw(view, point)
    return marked(point) if index is None or index.interval is None else _comment(view, index.interval)


def _comment(view: View, interval: Interval) -> bool:
    return _test(interval, view.pack.limit("haemolysis.comment")) is not FALSE


def _index(view: View, point: Point) -> Result | None:
    """Of the same time, else of the same specimen whenever it was measured; never of another tube of the draw."""
    found, specimen = _at_the_draw(view, point), point.result.specimen
    if found is not None or not specimen:
        return found
    of_all = (result for p in view.series.points("hi") for result in (p.result, *p.others))
    return next((result for result in of_all if result.specimen == specimen), None)


def _at_the_draw(view: View, point: Point) -> Result | None:
    """The index of the same time: of the same specimen before one that names none, never of another one."""
    drawn = view.series.at("hi", point.at)
    if drawn is None:
        return None
    specimen, measured = point.result.specimen, [r for r in (drawn.result, *drawn.others) if r.interval is not None]
    if not specimen:
        return drawn.result
    named = {r.specimen: r for r in reversed(measured)}
    return named.get(specimen) or named.get("")


def marked(point: Point) -> bool:
    """A flag or a comment says haemolysed, and does not deny it."""
    if not (point.flags or point.result.flags or point.result.comments):
        return False
    said = " ".join((*point.result.flags, *point.flags, *point.result.comments)).casefold()
    return _HAEMOLYSED.search(said) is not None
