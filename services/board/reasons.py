"""A condition tree as rows of a table, and the least changes that would have kept the alert from holding."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from alerts.condition import Node
from alerts.logic import Interval, Truth

_OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One condition; `depth` 0 is the whole."""

    depth: int
    kind: str
    name: str
    truth: Truth
    operator: str = ""
    threshold: Decimal | None = None
    unit: str = ""
    limit: str = ""
    source: str = ""
    actual: Interval | None = None
    method: str = ""
    results: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A number that would have to be otherwise: `name operator threshold`."""

    name: str
    operator: str
    threshold: Decimal | None
    unit: str


def rows(node: Node, depth: int = 0) -> list[Row]:
    """The tree in reading order."""
    own = Row(
        depth=depth, kind=node.kind, name=node.name, truth=node.truth, operator=node.operator,
        threshold=node.threshold, unit=node.unit, limit=node.limit, source=node.source, actual=node.actual,
        method=node.method, results=node.results,
    )  # fmt: skip
    return [own, *(row for child in node.children for row in rows(child, depth + 1))]


def alternatives(node: Node) -> list[tuple[Change, ...]]:
    """Each item alone would have made a TRUE node FALSE; all changes of one item are needed together.

    Of AND any one true part suffices; of OR every true part has to fall. Empty when only a fact could change it.
    """
    if node.truth is not Truth.TRUE:
        return []
    if node.kind == "compare":
        return [(_change(node),)]
    below = [alternatives(child) for child in node.children if child.truth is Truth.TRUE]
    if node.kind == "all":
        return [change for child in below for change in child]
    if node.kind == "any" and below and all(below):
        return [tuple(_once(change for child in below for change in child[0]))]
    return []


def _change(node: Node) -> Change:
    return Change(
        name=node.name, operator=_OPPOSITE.get(node.operator, node.operator), threshold=node.threshold, unit=node.unit
    )


def _once(changes: Iterable[Change]) -> Iterable[Change]:
    return dict.fromkeys(changes)


def unknowns(node: Node) -> list[str]:
    """Names of what was missing: conditions that stayed INDETERMINATE, each once."""
    return list(dict.fromkeys(row.name for row in rows(node) if row.truth is Truth.INDETERMINATE and row.name))


def thresholds(node: Node, names: set[str]) -> list[tuple[Decimal, str]]:
    """Numbers that `names` were compared with, with the operator, each once."""
    found = [(r.threshold, r.operator) for r in rows(node) if r.name in names and r.threshold is not None]
    return list(dict.fromkeys(found))
