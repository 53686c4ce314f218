"""K_LOW: potassium < 3.0 HIGH [M], < 2.5 CRITICAL [E] (blood counts 4). In a haemolysed specimen real or worse."""

from __future__ import annotations

from datetime import datetime

from alerts.calm import misses, not_met
from alerts.chronic import beside
from alerts.condition import Node, compare, graded
from alerts.logic import INDETERMINATE, TRUE, Truth
from alerts.potassium import specimen_of
from alerts.rule import Judgement, Rule, View, at_samples
from alerts.samples import quantity, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import NOTHING_AHEAD

SEVERITY = {"critical": Severity.CRITICAL, "high": Severity.HIGH}
_LIMITS = tuple(f"k_low.{key}" for key in SEVERITY)


def _judge(view: View, at: datetime) -> Judgement | None:
    point = view.series.at("k", at)
    if point is None:
        return None
    if misses(view.pack, point.interval, _LIMITS) and _clears(view, point) is TRUE:
        return not_met(at, point.result.slot)
    judgement, counts = _judged(view, point), not specimen_of(view, point).haemolysed
    return beside(view, judgement, point, lambda one: _limits(view, one).values(), "down", counts=counts)


def _limits(view: View, point: Point) -> dict[str, Node]:
    return {key: compare(quantity(point), view.pack.limit(f"k_low.{key}")) for key in SEVERITY}


def _judged(view: View, point: Point) -> Judgement:
    limits = _limits(view, point)
    reached = next((key for key, node in limits.items() if node.truth is TRUE), "")
    node = graded(limits.values(), "k_low")
    unknown = node.truth is INDETERMINATE
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level="K_LOW" if reached else "",
        severity=SEVERITY[reached] if reached else None,
        clears=_clears(view, point),
        analyte="k",
        value=shown(point),
        unit=point.result.unit,
        flags=point.flags if reached else (),
        missing=("k",) if unknown else (),
        possible=(Severity.HIGH, Severity.CRITICAL) if unknown else (),
    )


def _clears(view: View, point: Point) -> Truth:
    """At or above 3.5; a haemolysed specimen reads too high and does not count for that."""
    limit = view.pack.limit("k_low.clear")
    recovered = point.interval.test(limit.operator, limit.value)
    falsely = recovered is TRUE and specimen_of(view, point).haemolysed
    return INDETERMINATE if falsely else recovered


RULE = Rule(
    name="K_LOW",
    family="potassium",
    inputs=frozenset({"k", "hi"}),
    judge=at_samples(("k",), _judge, ahead=NOTHING_AHEAD),
    delivery="now",
)
