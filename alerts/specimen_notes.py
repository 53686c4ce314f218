"""What is known against the specimen an alert rests on: the value is used, and the reader is told (life cycle 4).

Haemolysis, clots, fat, contamination, age, a gel; and EDTA? when potassium, calcium and alkaline phosphatase of one
draw look like a tube with EDTA. Where haemolysis takes a value out of use (potassium, phosphate, urate) rules do that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth, all_true
from alerts.potassium import haemolysed_at
from alerts.rule import View
from alerts.series import Point

EDTA: Final = "EDTA?"
NOT_EXCLUDED: Final = "edta_not_excluded"
"""Potassium and calcium look like EDTA, and alkaline phosphatase is not known."""
HAEMOLYSED: Final = "haemolysed"
MARKS = frozenset({
    EDTA, HAEMOLYSED, "clotted_specimen", "contaminated_specimen", "drip_contamination", "gel_comment", "lipaemic",
    "old_specimen", "specimen_condition",
})  # fmt: skip
"""Flags of a result that say something of its specimen; `specimen_condition` is a code that is not known here."""
READS = frozenset({"k", "ca", "ca_adj", "alp", "hi"})
"""Analytes that can change these notes."""
_CATIONS = frozenset({"k", "ca", "ca_adj", "ica", "adjusted_calcium", "alp"})


def notes(view: View, point: Point) -> frozenset[str]:
    """Flags for an alert that the sample decides."""
    found = {flag for flag in point.flags if flag in MARKS}
    if haemolysed_at(view, point):
        found.add(HAEMOLYSED)
    if point.result.analyte in _CATIONS and EDTA not in found:
        found |= _edta_flag(view, point.at)
    return frozenset(found)


def _edta_flag(view: View, at: datetime) -> set[str]:
    truth = edta(view, at)
    return {EDTA} if truth is TRUE else {NOT_EXCLUDED} if truth is INDETERMINATE else set()


def edta(view: View, at: datetime) -> Truth:
    """Potassium above 6 with calcium below 1.9 and alkaline phosphatase below the laboratory's own limit, one draw.

    FALSE without potassium and calcium of that time: there is no suspicion to exclude.
    """
    potassium, calcium = view.series.at("k", at), view.series.at("ca", at) or view.series.at("ca_adj", at)
    if potassium is None or calcium is None:
        return FALSE
    if _crosses(view, "edta.k", potassium) is FALSE:  # as nearly always
        return FALSE
    high, low = _crosses(view, "edta.k", potassium), _crosses(view, "edta.ca", calcium)
    return all_true([high, low, _phosphatase(view, at)])


def _crosses(view: View, key: str, point: Point) -> Truth:
    limit = view.pack.limit(key)
    return point.interval.test(limit.operator, limit.value)


def _phosphatase(view: View, at: datetime) -> Truth:
    point = view.series.at("alp", at)
    limit = point.result.reference_low if point else None
    if point is None or limit is None:
        return INDETERMINATE
    return point.interval.test("<", limit)
