"""Judgements of the two evolving patterns of smouldering patients (relapse 8): MEDIUM, HIGH once both have been met."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.condition import Node, all_of, fact
from alerts.counterfactual import leaves
from alerts.logic import Truth
from alerts.myeloma.smouldering import smouldering
from alerts.rule import Judgement, View
from alerts.samples import shown
from alerts.series import Point
from alerts.severity import Severity


def first_met(view: View, found: Iterable[tuple[Point, Node]]) -> datetime | None:
    """When the pattern was first met in a smouldering patient; it does not end by itself."""
    return next((p.at for p, node in found if node.truth is Truth.TRUE and smouldering(view, p.at)), None)


def judged(view: View, rule: str, found: Iterable[tuple[Point, Node]], other: datetime | None) -> list[Judgement]:
    """One judgement a sample; `other` is when the other pattern was first met."""
    return [
        _judgement(rule, point, node, both=other is not None and other <= point.at)
        for point, node in found
        if smouldering(view, point.at)
    ]


def _judgement(rule: str, point: Point, node: Node, *, both: bool) -> Judgement:
    met, unknown = node.truth is Truth.TRUE, node.truth is Truth.INDETERMINATE
    analyte = point.result.analyte
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=all_of(node, fact("both_evolve", Truth.TRUE), name=rule.lower()) if met and both else node,
        level=rule if met else "",
        severity=(Severity.HIGH if both else Severity.MEDIUM) if met else None,
        analyte=analyte,
        value=shown(point),
        unit=point.result.unit,
        flags=tuple(sorted({*point.flags, *(["both_evolve"] if both else [])})) if met else (),
        missing=_missing(node, analyte) if unknown else (),
        possible=(Severity.HIGH if both else Severity.MEDIUM,) if unknown else (),
    )


def _missing(node: Node, analyte: str) -> tuple[str, ...]:
    """Serum M where none is known beside the immunoglobulin; else the sample itself is only a bound."""
    absent = any(leaf.name == "mspike" and leaf.actual is None for leaf in leaves(node))
    return ("mspike",) if absent and analyte != "mspike" else (analyte,)
