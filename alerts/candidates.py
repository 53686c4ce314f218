"""Who is not enrolled and should perhaps be: an M-protein, or an abnormal free light chain ratio (behaviour 3). Pure.

An M-protein is one that was measured (a number above 0, no bound "<1") or a positive immunofixation, of serum or urine;
a ratio is abnormal outside 0.26 to 1.65 [R:12] for certain. Withdrawn, preliminary and uncertain values find nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from alerts.intervals import ratio
from alerts.logic import TRUE
from alerts.myeloma.flc import side_of
from alerts.series import Point, Series
from alerts.thresholds import Pack

Reason = Literal["m_protein", "flc_ratio"]
_MEASURED, _FIXED = ("mspike", "umprot"), ("sife", "uife")
_NONE = Decimal(0)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, at the first sample that shows it."""

    reason: Reason
    collected_at: datetime
    result_id: str
    value: Decimal | None = None
    """M in its canonical unit, or the ratio to four decimals; None for a word or a bound."""
    unit: str = ""


def candidates(series: Series, pack: Pack) -> tuple[Candidate, ...]:
    """At most one finding a reason."""
    found = (min(_proteins(series), key=_order, default=None), min(_ratios(series, pack), key=_order, default=None))
    return tuple(one for one in found if one is not None)


def _proteins(series: Series) -> Iterator[Candidate]:
    for analyte in _MEASURED:
        for point in series.points(analyte):
            if not point.preliminary and _measured(point):
                yield _candidate("m_protein", point, point.result.value, point.result.unit)
    for analyte in _FIXED:
        for point in series.points(analyte):
            if not point.preliminary and point.result.coded.startswith("positive"):
                yield _candidate("m_protein", point, None, "")


def _measured(point: Point) -> bool:
    """Certainly above 0; a bound from above ("<1") is not."""
    result = point.result
    return result.interval is not None and result.comparator != "<" and result.interval.test(">", _NONE) is TRUE


def _ratios(series: Series, pack: Pack) -> Iterator[Candidate]:
    for kappa in series.points("flck"):
        partner = series.at("flcl", kappa.at)
        if partner is None or kappa.preliminary or partner.preliminary:
            continue
        quotient = ratio(kappa.interval, partner.interval)
        if side_of(pack, quotient):
            exact = None if quotient.exact is None else quotient.exact.quantize(Decimal("0.0001"))
            yield _candidate("flc_ratio", kappa, exact, "{ratio}")


def _candidate(reason: Reason, point: Point, value: Decimal | None, unit: str) -> Candidate:
    shown = None if point.result.comparator else value
    return Candidate(
        reason=reason, collected_at=point.at, result_id=point.result.result_id, value=shown,
        unit=unit if shown is not None else "",
    )  # fmt: skip


def _order(candidate: Candidate) -> tuple[datetime, str]:
    return (candidate.collected_at, candidate.result_id)
