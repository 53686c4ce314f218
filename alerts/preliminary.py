"""A preliminary sample may raise a CRITICAL alert only (clinical specification, result life cycle 1)."""

from __future__ import annotations

import msgspec

from alerts.logic import FALSE, INDETERMINATE, TRUE
from alerts.rule import Judgement, View
from alerts.severity import Severity


def only_critical(view: View, judgement: Judgement) -> Judgement:
    """The judgement as it may stand: of a preliminary sample CRITICAL is flagged, anything less says nothing.

    Nor does a preliminary sample bring an episode nearer to its end.
    """
    if not view.series.preliminary_analytes or not _deciding_sample_is_preliminary(view, judgement):
        return judgement
    if judgement.truth is TRUE and judgement.severity is Severity.CRITICAL:
        return msgspec.structs.replace(judgement, flags=tuple(sorted({*judgement.flags, "preliminary"})))
    truth = FALSE if judgement.truth is TRUE else judgement.truth
    return msgspec.structs.replace(judgement, truth=truth, level="", severity=None, clears=INDETERMINATE)


def _deciding_sample_is_preliminary(view: View, judgement: Judgement) -> bool:
    """The headline may be a derived value (adjusted calcium), so the slot is looked for among all analytes."""
    points = (view.series.at(name, judgement.at) for name in view.series.preliminary_analytes)
    return any(point.preliminary and point.result.slot == judgement.slot for point in points if point)
