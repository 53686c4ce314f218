"""Known chronic: a clinician accepts a baseline, and the rule looks at change only (alert behaviour 2.3).

A rule that compares a value with fixed limits then alerts where the value crosses a limit that the baseline itself does
not cross, or moved away from the baseline by the step that is worth a new notification (alert behaviour 2.1; `>=`).
Every sample certainly short of that step, better ones than the baseline too, counts towards the end of an episode.
CRITICAL is never held back, as it is never snoozed. A baseline within the limits accepts nothing. Rules that look at
change anyway (REN_AKI, REN_RISE, REN_DECLINE, HB_DROP, HB_ACUTE) and those on several analytes are untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from alerts.condition import Node, all_of, compare, fact
from alerts.context import Context, Fact
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval
from alerts.rule import Judgement, View
from alerts.samples import quantity
from alerts.series import Point
from alerts.severity import Severity
from alerts.thresholds import Limit, Pack
from schemas.errors import SchemaError
from schemas.units import convert

ACCEPTS = ("creat", "hb", "k", "neut", "plt")
"""Analytes a baseline can be accepted for. Calcium has several readings and none of its own; it takes none."""
Direction = Literal["up", "down"]
_HUNDRED = Decimal(100)


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted value, canonical unit."""

    analyte: str
    value: Decimal
    unit: str
    since: date | None
    """The day from which it is accepted."""


def read(entry: Fact) -> Baseline:
    """What a `chronic_baseline` entry says. ValueError in words: no such analyte, no number, no accepted unit."""
    if entry.code not in ACCEPTS:
        raise ValueError(f"code: {entry.code!r} takes no accepted baseline; there are {', '.join(ACCEPTS)}")
    try:
        found = convert(entry.code, entry.value.strip(), entry.unit.strip())
    except (SchemaError, ValueError, InvalidOperation) as error:
        raise ValueError(f"value: {entry.value!r} {entry.unit!r} is no {entry.code}: {error}") from error
    return Baseline(analyte=entry.code, value=found.value, unit=found.unit, since=entry.began)


def accepted(context: Context, analyte: str, at: datetime) -> Baseline | None:
    """The baseline of an analyte that holds at `at`: the newest accepted by then. Unreadable ones are none."""
    found = [entry for entry in context.active("chronic_baseline", at) if entry.code == analyte]
    for entry in reversed(found):
        try:
            return read(entry)
        except ValueError:  # told when it came in (`services.ledger`); an older one that can be read counts
            continue
    return None


def as_if(point: Point, baseline: Baseline) -> Point:
    """The sample with the accepted value in its place, to see which limits that one crosses."""
    result = msgspec.structs.replace(
        point.result, value=baseline.value, comparator=None, interval=Interval.exactly(baseline.value),
        result_id=f"accepted_baseline:{point.result.result_id}",
    )  # fmt: skip
    return msgspec.structs.replace(point, result=result)


def beside(
    view: View, judgement: Judgement, point: Point, crossed: Callable[[Point], Iterable[Node]], direction: Direction,
    *, counts: bool = True,
) -> Judgement:  # fmt: skip
    """The judgement of a sample beside the accepted baseline of its analyte; `crossed` gives the rule's limits.

    Not `counts`: something lifts the value (a transfusion, haemolysis), so that it is no step towards the end.
    """
    if judgement.truth is FALSE and judgement.clears is TRUE:
        return judgement
    baseline = accepted(view.context, point.result.analyte, point.at)
    of_baseline = 0 if baseline is None else _crossed(crossed(as_if(point, baseline)))
    if baseline is None or not of_baseline:
        return judgement
    further = _crossed(crossed(point), possibly=judgement.truth is INDETERMINATE) > of_baseline
    if judgement.truth is TRUE:
        return _met(view, judgement, point, baseline, direction, further=further, counts=counts)
    if further or Severity.CRITICAL in judgement.possible:
        return judgement
    return _not_met(view, judgement, point, baseline, direction, counts=counts)


def _crossed(limits: Iterable[Node], *, possibly: bool = False) -> int:
    """How many of the limits are crossed; with `possibly`, how many may be."""
    return sum(node.truth is TRUE or (possibly and node.truth is INDETERMINATE) for node in limits)


def _met(
    view: View, judgement: Judgement, point: Point, baseline: Baseline, direction: Direction, *, further: bool,
    counts: bool,
) -> Judgement:  # fmt: skip
    """Of a sample beyond a limit of the rule; `further`: of more limits than the baseline."""
    if judgement.severity is Severity.CRITICAL or further:
        return _marked(judgement, baseline)
    moved = _moved(view.pack, point, baseline, direction)
    node = all_of(judgement.node, moved, name="beyond_accepted_baseline")
    if moved.truth is not FALSE:  # only what is certainly no change is held back
        return _marked(judgement if moved.truth is INDETERMINATE else _because(judgement, node), baseline)
    return _no_change(judgement, node, counts=counts)


def _not_met(
    view: View, judgement: Judgement, point: Point, baseline: Baseline, direction: Direction, *, counts: bool
) -> Judgement:
    """Of a sample within the rule's limits, or that may be: short of the step it is as good as the baseline."""
    moved = _moved(view.pack, point, baseline, direction)
    if moved.truth is not FALSE:
        return judgement
    node = all_of(judgement.node, moved, name="beyond_accepted_baseline")
    return _no_change(judgement, judgement.node if judgement.truth is FALSE else node, counts=counts)


def _no_change(judgement: Judgement, node: Node, *, counts: bool) -> Judgement:
    """Short of the step from the baseline: no alert, and a sample towards the end of an episode."""
    return msgspec.structs.replace(
        judgement, truth=FALSE, node=node, level="", severity=None, flags=(), missing=(), possible=(), facts={},
        clears=TRUE if counts else INDETERMINATE,
    )  # fmt: skip


def _because(judgement: Judgement, node: Node) -> Judgement:
    return msgspec.structs.replace(judgement, node=node)


def _moved(pack: Pack, point: Point, baseline: Baseline, direction: Direction) -> Node:
    """The value against the baseline and the step from it, as one number: what it takes to alert."""
    step = pack.steps[baseline.analyte]
    absolute, percent = (step.up, step.up_percent) if direction == "up" else (step.down, step.down_percent)
    sizes = [absolute] if absolute is not None else []
    sizes += [baseline.value * percent / _HUNDRED] if percent is not None else []
    if not sizes:
        return fact("accepted_baseline_without_a_step", INDETERMINATE)
    bound = baseline.value + min(sizes) if direction == "up" else baseline.value - min(sizes)
    limit = Limit(
        key=f"steps.{baseline.analyte}", value=bound, operator=">=" if direction == "up" else "<=", source=step.source
    )
    since = f" from {baseline.since.isoformat()}" if baseline.since else ""
    measured = msgspec.structs.replace(
        quantity(point, f"{baseline.analyte}_against_accepted_baseline"),
        method=f"accepted baseline {baseline.value} {baseline.unit}{since}",
    )
    return compare(measured, limit)


def _marked(judgement: Judgement, baseline: Baseline) -> Judgement:
    """Said with the alert: it stands beside an accepted baseline."""
    facts = judgement.facts | {"accepted_baseline": str(baseline.value)}
    facts |= {"accepted_from": baseline.since.isoformat()} if baseline.since else {}
    flags = tuple(sorted({*judgement.flags, "beyond_accepted_baseline"}))
    return msgspec.structs.replace(judgement, flags=flags, facts=facts)
