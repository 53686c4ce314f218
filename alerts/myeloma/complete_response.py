"""Relapse from a complete response: signs of the clone at one draw after the response was confirmed (relapse 5, 10).

Immunofixation or electrophoresis positive again, 5 % or more plasma cells in the marrow, or any other sign of
progression [R:1]. A band that a therapeutic antibody may be, or of another isotype than the clone, is no sign; the
criterion of progression is never blocked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from operator import attrgetter

import msgspec

from alerts.condition import Node, Quantity, compare, fact
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Truth
from alerts.myeloma.antibody import Bands, Interference, exposure, isotypes, of_fixation
from alerts.myeloma.assessing import Assessed
from alerts.myeloma.disease import Disease
from alerts.myeloma.lines import line_of, line_starts
from alerts.myeloma.readings import evaluable
from alerts.myeloma.response import Category, nothing
from alerts.myeloma.steps import Step
from alerts.rule import View
from alerts.samples import hours
from alerts.series import Point

_at = attrgetter("at")
ANALYTES = ("sife", "uife", "mspike", "umprot")
_FIXATION = {"mspike": "sife", "umprot": "uife"}
_LOQ = {"mspike": "response.serum_loq", "umprot": "response.urine_loq"}


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One sign at one draw."""

    name: str
    point: Point | None
    """The sample that shows it; None for the marrow."""
    truth: Truth
    interference: Interference = Interference.NONE
    node: Node


def remission(view: View, found: Sequence[Assessed], at: datetime) -> datetime | None:
    """Since when a complete response was confirmed before `at`, in the same line of therapy; None when it was not."""
    starts = line_starts(view)
    line = line_of(starts, at)
    first = bisect_right(found, starts[line - 1], key=_at) if line else 0
    known = found[first : bisect_left(found, at, key=_at)]
    return next((item.at for item in known if item.confirmed is Category.CR_LAB), None)


def draws(view: View, met: Mapping[datetime, Sequence[Step]], since: datetime | None) -> list[datetime]:
    """When anything was taken from `since` on, or found in the marrow, that can show the clone again."""
    points = (point for name in ANALYTES for point in view.series.since(name, since) if _usable(point))
    marrow = (entry.start for entry in view.context.of("marrow") if entry.start is not None)
    found = {*(point.at for point in points), *met, *marrow}
    return sorted(at for at in found if since is None or at >= since)


def criteria_met(known: Disease, since: datetime | None) -> dict[datetime, list[Step]]:
    """Samples from `since` on that meet a criterion of the ladder, or cannot be shown not to, by collection time."""
    found: dict[datetime, list[Step]] = {}
    for step in (step for told in known.told.values() for step in told.steps_since(since) if step.met):
        found.setdefault(step.reading.at, []).append(step)
    return found


def signs(view: View, clone: Bands, at: datetime, met: Sequence[Step]) -> list[Sign]:
    """Every sign that this draw answers, in the order of the specification; `met` are its criteria of progression."""
    points = [point for name in ANALYTES if (point := view.series.at(name, at)) and _usable(point)]
    found = [_SIGNS[point.result.analyte](view, clone, point) for point in points]
    progression = [_sign("progression_criterion_met", step.reading.point, _certain(step.node)) for step in met]
    return [*found, *_marrow(view, at), *progression]


def _usable(point: Point) -> bool:
    if point.preliminary:
        return False
    return point.result.coded.casefold().startswith(("positive", "negative")) or evaluable(point)


def _serum_fixation(view: View, clone: Bands, point: Point) -> Sign:
    """Not while the band may be the drug, or is another clone's."""
    positive = point.result.coded.casefold().startswith("positive")
    serum = _beside(view, "mspike", point)
    meaning = of_fixation(view, clone, point, serum.interval if serum and evaluable(serum) else None)
    doubtful = meaning.blocks and not isotypes(point.result.coded)
    truth = INDETERMINATE if doubtful else TRUE if positive and not meaning.blocks else FALSE
    return _sign("serum_immunofixation_positive_again", point, truth, meaning)


