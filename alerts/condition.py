"""Condition trees: each node keeps operator, threshold, actual value, the results used, and its truth.

A rule builds its tree with `compare`, `all_of`, `any_of` and `fact`; the tree is the explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from alerts.logic import FALSE, INDETERMINATE, Interval, Operator, Truth, all_true, any_true
from alerts.thresholds import Limit


class Quantity(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A measured or derived number, with the results it came from; `interval` None means it is missing."""

    name: str
    """Analyte id or derived name (`ca`, `adjusted_calcium`, `egfr`, `serum_m_rise`)."""
    interval: Interval | None
    unit: str = ""
    results: tuple[str, ...] = ()
    """Result ids."""
    method: str = ""


class Node(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One condition and how it came out."""

    kind: str
    """`compare`, `all`, `any` or `fact`."""
    truth: Truth
    name: str = ""
    operator: str = ""
    threshold: Decimal | None = None
    unit: str = ""
    limit: str = ""
    """Key in the rule pack, where the source of the number stands."""
    source: str = ""
    actual: Interval | None = None
    method: str = ""
    results: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()


NO_LIMIT_MET = Node(kind="any", name="no_limit_met", truth=FALSE)
"""Stands for a tree that was not built (`alerts.calm`)."""


def compare(quantity: Quantity, limit: Limit, threshold: Decimal | None = None) -> Node:
    """`quantity` against the pack's limit, with its operator; `threshold` where it is relative to another number."""
    bound = limit.value if threshold is None else threshold
    truth = quantity.interval.test(limit.operator, bound) if quantity.interval else INDETERMINATE
    return Node(
        kind="compare", truth=truth, name=quantity.name, operator=limit.operator, threshold=bound, unit=quantity.unit,
        limit=limit.key, source=limit.source, actual=quantity.interval, method=quantity.method,
        results=quantity.results,
    )  # fmt: skip


def all_of(*children: Node, name: str = "") -> Node:
    """AND."""
    return Node(kind="all", name=name, truth=all_true([c.truth for c in children]), children=children)


def any_of(*children: Node, name: str = "") -> Node:
    """OR."""
    return Node(kind="any", name=name, truth=any_true([c.truth for c in children]), children=children)


def graded(limits: Iterable[Node], name: str) -> Node:
    """Grades of one quantity, worst first, the rule's own limit last: those that are met or open, else the own limit.

    With every grade in the tree, what would stop the alert is said of the alert and not of its grade.
    """
    ordered = list(limits)
    return any_of(*([node for node in ordered if node.truth is not FALSE] or ordered[-1:]), name=name)


def fact(name: str, truth: Truth, results: Sequence[str] = ()) -> Node:
    """Something known without a number: a symptom, an immunofixation."""
    return Node(kind="fact", name=name, truth=truth, results=tuple(results))


def used_results(node: Node) -> tuple[str, ...]:
    """Ids of every result anywhere below `node`, each once, in reading order."""
    found: dict[str, None] = {}
    _collect(node, found)
    return tuple(found)


def _collect(node: Node, found: dict[str, None]) -> None:
    for result in node.results:
        found[result] = None
    for child in node.children:
        _collect(child, found)


__all__ = ["Node", "Operator", "Quantity", "all_of", "any_of", "compare", "fact", "graded", "used_results"]
