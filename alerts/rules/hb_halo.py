"""HB_HALO: haemoglobin < 100 g/L [S], HIGH when new in 90 d, else LOW; < 80 HIGH, < 70 CRITICAL (blood counts 1)."""

from __future__ import annotations

from datetime import datetime

from alerts.calm import misses, not_met
from alerts.chronic import beside
from alerts.condition import Node, any_of, compare
from alerts.counterfactual import leaves
from alerts.haemoglobin import facts
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth
from alerts.rule import Judgement, Rule, View
from alerts.samples import hours, quantity, shown, since
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import NOTHING_AHEAD, Walk

_LIMITS = ("hb_halo.critical", "hb_halo.high", "hb_halo.limit")


def _step(view: View, at: datetime, met: tuple[datetime, ...]) -> tuple[tuple[datetime, ...], Judgement | None]:
    """One haemoglobin; carries on the times of the prior 90 d at which the limit was met."""
    point = view.series.at("hb", at)
    if point is None:
        return met, None
    known = tuple(time for time in met if at - time <= hours(view.pack, "hb_halo.prior_hours"))
    judgement = _beside_baseline(view, point, _judge(view, point, known=bool(known)))
    counts = judgement.truth is TRUE and not point.preliminary
    return (*known, at) if counts else known, judgement


def _judge(view: View, point: Point, *, known: bool) -> Judgement:
    clears = _clears(view, point)
    if clears is TRUE and misses(view.pack, point.interval, _LIMITS):
        return not_met(point.at, point.result.slot)
    limbs = _limbs(view, point)
    node = any_of(*limbs.values(), name="hb_halo")
    met = node.truth is TRUE
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level="HB_HALO" if met else "",
        severity=_severity(limbs, known=known) if met else None,
        clears=clears,
        analyte="hb",
        value=shown(point),
        unit=point.result.unit,
        flags=point.flags if met else (),
        missing=("hb",) if node.truth is INDETERMINATE else (),
        possible=_possible(limbs, known=known) if node.truth is INDETERMINATE else (),
        facts=facts(view, point.at) if met else {},
    )


def _beside_baseline(view: View, point: Point, judgement: Judgement) -> Judgement:
    """An accepted haemoglobin below 100 leaves the fall from it to be looked at, and 80 and 70."""
    counts = not _transfused(view, point)
    return beside(view, judgement, point, lambda one: _limbs(view, one).values(), "down", counts=counts)


def _limbs(view: View, point: Point) -> dict[str, Node]:
    """The three limits; the lower ones are shown where they are met or open, to explain the severity."""
    found = {key.removeprefix("hb_halo."): compare(quantity(point), view.pack.limit(key)) for key in _LIMITS}
    return {key: node for key, node in found.items() if key == "limit" or node.truth is not FALSE}


def _severity(limbs: dict[str, Node], *, known: bool) -> Severity:
    certain = {key for key, node in limbs.items() if node.truth is TRUE}
    if "critical" in certain:
        return Severity.CRITICAL
    return Severity.HIGH if "high" in certain or not known else Severity.LOW


def _possible(limbs: dict[str, Node], *, known: bool) -> tuple[Severity, ...]:
    plain = Severity.LOW if known else Severity.HIGH
    levels = {"limit": plain, "high": Severity.HIGH, "critical": Severity.CRITICAL}
    return tuple(sorted({levels[key] for key in limbs}, key=lambda severity: severity.rank))


def _clears(view: View, point: Point) -> Truth:
    """At or above 105; within 14 d (inclusive) after a transfusion such a sample does not count, a lower one does."""
    limit = view.pack.limit("hb_halo.clear")
    recovered = point.interval.test(limit.operator, limit.value)
    return INDETERMINATE if recovered is TRUE and _transfused(view, point) else recovered


def _transfused(view: View, point: Point) -> bool:
    """Whether a transfusion may hold the value up."""
    return since(view, "transfusion", point.at, hours(view.pack, "hb_halo.clear_transfused_hours"))


def _low(judgement: Judgement) -> bool:
    """Below 80 it does not wait for the morning (behaviour 4)."""
    return any(leaf.limit == "hb_halo.high" and leaf.truth is TRUE for leaf in leaves(judgement.node))


RULE = Rule(
    name="HB_HALO",
    family="anaemia",
    inputs=frozenset({"hb"}),
    judge=Walk(("hb",), _step, (), ahead=NOTHING_AHEAD),
    delivery="working_hours",
    at_once=_low,
)