def _urine_fixation(_: View, clone: Bands, point: Point) -> Sign:
    """Of the clone's light chain, where both are named: in urine often only the chain is seen."""
    coded = point.result.coded.casefold()
    lights = {band.light for band in isotypes(coded)}
    other = bool(clone) and bool(lights) and not lights & {band.light for band in clone}
    truth = TRUE if coded.startswith("positive") and not other else FALSE
    return _sign("urine_immunofixation_positive_again", point, truth, Interference.DIFFERS if other else None)


def _serum_m(view: View, clone: Bands, point: Point) -> Sign:
    """By the immunofixation of the draw; without one, a faint band under an antibody is left open."""
    name, seen = "serum_electrophoresis_positive_again", _shown(view, point)
    fixation = _beside(view, "sife", point)
    if seen is FALSE:
        return _sign(name, point, seen)
    if fixation is not None and _usable(fixation):
        of_band = _serum_fixation(view, clone, fixation)
        return _sign(name, point, of_band.truth if of_band.truth is not TRUE else seen, of_band.interference)
    given, limit = exposure(view, point.at), view.pack.limit("antibody.serum")
    open_ = given == "yes" and point.interval.test(limit.operator, limit.value) is not FALSE
    unknown = Interference.POSSIBLE if open_ else Interference.UNKNOWN if given == "unknown" else None
    return _sign(name, point, INDETERMINATE if open_ else seen, unknown)


def _urine_m(view: View, clone: Bands, point: Point) -> Sign:
    """By the immunofixation of the draw, where there is one."""
    name, seen = "urine_electrophoresis_positive_again", _shown(view, point)
    fixation = _beside(view, "uife", point)
    if seen is FALSE or fixation is None or not _usable(fixation):
        return _sign(name, point, seen)
    of_band = _urine_fixation(view, clone, fixation)
    return _sign(name, point, of_band.truth if of_band.truth is not TRUE else seen, of_band.interference)


_SIGNS: dict[str, Callable[[View, Bands, Point], Sign]] = {
    "sife": _serum_fixation, "uife": _urine_fixation, "mspike": _serum_m, "umprot": _urine_m,
}  # fmt: skip


def _shown(view: View, point: Point) -> Truth:
    """Anything on electrophoresis: a number or trace above zero; a bound above the limit of quantification is open.

    What stood beside the last negative immunofixation is the patient's background, and not again.
    """
    background = _background(view, point)
    if nothing(view.pack, point.interval, _LOQ[point.result.analyte]):
        return FALSE
    if background is not None and point.interval.high is not None and point.interval.high <= background:
        return FALSE
    return point.interval.test(">", Decimal(0))


def _background(view: View, point: Point) -> Decimal | None:
    """The number beside the last negative immunofixation taken before; None when it had none."""
    own = _FIXATION[point.result.analyte]
    negative = next((p for p in view.series.last_before(own, point.at) if p.result.coded == "negative"), None)
    beside = _beside(view, point.result.analyte, negative) if negative else None
    return beside.interval.exact if beside is not None and beside.at < point.at else None


def _beside(view: View, analyte: str, point: Point) -> Point | None:
    """Of the same draw: its specimen, else the nearest within a day."""
    return view.series.nearest(analyte, point.at, hours(view.pack, "cr_lost.beside_hours"), point.result.specimen)


def _marrow(view: View, at: datetime) -> list[Sign]:
    """Plasma cells in percent as a person entered them."""
    entries = [e for e in view.context.of("marrow") if e.start == at and e.code.casefold() == "plasma_cells"]
    known = [_number(entry.value) for entry in entries if entry.unit == "%"]
    quantities = (
        Quantity(name="marrow_plasma_cells", interval=Interval.exactly(n), unit="%") for n in known if n is not None
    )
    nodes = [compare(quantity, view.pack.limit("cr_lost.plasma_cells")) for quantity in quantities]
    return [Sign(name="marrow_plasma_cells", point=None, truth=node.truth, node=node) for node in nodes]


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _certain(node: Node) -> Truth:
    """A rise that is only not excluded stays open."""
    return INDETERMINATE if any(child.name == "not_excluded" for child in node.children) else TRUE


def _sign(name: str, point: Point, truth: Truth, meaning: Interference | None = None) -> Sign:
    node = fact(name, truth, (point.result.result_id,))
    return Sign(name=name, point=point, truth=truth, interference=meaning or Interference.NONE, node=node)
