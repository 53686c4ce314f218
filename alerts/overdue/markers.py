"""Which tests a patient is followed by, and when each was last collected with a value (alert behaviour 3).

By patient type: `SERUM` serum M; `URINE` 24 h urine, else FLC; `FLC_ONLY` FLC; everyone haemoglobin, creatinine and
calcium. Who is measurable in serum and urine has both. "Else" means that no 24 h urine was ever collected by then.

A collection counts with any value: a number, a bound ("<1"), a word ("negative"), preliminary or final. An attempt
without a value (status X), a withdrawn value and a urine that is no 24 h collection do not count. A marker that never
had a value is not late: there is no collection to count from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from alerts.clone import light_chain
from alerts.intervals import difference
from alerts.logic import FALSE, Truth, any_true
from alerts.myeloma.patient_type import PatientType
from alerts.rule import View
from alerts.series import Point

_ZERO = Decimal(0)


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """One test; several analytes answer it where any of them will do."""

    name: str
    analytes: tuple[str, ...]


SERUM_M = Marker(name="mspike", analytes=("mspike",))
URINE_M = Marker(name="umprot", analytes=("umprot",))
FLC = Marker(name="flc", analytes=("flck", "flcl"))
HB = Marker(name="hb", analytes=("hb",))
CREATININE = Marker(name="creat", analytes=("creat",))
CALCIUM = Marker(name="ca", analytes=("ca_adj", "ca", "ica"))
BLOOD = (HB, CREATININE, CALCIUM)
MARKERS = (SERUM_M, URINE_M, FLC, *BLOOD)


def markers(kind: PatientType, *, urine: bool) -> tuple[Marker, ...]:
    """What a patient of this type is followed by; `urine`: a 24 h urine was collected before."""
    second = URINE_M if urine else FLC
    own = {
        PatientType.SERUM: (SERUM_M,), PatientType.URINE: (second,), PatientType.SERUM_URINE: (SERUM_M, second),
        PatientType.FLC_ONLY: (FLC,), PatientType.NON_MEASURABLE: (),
    }  # fmt: skip
    return (*own[kind], *BLOOD)


def collections(view: View, marker: Marker) -> Sequence[Point]:
    """Every collection with a value, one a time, in order."""
    taken = [points for name in marker.analytes if (points := view.series.points(name))]
    if len(taken) <= 1 and marker is not URINE_M:
        return taken[0] if taken else ()
    found = {p.at: p for name in reversed(marker.analytes) for p in view.series.points(name) if _counts(marker, p)}
    return [found[at] for at in sorted(found)]


def last(points: Sequence[Point], at: datetime) -> Point | None:
    """The newest collection at or before `at`."""
    index = bisect_right(points, at, key=_time)
    return points[index - 1] if index else None


def attempted(view: View, marker: Marker, after: datetime, until: datetime) -> bool:
    """Whether it was collected after a moment, up to another, without a value."""
    return any(after < at <= until for name in marker.analytes for at in view.series.attempts(name))


def rising(view: View, marker: Marker, at: datetime) -> Truth:
    """Whether the value collected at `at` lies above the one before it; of light chains the involved one counts.

    The text says "rising" of every marker; so a rising haemoglobin counts too, to be confirmed by a clinician.
    """
    involved = light_chain(view, at) if marker is FLC else None
    names = [f"flc{involved[0]}"] if involved else marker.analytes
    return any_true([_rose(view, name, at) for name in names])


def _rose(view: View, analyte: str, at: datetime) -> Truth:
    now, before = view.series.at(analyte, at), view.series.before(analyte, at)
    if now is None or now.result.interval is None or not before:
        return FALSE
    return difference(now.interval, before[-1].interval).test(">", _ZERO)


def _counts(marker: Marker, point: Point) -> bool:
    return marker is not URINE_M or point.result.quality != "NOT_FOR_IMWG"


def _time(point: Point) -> datetime:
    return point.at
