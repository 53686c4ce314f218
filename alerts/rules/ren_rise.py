"""REN_RISE: creatinine risen by 176.8 umol/L (2 mg/dL) or more since the start of therapy [R:5] (kidney 3): HIGH.

Part of clinical relapse. The number printed as 177 is 176.8, so that mg/dL and umol/L agree.
"""

from __future__ import annotations

from datetime import datetime

from alerts.calm import misses, not_met
from alerts.condition import Quantity, compare, fact
from alerts.egfr import adults_only, missing_for_adults
from alerts.intervals import difference
from alerts.kidney_notes import note_flags, notes
from alerts.logic import FALSE, INDETERMINATE, TRUE, negate
from alerts.rule import Judgement, Rule, View, at_samples
from alerts.samples import shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import NOTHING_AHEAD
from alerts.therapy import at_start


def _judge(view: View, at: datetime) -> Judgement | None:
    point = view.series.at("creat", at)
    if point is None:
        return None
    baseline, assumed = at_start(view, "creat", at)
    if baseline and misses(view.pack, difference(point.interval, baseline.interval), ("ren_rise.rise",)):
        return not_met(at, point.result.slot)
    node = (
        compare(_rise(point, baseline), view.pack.limit("ren_rise.rise"))
        if baseline
        else fact("no_creatinine_at_the_start_of_therapy", FALSE, (point.result.result_id,))
    )
    node = adults_only(view, at, node)
    met = node.truth is TRUE
    return Judgement(
        at=at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level="REN_RISE" if met else "",
        severity=Severity.HIGH if met else None,
        clears=negate(node.truth) if baseline else INDETERMINATE,
        analyte="creat",
        value=shown(point),
        unit=point.result.unit,
        flags=_flags(view, point, assumed=assumed) if met else (),
        missing=missing_for_adults(view, at) or ("creat",) if node.truth is INDETERMINATE else (),
        possible=(Severity.HIGH,) if node.truth is INDETERMINATE else (),
        facts=_facts(point, baseline) | notes(view, at) if met and baseline else {},
    )


def _rise(point: Point, baseline: Point) -> Quantity:
    return Quantity(
        name="creatinine_rise_since_therapy",
        interval=difference(point.interval, baseline.interval),
        unit="umol/L",
        results=(point.result.result_id, baseline.result.result_id),
    )


def _flags(view: View, point: Point, *, assumed: bool) -> tuple[str, ...]:
    told = note_flags(notes(view, point.at))
    return tuple(sorted({*point.flags, *told, *(["line_start_assumed"] if assumed else [])}))


def _facts(point: Point, baseline: Point) -> dict[str, str]:
    rise = difference(point.interval, baseline.interval).exact
    known = {} if rise is None else {"rise": str(rise)}
    return {"baseline": str(baseline.result.value), "baseline_at": baseline.at.date().isoformat()} | known


RULE = Rule(
    name="REN_RISE",
    family="renal_failure",
    inputs=frozenset({"creat", "ca", "ca_adj"}),
    judge=at_samples(("creat",), _judge, ahead=NOTHING_AHEAD),
    delivery="now",
)
