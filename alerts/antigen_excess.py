"""Is a falling free light chain an antigen excess? Then the laboratory must dilute and measure again (life cycle 3).

A fall of more than 90 % in less than 14 days without therapy [M]. On treatment a fall is what one hopes for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.alert import Derived
from alerts.completing import comparable
from alerts.condition import Quantity, compare
from alerts.dialysis import dialysis_between
from alerts.intervals import ratio
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth, all_true
from alerts.rule import View
from alerts.samples import hours
from alerts.series import Point

CHAINS = ("flck", "flcl")
NAME = "antigen_excess"
_THERAPY = ("drug", "steroid", "plasma_exchange")
_UNTREATED = frozenset({"smouldering", "off_treatment"})


def antigen_excess(view: View) -> Iterable[Derived]:
    """TRUE or INDETERMINATE, where nobody knows of therapy; nothing where it does not hold."""
    for chain in CHAINS:
        for point in view.series.points(chain):
            truth = suspected(view, point)
            if truth is not FALSE:
                yield Derived(
                    name=NAME, analyte=chain, value=str(truth), collected_at=point.at, method=point.result.method,
                    flag="ask_for_dilution",
                )  # fmt: skip


def suspected(view: View, point: Point) -> Truth:
    """Of one value against the one before it by the same method."""
    if point.preliminary or point.result.analyte not in CHAINS:
        return FALSE
    before = next((p for p in view.series.last_before(point.result.analyte, point.at) if comparable(p, point)), None)
    if before is None or point.at - before.at >= hours(view.pack, "antigen_excess.hours"):
        return FALSE
    if before.interval.low <= 0:  # from zero, or from below the limit of quantification, nothing can fall so far
        return FALSE
    left = Quantity(name="share_left", interval=ratio(point.interval, before.interval), unit="{ratio}")
    return all_true(
        [compare(left, view.pack.limit("antigen_excess.share_left")).truth, _untreated(view, before.at, point.at)]
    )


def _untreated(view: View, start: datetime, end: datetime) -> Truth:
    """Whether the fall happened without therapy; unknown where nobody said anything of it."""
    states = {fact.value.casefold() for at in (start, end) for fact in view.context.active("state", at)}
    given = any(
        (fact.start is None or fact.start <= end) and (fact.end is None or fact.end >= start)
        for kind in _THERAPY for fact in view.context.of(kind)
    )  # fmt: skip
    if given or "on_treatment" in states or dialysis_between(view, start, end):
        return FALSE
    return TRUE if states and states <= _UNTREATED else INDETERMINATE
