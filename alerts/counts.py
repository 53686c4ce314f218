"""The shape that NEUT_LOW and PLT_LOW share: two limits, and two samples back above one to end (blood counts 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from alerts.calm import misses, not_met
from alerts.chronic import beside
from alerts.condition import Node, compare, graded
from alerts.logic import INDETERMINATE, TRUE, Truth
from alerts.rule import Judgement, View, at_samples
from alerts.samples import quantity, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import NOTHING_AHEAD


class Low(msgspec.Struct, frozen=True, kw_only=True):
    """What the two rules differ in."""

    rule: str
    analyte: str
    grades: dict[str, Severity]
    """Limit key to severity, worst first; the last is the rule's own limit."""
    clear: str
    valid: Callable[[Point], bool] = lambda _: True
    note: dict[str, str] = {}
    """What the text says at the worst grade."""


def judged(kind: Low) -> Callable[[View], list[Judgement]]:
    """The rule's function: one judgement a count; an invalid one says nothing and counts for nothing."""
    return at_samples((kind.analyte,), lambda view, at: _judge(view, kind, at), ahead=NOTHING_AHEAD)


def _judge(view: View, kind: Low, at: datetime) -> Judgement | None:
    point = view.series.at(kind.analyte, at)
    if point is None or not kind.valid(point):
        return None
    if _clears(view, kind, point) is TRUE and misses(view.pack, point.interval, kind.grades):
        return not_met(at, point.result.slot)
    return beside(view, _judged(view, kind, point), point, lambda one: _limits(view, kind, one).values(), "down")


def _limits(view: View, kind: Low, point: Point) -> dict[str, Node]:
    return {key: compare(quantity(point), view.pack.limit(key)) for key in kind.grades}


def _judged(view: View, kind: Low, point: Point) -> Judgement:
    limits = _limits(view, kind, point)
    reached = next((key for key, node in limits.items() if node.truth is TRUE), "")
    node = graded(limits.values(), kind.rule.lower())
    unknown = node.truth is INDETERMINATE
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level=kind.rule if reached else "",
        severity=kind.grades[reached] if reached else None,
        clears=_clears(view, kind, point),
        analyte=kind.analyte,
        value=shown(point),
        unit=point.result.unit,
        flags=point.flags if reached else (),
        missing=(kind.analyte,) if unknown else (),
        possible=tuple(reversed(kind.grades.values())) if unknown else (),
        facts=kind.note if reached == next(iter(kind.grades)) else {},
    )


def _clears(view: View, kind: Low, point: Point) -> Truth:
    limit = view.pack.limit(kind.clear)
    return point.interval.test(limit.operator, limit.value)


def clumped(comments: Sequence[str]) -> bool:
    """A comment on platelet clumps makes the count invalid (analytes 2)."""
    return any(word in comment.casefold() for comment in comments for word in ("clump", "agregat", "aggregat"))
