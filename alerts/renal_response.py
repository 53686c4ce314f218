"""IMWG renal response: how far the kidney came back since the line of therapy began (kidney 3) [M].

Only from a baseline eGFR below 50: CR_RENAL from 60; PR_RENAL from below 15 to 30-59; MR_RENAL from below 15 to 15-29,
or from 15-29 to 30-59; else NR_RENAL. The text prints whole numbers, so "59" ends where 60 begins. Not said while the
baseline or the value is not one exact eGFR, and marked unreliable during AKI.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from alerts.alert import Derived
from alerts.egfr import estimated
from alerts.kidney import aki_at
from alerts.rule import View
from alerts.series import Point
from alerts.therapy import at_start
from alerts.thresholds import Pack


def renal_response(view: View) -> Iterable[Derived]:
    """One for each creatinine after the baseline of its line, from the second sample on."""
    for point in view.series.points("creat"):
        baseline, assumed = at_start(view, "creat", point.at)
        if baseline is None or baseline.at >= point.at:
            continue
        before, now = _exact(view, baseline), _exact(view, point)
        said = category(view.pack, before, now) if before is not None and now is not None else ""
        if said:
            unreliable = aki_at(view, point).stage or aki_at(view, baseline).stage
            flag = "unreliable" if unreliable else "line_start_assumed" if assumed else ""
            yield Derived(name="renal_response", value=said, collected_at=point.at, method="imwg", flag=flag)


def category(pack: Pack, before: Decimal, now: Decimal) -> str:
    """From two eGFR in mL/min/1.73 m2, unrounded; empty when the kidney was not impaired to begin with."""
    if not before < pack["renal_response.baseline"]:
        return ""
    steps = [pack[f"renal_response.{name}"] for name in ("severe", "moderate", "complete")]
    was, is_now = (sum(value >= step for step in steps) for value in (before, now))
    if is_now == len(steps):
        return "CR_RENAL"
    return {2: "PR_RENAL", 1: "MR_RENAL"}.get(is_now - was, "NR_RENAL")


def _exact(view: View, point: Point) -> Decimal | None:
    quantity = estimated(view, point)
    return quantity.interval.exact if quantity.interval else None
