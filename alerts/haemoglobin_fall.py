"""The shape that HB_DROP and HB_ACUTE share: a fall from an earlier value, over when back within 10 g/L of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import msgspec

from alerts.calm import misses, not_met
from alerts.condition import compare, fact
from alerts.haemoglobin import back, facts, fall
from alerts.intervals import difference
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval
from alerts.rule import Judgement, View
from alerts.samples import shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import NOTHING_AHEAD, Walk


class Fall(msgspec.Struct, frozen=True, kw_only=True):
    """What the two rules differ in."""

    rule: str
    limit: str
    severity: Severity
    earlier: Callable[[View, datetime], list[Point]]
    """Results the earlier value is made of."""
    before: Callable[[Sequence[Point]], Interval | None]
    none_known: str
    """Name of the fact when there is no earlier value; then there is no fall."""


def judged(kind: Fall) -> Walk:
    """The rule's function: one judgement a haemoglobin.

    The reference rolls on with every sample; an episode is over only when the value is back at the one it fell from,
    that of the newest sample that met the condition. Otherwise a few low samples would become the new normal.
    """
    return Walk(("hb",), partial(_step, kind), ahead=NOTHING_AHEAD)


def _step(kind: Fall, view: View, at: datetime, held: Interval | None) -> tuple[Interval | None, Judgement | None]:
    point = view.series.at("hb", at)
    if point is None:
        return held, None
    judgement, before = _judge(view, kind, point, held)
    return before if judgement.truth is TRUE and not point.preliminary else held, judgement


def _judge(view: View, kind: Fall, point: Point, held: Interval | None) -> tuple[Judgement, Interval | None]:
    used = kind.earlier(view, point.at)
    before = kind.before(used)
    if before and misses(view.pack, difference(before, point.interval), (kind.limit,)):
        return not_met(point.at, point.result.slot, back(view.pack, point, held)), before
    node = (
        compare(fall(point, before, used, f"{kind.rule.lower()}_fall"), view.pack.limit(kind.limit))
        if before
        else fact(kind.none_known, FALSE, (point.result.result_id,))
    )
    met, unknown = node.truth is TRUE, node.truth is INDETERMINATE
    judgement = Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level=kind.rule if met else "",
        severity=kind.severity if met else None,
        clears=back(view.pack, point, held),
        analyte="hb",
        value=shown(point),
        unit=point.result.unit,
        flags=point.flags if met else (),
        missing=("hb",) if unknown else (),
        possible=(kind.severity,) if unknown else (),
        facts=_facts(view, point, before) if met and before else {},
    )
    return judgement, before


def _facts(view: View, point: Point, before: Interval) -> dict[str, str]:
    known, now = before.exact, point.interval.exact
    numbers = {} if known is None or now is None else {"reference": str(known), "fall": str(known - now)}
    return numbers | facts(view, point.at)
