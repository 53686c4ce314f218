"""A condition tree as rows of a table."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from alerts.condition import Node
from alerts.logic import Interval, Truth


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


def rows(node: Node, depth: int = 0) -> list[Row]:
    """The tree in reading order."""
    own = Row(
        depth=depth, kind=node.kind, name=node.name, truth=node.truth, operator=node.operator,
        threshold=node.threshold, unit=node.unit, limit=node.limit, source=node.source, actual=node.actual,
        method=node.method, results=node.results,
    )  # fmt: skip
    return [own, *(row for child in node.children for row in rows(child, depth + 1))]


def thresholds(node: Node, names: set[str]) -> list[tuple[Decimal, str]]:
    """Numbers that `names` were compared with, with the operator, each once."""
    found = [(r.threshold, r.operator) for r in rows(node) if r.name in names and r.threshold is not None]
    return list(dict.fromkeys(found))
