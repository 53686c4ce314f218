"""Measurable disease and the patient's type, one a line of therapy (relapse 1) [R:1,2,9].

As entered in the context; else from the baseline of the line. Where no line is known, from the first values that were
measurable: serum or urine M as soon as either ever was, else the light chains (the baseline itself is unknown then).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from alerts.clone import Chain
from alerts.logic import Truth
from alerts.myeloma.flc import Pair, abnormal
from alerts.myeloma.lines import line_of, line_starts
from alerts.myeloma.readings import Reading
from alerts.rule import View
from alerts.thresholds import Pack


class PatientType(StrEnum):
    """What of the disease can be measured."""

    SERUM = "SERUM"
    URINE = "URINE"
    SERUM_URINE = "SERUM_URINE"
    FLC_ONLY = "FLC_ONLY"
    NON_MEASURABLE = "NON_MEASURABLE"


def patient_type(*, serum: bool, urine: bool, flc: bool) -> PatientType:
    """From what is measurable; light chains count only when neither M-protein is."""
    if serum or urine:
        return PatientType.SERUM_URINE if serum and urine else PatientType.SERUM if serum else PatientType.URINE
    return PatientType.FLC_ONLY if flc else PatientType.NON_MEASURABLE


class Types:
    """The type in force at any moment."""

    def __init__(
        self, view: View, serum: Sequence[Reading], urine: Sequence[Reading], light: Sequence[Pair], chain: Chain | None
    ) -> None:
        pack = view.pack
        self._view, self._starts = view, line_starts(view)
        self._serum = [(r.at, _reaches(pack, "relapse.measurable_serum", r)) for r in serum]
        self._urine = [(r.at, _reaches(pack, "relapse.measurable_urine", r)) for r in urine]
        self._light = [(p.kappa.at, chain is not None and flc_measurable(pack, p, chain)) for p in light]
        self._lines: dict[int, PatientType] = {}
        self._first = [next((at for at, met in c if met), None) for c in (self._serum, self._urine, self._light)]

    def at(self, when: datetime) -> PatientType:
        """The type of the line that a sample taken then is judged in."""
        stated = [_stated(entry.code or entry.value) for entry in self._view.context.active("patient_type", when)]
        known = [kind for kind in stated if kind is not None]
        if known:
            return known[-1]
        line = line_of(self._starts, when)
        return self._of_line(line) if line else self._so_far(when)

    def _so_far(self, when: datetime) -> PatientType:
        serum, urine, flc = (first is not None and first <= when for first in self._first)
        return patient_type(serum=serum, urine=urine, flc=flc)

    def _of_line(self, line: int) -> PatientType:
        if line not in self._lines:
            start = self._starts[line - 1]
            serum, urine, flc = (_baseline(c, start) for c in (self._serum, self._urine, self._light))
            self._lines[line] = patient_type(serum=serum, urine=urine, flc=flc)
        return self._lines[line]


def flc_measurable(pack: Pack, pair: Pair, chain: Chain) -> bool:
    """Involved chain >= 100 mg/L and an abnormal ratio."""
    limit = pack.limit("relapse.measurable_flc")
    enough = pair.involved(chain).interval.test(limit.operator, limit.value) is Truth.TRUE
    return enough and abnormal(pack, chain, pair.ratio).truth is Truth.TRUE


def _reaches(pack: Pack, key: str, reading: Reading) -> bool:
    limit = pack.limit(key)
    return reading.interval.test(limit.operator, limit.value) is Truth.TRUE


def _baseline(component: Sequence[tuple[datetime, bool]], start: datetime) -> bool:
    """Whether the last value up to the start was measurable, else the first after it."""
    index = bisect_right(component, start, key=_time) - 1
    return component[max(index, 0)][1] if component else False


def _stated(text: str) -> PatientType | None:
    name = text.strip().upper()
    return PatientType(name) if name in PatientType.__members__ else None


def _time(item: tuple[datetime, bool]) -> datetime:
    return item[0]
