"""K_HIGH: potassium > 5.5 MEDIUM, > 6.0 HIGH, > 6.5 CRITICAL; > 6.0 with AKI is CRITICAL [E] (blood counts 4).

A high value of a haemolysed specimen is not used: INDETERMINATE here, and K_REPEAT asks for another sample.
"""

from __future__ import annotations

from datetime import datetime

from alerts.calm import misses, not_met
from alerts.chronic import beside
from alerts.condition import Node, all_of, any_of, compare, graded
from alerts.counterfactual import leaves
from alerts.kidney import aki_stage_in_force
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth
from alerts.potassium import Specimen, specimen_of, usable, use_of
from alerts.rule import Judgement, Rule, View, at_samples
from alerts.samples import quantity, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import BESIDE, NOTHING_AHEAD

SEVERITY = {"critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM}
LIMITS = tuple(f"k_high.{key}" for key in SEVERITY)
WITH_AKI = "k_high_with_aki"


def would_be(view: View, point: Point) -> tuple[Severity | None, Node]:
    """The grade the measured value has if it is true, and its condition; K_REPEAT asks the same."""
    limits = _limits(view, point)
    aki = aki_stage_in_force(view, point.at)
    met = {key for key, node in limits.items() if node.truth is TRUE}
    node = graded(limits.values(), "k_high")
    if "high" in met and aki is not None and aki.stage:
        return Severity.CRITICAL, any_of(all_of(limits["high"], aki.node, name=WITH_AKI), node)
    return next((SEVERITY[key] for key in limits if key in met), None), node


def _limits(view: View, point: Point) -> dict[str, Node]:
    return {key: compare(quantity(point), view.pack.limit(f"k_high.{key}")) for key in SEVERITY}


def _judge(view: View, at: datetime) -> Judgement | None:
    point = view.series.at("k", at)
    if point is None:
        return None
    state = specimen_of(view, point)
    if misses(view.pack, point.interval, LIMITS) and _clears(view, point, state) is TRUE:
        return not_met(at, point.result.slot)
    severity, node = would_be(view, point)
    if severity is not None and use_of(state, high=True, low=False) == "HIGH_NOT_USED":
        node = compare(usable(view, point), view.pack.limit("k_high.medium"))
        return _judgement(view, point, state, node, severity, met=False)
    judgement = _judgement(view, point, state, node, severity, met=severity is not None)
    return beside(view, judgement, point, lambda one: _limits(view, one).values(), "up", counts=not state.withheld)


def _judgement(
    view: View, point: Point, state: Specimen, node: Node, severity: Severity | None, *, met: bool
) -> Judgement:
    unknown = node.truth is INDETERMINATE
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level="K_HIGH" if met else "",
        severity=severity if met else None,
        clears=_clears(view, point, state),
        analyte="k",
        value=shown(point),
        unit=point.result.unit,
        flags=point.flags if met else (),
        missing=("k",) if unknown else (),
        possible=((severity,) if severity else (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)) if unknown else (),
        facts=_why(node) if met else {},
    )


def _why(node: Node) -> dict[str, str]:
    """What makes it CRITICAL where the number alone does not."""
    alone = any(leaf.limit == "k_high.critical" and leaf.truth is TRUE for leaf in leaves(node))
    return {"why": "with_aki"} if not alone and any(child.name == WITH_AKI for child in node.children) else {}


def _clears(view: View, point: Point, state: Specimen) -> Truth:
    """At or below 5.5; haemolysis only adds, so a low enough value counts unless the index withholds it."""
    if state.withheld:
        return INDETERMINATE
    limit = view.pack.limit("k_high.clear")
    low = point.interval.test(limit.operator, limit.value)
    return INDETERMINATE if state.haemolysed and low is FALSE else low


RULE = Rule(
    name="K_HIGH",
    family="potassium",
    inputs=frozenset({"k", "hi", "creat"}),
    judge=at_samples(("k",), _judge, ahead=BESIDE, calm=NOTHING_AHEAD),
    delivery="now",
)
