"""Measurable disease and the patient's type, one a line of therapy (relapse 1) [R:1,2,9].

As entered in the context; else from the baseline of the line, by serum M or the immunoglobulin in its place. Where no
line is known, from the first values that were measurable: serum or urine M as soon as either ever was, else the light
chains (the baseline itself is unknown then).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import TypeVar

import msgspec

from alerts.clone import Chain
from alerts.logic import TRUE
from alerts.myeloma.flc import Pair, abnormal
from alerts.myeloma.immunoglobulin import StandIn
from alerts.myeloma.lines import line_of, line_starts
from alerts.myeloma.readings import Reading
from alerts.rule import View
from alerts.stepping import up_to
from alerts.thresholds import Pack

T = TypeVar("T", Reading, Pair)
_time = itemgetter(0)


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


class _Measured(msgspec.Struct, frozen=True):
    """Of one component: when it was taken and whether it was measurable then."""

    items: tuple[tuple[datetime, bool], ...] = ()
    first: datetime | None = None
    """When it was first measurable."""

    def onward(self, taken: Sequence[T], since: datetime | None, met: Callable[[T], bool]) -> _Measured:
        """With what was taken from `since` on; the rest is as it was."""
        same: int = up_to(self.items, since, _time)
        if same == len(self.items) == len(taken):
            return self
        items = self.items[:same] + tuple([(one.at, met(one)) for one in taken[same:]])
        held = self.first is not None and since is not None and self.first < since
        return _Measured(items, self.first if held else next((at for at, ok in items[same:] if ok), None))

    def baseline(self, start: datetime) -> bool:
        """Whether the last value up to the start was measurable, else the first after it."""
        index = bisect_right(self.items, start, key=_time) - 1
        return self.items[max(index, 0)][1] if self.items else False


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a type rests on, in collection order."""

    serum: Sequence[Reading]
    immunoglobulin: Sequence[Reading]
    urine: Sequence[Reading]
    light: Sequence[Pair]
    chain: Chain | None


class Types:
    """The type in force at any moment."""

    def __init__(
        self,
        view: View,
        taken: Taken,
        known: Types | None = None,
        since: datetime | None = None,
    ) -> None:
        """What was taken before `since` and the chain are as they were in `known`."""
        self._view, self._starts = view, line_starts(view)
        old = known.measured if known else (_Measured(), _Measured(), _Measured(), _Measured())
        at, pack, chain = since if known else None, view.pack, taken.chain
        self.stand_in = StandIn.of(pack, self._starts, taken.serum, taken.immunoglobulin)
        self.measured: tuple[_Measured, _Measured, _Measured, _Measured] = (
            old[0].onward(taken.serum, at, lambda reading: _reaches(pack, "relapse.measurable_serum", reading)),
            old[1].onward(taken.urine, at, lambda reading: _reaches(pack, "relapse.measurable_urine", reading)),
            old[2].onward(taken.light, at, lambda pair: chain is not None and flc_measurable(pack, pair, chain)),
            old[3].onward(
                taken.immunoglobulin, at, lambda reading: _reaches(pack, "relapse.measurable_serum", reading)
            ),
        )
        self._lines: dict[int, PatientType] = {}

    def at(self, when: datetime) -> PatientType:
        """The type of the line that a sample taken then is judged in."""
        stated = stated_type(self._view, when)
        if stated is not None:
            return stated
        line = line_of(self._starts, when)
        return self._of_line(line) if line else self._so_far(when)

    @property
    def turns(self) -> list[datetime]:
        """When the type may become another one without an entry in the context."""
        used = self.measured if any(self.stand_in.lines) else self.measured[:3]
        return [component.first for component in used if component.first is not None]

    @property
    def lines(self) -> list[PatientType]:
        """Of every known line of therapy."""
        return [self._of_line(number) for number in range(1, len(self._starts) + 1)]

    def _so_far(self, when: datetime) -> PatientType:
        serum, urine, flc, other = (c.first is not None and c.first <= when for c in self.measured)
        return patient_type(serum=serum or (other and self.stand_in.at(when)), urine=urine, flc=flc)

    def _of_line(self, line: int) -> PatientType:
        if line not in self._lines:
            start = self._starts[line - 1]
            serum, urine, flc, other = (component.baseline(start) for component in self.measured)
            stands_in = any(self.stand_in.lines) and self.stand_in.lines[line]
            self._lines[line] = patient_type(serum=other if stands_in else serum, urine=urine, flc=flc)
        return self._lines[line]


def stated_type(view: View, when: datetime) -> PatientType | None:
    """As entered in the context for that moment; None when nobody did."""
    stated = (_stated(entry.code or entry.value) for entry in view.context.active("patient_type", when))
    return next(reversed([kind for kind in stated if kind is not None]), None)


def flc_measurable(pack: Pack, pair: Pair, chain: Chain) -> bool:
    """Involved chain >= 100 mg/L and an abnormal ratio."""
    limit = pack.limit("relapse.measurable_flc")
    enough = pair.involved(chain).interval.test(limit.operator, limit.value) is TRUE
    return enough and abnormal(pack, chain, pair.ratio).truth is TRUE


def _reaches(pack: Pack, key: str, reading: Reading) -> bool:
    limit = pack.limit(key)
    return reading.interval.test(limit.operator, limit.value) is TRUE


def _stated(text: str) -> PatientType | None:
    name = text.strip().upper()
    return PatientType(name) if name in PatientType.__members__ else None
