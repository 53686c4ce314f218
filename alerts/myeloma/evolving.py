"""Judgements of the two evolving patterns of smouldering patients (relapse 8): MEDIUM, HIGH once both have been met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial

import msgspec

from alerts.condition import Node, all_of, fact
from alerts.counterfactual import leaves
from alerts.logic import INDETERMINATE, TRUE
from alerts.myeloma.smouldering import Samples, smouldering
from alerts.rule import Judgement, View
from alerts.samples import shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import Step, Trail, steps_at

Found = Iterable[tuple[Point, Node]]
Pattern = Callable[[Samples, datetime | None], Found]
"""Of the samples of one analyte those from a time on, each with its condition."""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier evaluation worked out."""

    samples: dict[str, Samples]
    """By analyte."""
    first: tuple[datetime | None, ...]
    """When the other pattern was first met, by each of its analytes."""


def onward(
    view: View,
    known: Trail,
    since: datetime | None,
    rule: str,
    own: Mapping[str, Pattern],
    other: Mapping[str, Pattern],
) -> Trail:
    """One judgement a sample taken while the patient is smouldering."""
    kept: _Kept | None = known.kept
    names = (*own, *other)
    at = since if kept is not None and tuple(kept.samples) == names else None
    known_samples = kept.samples if kept is not None and at is not None else dict.fromkeys(names, Samples())
    found = {name: known_samples[name].onward(view, name, at) for name in names}
    old = kept.first if kept is not None and at is not None else (None,) * len(other)
    first = tuple(
        _first_met(view, met, partial(pattern, found[name]), at)
        for met, (name, pattern) in zip(old, other.items(), strict=True)
    )
    both = next((met for met in first if met), None)

    def judged(_: object) -> Iterator[Step]:
        items = [item for name, pattern in own.items() for item in pattern(found[name], at)]
        for judgement in _judged(view, rule, sorted(items, key=lambda item: item[0].at), both):
            yield from steps_at(judgement.at, None, [judgement])

    if kept is not None and at is not None and first != kept.first:
        at = None
    return known.onward(at, judged, _Kept(samples=found, first=first))


def _first_met(
    view: View, known: datetime | None, pattern: Callable[[datetime | None], Found], since: datetime | None
) -> datetime | None:
    """When the pattern was first met in a smouldering patient; it does not end by itself."""
    if known is not None and since is not None and known < since:
        return known
    return next((p.at for p, node in pattern(since) if node.truth is TRUE and smouldering(view, p.at)), None)


def _judged(view: View, rule: str, found: Iterable[tuple[Point, Node]], other: datetime | None) -> list[Judgement]:
    """One judgement a sample; `other` is when the other pattern was first met."""
    return [
        _judgement(rule, point, node, both=other is not None and other <= point.at)
        for point, node in found
        if smouldering(view, point.at)
    ]


def _judgement(rule: str, point: Point, node: Node, *, both: bool) -> Judgement:
    met, unknown = node.truth is TRUE, node.truth is INDETERMINATE
    analyte = point.result.analyte
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=all_of(node, fact("both_evolve", TRUE), name=rule.lower()) if met and both else node,
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
