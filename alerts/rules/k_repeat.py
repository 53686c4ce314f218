"""K_REPEAT: a high potassium of a haemolysed specimen is not used but a repeat is asked for (blood counts 4).

One level lower than the K_HIGH it would have been: it may still be true, so it is never silenced.
"""

from __future__ import annotations

from datetime import datetime

from alerts.calm import misses, not_met
from alerts.condition import all_of, fact
from alerts.logic import FALSE, INDETERMINATE, TRUE, all_true, negate
from alerts.potassium import specimen_of, use_of
from alerts.rule import Judgement, Rule, View, at_samples
from alerts.rules import k_high
from alerts.samples import shown
from alerts.severity import Severity
from alerts.specimen_notes import HAEMOLYSED
from alerts.stepping import BESIDE, NOTHING_AHEAD

LOWER = {Severity.CRITICAL: Severity.HIGH, Severity.HIGH: Severity.MEDIUM, Severity.MEDIUM: Severity.LOW}


def _judge(view: View, at: datetime) -> Judgement | None:
    point = view.series.at("k", at)
    if point is None:
        return None
    if misses(view.pack, point.interval, k_high.LIMITS):
        return not_met(at, point.result.slot)
    severity, high = k_high.would_be(view, point)
    state = specimen_of(view, point)
    asked = severity is not None and use_of(state, high=True, low=False) == "HIGH_NOT_USED"
    truth = TRUE if asked else all_true((high.truth, TRUE if state.haemolysed else FALSE))
    unknown = truth is INDETERMINATE
    haemolysed = fact("haemolysed", TRUE if state.haemolysed else FALSE, state.results)
    return Judgement(
        at=at,
        slot=point.result.slot,
        truth=truth,
        node=all_of(high, haemolysed, name="k_repeat"),
        level="K_REPEAT" if asked else "",
        severity=LOWER[severity] if asked and severity else None,
        clears=negate(truth),
        analyte="k",
        value=shown(point),
        unit=point.result.unit,
        flags=tuple(flag for flag in point.flags if flag != HAEMOLYSED) if asked else (),
        missing=("k",) if unknown else (),
        possible=tuple(reversed(LOWER.values())) if unknown else (),
        facts={"haemolysis_index": str(state.index)} if asked and state.index is not None else {},
    )


RULE = Rule(
    name="K_REPEAT",
    family="potassium",
    inputs=frozenset({"k", "hi", "creat"}),
    judge=at_samples(("k",), _judge, ahead=BESIDE, calm=NOTHING_AHEAD),
    delivery="now",
)
