"""What would have stopped an alert: the nearest value of one quantity at which its condition tree is no longer TRUE."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from alerts.condition import Node
from alerts.logic import TRUE, Interval, Operator, Truth, all_true, any_true


class Without(msgspec.Struct, frozen=True, kw_only=True):
    """The words are "no alert" at or below (>), below (>=), at or above (<) or above (<=) the threshold."""

    name: str
    operator: Operator
    threshold: Decimal
    unit: str


def what_would_stop(node: Node) -> list[Without]:
    """One entry per quantity that could have stopped it alone, all other numbers unchanged, in reading order."""
    if node.truth is not TRUE:
        return []
    names = dict.fromkeys(leaf.name for leaf in leaves(node) if leaf.truth is TRUE and leaf.kind == "compare")
    found = (_nearest(node, name) for name in names)
    return [without for without in found if without is not None]


def leaves(node: Node) -> Iterable[Node]:
    """Every condition without children, in reading order."""
    if not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)


def _nearest(node: Node, name: str) -> Without | None:
    """Among the limits of the quantity, the one closest to its actual value at which the alert would not be."""
    met = [leaf for leaf in leaves(node) if leaf.name == name and leaf.truth is TRUE and leaf.threshold is not None]
    upwards = [leaf for leaf in met if leaf.operator in (">", ">=")]
    if upwards and len(upwards) != len(met):
        return None  # both a lower and an upper limit are met: no single direction is "less"
    ordered = sorted(met, key=lambda leaf: leaf.threshold or Decimal(0), reverse=bool(upwards))
    stopping = (leaf for leaf in ordered if _truth(node, name, _just_outside(leaf)) is not TRUE)
    leaf = next(stopping, None)
    if leaf is None or leaf.threshold is None:
        return None
    return Without(name=name, operator=as_operator(leaf.operator), threshold=leaf.threshold, unit=leaf.unit)


def _just_outside(leaf: Node) -> Interval:
    """The values next to the limit that do not meet it."""
    limit = leaf.threshold or Decimal(0)
    return {
        ">": Interval.exactly(limit),
        "<": Interval.exactly(limit),
        ">=": Interval(limit - _TINY, limit, high_closed=False),
        "<=": Interval(limit, limit + _TINY, low_closed=False),
    }[leaf.operator]


_TINY = Decimal("1E-12")


def _truth(node: Node, name: str, value: Interval) -> Truth:
    """How the tree would come out were `name` this value."""
    if node.kind == "all":
        return all_true([_truth(child, name, value) for child in node.children])
    if node.kind == "any":
        return any_true([_truth(child, name, value) for child in node.children])
    if node.kind != "compare" or node.name != name or node.threshold is None:
        return node.truth
    return value.test(as_operator(node.operator), node.threshold)


def as_operator(text: str) -> Operator:
    """The operator of a `compare` node; KeyError when it is none."""
    operators: dict[str, Operator] = {">": ">", ">=": ">=", "<": "<", "<=": "<="}
    return operators[text]
