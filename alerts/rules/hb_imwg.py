"""HB_IMWG: haemoglobin more than 20 g/L below the laboratory's lower limit, but not below 100 [R:17] (blood counts 1).

MEDIUM: 109 g/L in a man is common on treatment. Below 100 it is HB_HALO that speaks.
"""

from __future__ import annotations

from datetime import datetime

from alerts.calm import misses, not_met
from alerts.chronic import beside
from alerts.condition import Node, Quantity, all_of, any_of, compare, fact
from alerts.haemoglobin import facts
from alerts.intervals import difference
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Truth, negate
from alerts.rule import Judgement, Rule, View, at_samples
from alerts.samples import quantity, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import NOTHING_AHEAD


def limb(view: View, point: Point) -> Node:
    """The IMWG reading of anaemia: below 100 or more than 20 below the lower limit of normal."""
    return any_of(compare(quantity(point), view.pack.limit("hb_halo.limit")), _below_normal(view, point), name="imwg")


def _below_normal(view: View, point: Point) -> Node:
    normal = point.result.reference_low
    gap = None if normal is None else difference(Interval.exactly(normal), point.interval)
    below = Quantity(name="hb_below_lln", interval=gap, unit="g/L", results=(point.result.result_id,))
    return compare(below, view.pack.limit("hb_imwg.below_lln"))


def _judge(view: View, at: datetime) -> Judgement | None:
    point = view.series.at("hb", at)
    if point is None:
        return None
    if _calm(view, point):
        return not_met(at, point.result.slot)
    above = negate(compare(quantity(point), view.pack.limit("hb_halo.limit")).truth)
    judgement = _judged(view, point, above)
    return beside(view, judgement, point, lambda one: [_below_normal(view, one)], "down")


def _calm(view: View, point: Point) -> bool:
    """Not below 100, and certainly not that far below the laboratory's limit."""
    normal = point.result.reference_low
    if normal is None or not misses(view.pack, point.interval, ("hb_halo.limit",)):
        return False
    gap = difference(Interval.exactly(normal), point.interval)
    return misses(view.pack, gap, ("hb_imwg.below_lln",))


def _judged(view: View, point: Point, above: Truth) -> Judgement:
    low = quantity(point)
    node = all_of(fact("not_below_hb_halo", above, low.results), _below_normal(view, point), name="hb_imwg")
    met, unknown = node.truth is TRUE, node.truth is INDETERMINATE
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level="HB_IMWG" if met else "",
        severity=Severity.MEDIUM if met else None,
        clears=negate(node.truth),
        clear_cause="below_hb_halo" if above is FALSE else "",
        analyte="hb",
        value=shown(point),
        unit=point.result.unit,
        flags=point.flags if met else (),
        missing=("hb_lln" if point.result.reference_low is None else "hb",) if unknown else (),
        possible=(Severity.MEDIUM,) if unknown else (),
        facts=_facts(view, point) if met else {},
    )


def _facts(view: View, point: Point) -> dict[str, str]:
    return {"lln": str(point.result.reference_low)} | facts(view, point.at)


RULE = Rule(
    name="HB_IMWG",
    family="anaemia",
    inputs=frozenset({"hb"}),
    judge=at_samples(("hb",), _judge, ahead=NOTHING_AHEAD),
    delivery="working_hours",
)
