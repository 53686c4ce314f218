"""REN_AKI: acute kidney injury by the NHS algorithm or KDIGO, whichever is higher (kidney 1 and 3).

Stage 1, 2, 3 is MEDIUM, HIGH, CRITICAL; with potassium above 6.0 mmol/L it is CRITICAL. The specification says so of
stage 1 [R:25]; a higher stage cannot be less urgent than stage 1 with the same potassium.
"""

from __future__ import annotations

from datetime import datetime

from alerts.calm import not_met
from alerts.condition import Node, all_of, any_of, compare
from alerts.egfr import displayed
from alerts.kidney import Aki, aki_at
from alerts.kidney_calm import Lowest, lowest_before, lowest_of, no_injury
from alerts.kidney_notes import note_flags, notes
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth
from alerts.potassium import usable
from alerts.rule import Judgement, Rule, View
from alerts.samples import hours, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import BESIDE, NOTHING_AHEAD, Walk

STAGES = {1: Severity.MEDIUM, 2: Severity.HIGH, 3: Severity.CRITICAL}


def _step(view: View, at: datetime, known: Lowest | None) -> tuple[Lowest | None, Judgement | None]:
    """A creatinine; the lowest of the year is carried on, so that none need look through the whole of it."""
    point = view.series.at("creat", at)
    if point is None:
        return known, None
    lowest = lowest_before(view, at, known)
    judgement = _judge(view, point, lowest)
    if point.preliminary:
        return lowest, judgement
    return (lowest_of(point) if lowest is None else lowest.with_(point)), judgement


def _judge(view: View, point: Point, lowest: Lowest | None) -> Judgement:
    at = point.at
    if no_injury(view, point, lowest):
        return not_met(at, point.result.slot)
    aki = aki_at(view, point)
    potassium = _potassium(view, at, point.result.specimen) if aki.stage else None
    told = notes(view, at) if aki.stage else {}
    urgent = potassium is not None and potassium.truth is TRUE
    node = (
        any_of(all_of(aki.node, potassium, name="aki_with_potassium"), aki.node) if urgent and potassium else aki.node
    )
    truth = _truth(aki)
    open_question = truth is INDETERMINATE
    return Judgement(
        at=at,
        slot=aki.slot,
        truth=truth,
        node=node,
        level=f"AKI_{aki.stage}" if aki.stage else "",
        severity=(Severity.CRITICAL if urgent else STAGES[aki.stage]) if aki.stage else None,
        clears=aki.clears,
        analyte="creat",
        value=shown(point),
        unit=point.result.unit,
        flags=_flags(aki, potassium, told),
        missing=(("adult",) if aki.suppressed == "not_adult" else ("creat",)) if open_question else (),
        possible=_possible(aki) if open_question else (),
        facts=_facts(aki) | told | (_beside(potassium) if potassium and urgent else {}) if aki.stage else {},
    )


def _truth(aki: Aki) -> Truth:
    """On dialysis there is no staging and so no alert; of a minor the rules cannot say anything."""
    if aki.suppressed == "not_adult":
        return INDETERMINATE
    if aki.stage:
        return TRUE
    return INDETERMINATE if aki.possible_stage else FALSE


def _possible(aki: Aki) -> tuple[Severity, ...]:
    return tuple(STAGES[stage] for stage in range(1, (aki.possible_stage or max(STAGES)) + 1))


def _potassium(view: View, at: datetime, specimen: str) -> Node | None:
    """Potassium of the draw, or the nearest within 24 h; a high one of a haemolysed specimen decides nothing."""
    found = view.series.nearest("k", at, hours(view.pack, "aki.beside_hours"), specimen)
    return compare(usable(view, found), view.pack.limit("aki.potassium")) if found else None


def _flags(aki: Aki, potassium: Node | None, told: dict[str, str]) -> tuple[str, ...]:
    uncertain = potassium is not None and potassium.truth is INDETERMINATE
    suppressed = [f"suppressed_{aki.suppressed}"] if aki.suppressed else []
    return tuple(sorted({*aki.flags, *suppressed, *note_flags(told), *(["potassium_not_usable"] if uncertain else [])}))


def _beside(potassium: Node) -> dict[str, str]:
    """The value that makes it CRITICAL, for the headline."""
    exact = potassium.actual.exact if potassium.actual else None
    return {} if exact is None else {"beside": f"k {exact} {potassium.unit}"}


def _facts(aki: Aki) -> dict[str, str]:
    found = {"stage": str(aki.stage), "rule": aki.rule, "nhs": str(aki.nhs_stage), "kdigo": str(aki.kdigo_stage)}
    if aki.ratio is not None and aki.baseline is not None:
        found |= {"ratio": displayed(aki.ratio, "0.01"), "baseline": displayed(aki.baseline)}
    if aki.rise is not None and aki.rise.exact is not None:
        found["rise_48_h"] = str(aki.rise.exact)
    return found


RULE = Rule(
    name="REN_AKI",
    family="renal_failure",
    inputs=frozenset({"creat", "k", "hi", "ca", "ca_adj", "alb"}),
    judge=Walk(("creat",), _step, ahead=BESIDE, calm=NOTHING_AHEAD),
    delivery="now",
)
