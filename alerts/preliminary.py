"""A preliminary sample may raise a CRITICAL alert only (clinical specification, result life cycle 1)."""

from __future__ import annotations

import msgspec

from alerts.logic import Truth
from alerts.rule import Judgement, View
from alerts.severity import Severity


def only_critical(view: View, judgement: Judgement) -> Judgement:
    """The judgement as it may stand: of a preliminary sample CRITICAL is flagged, anything less says nothing.

    Nor does a preliminary sample bring an episode nearer to its end.
    """
    point = view.series.at(judgement.analyte, judgement.at)
    if point is None or not point.preliminary or point.result.slot != judgement.slot:
        return judgement
    if judgement.truth is Truth.TRUE and judgement.severity is Severity.CRITICAL:
        return msgspec.structs.replace(judgement, flags=tuple(sorted({*judgement.flags, "preliminary"})))
    truth = Truth.FALSE if judgement.truth is Truth.TRUE else judgement.truth
    return msgspec.structs.replace(judgement, truth=truth, level="", severity=None, clears=Truth.INDETERMINATE)
