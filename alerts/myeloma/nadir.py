"""Baseline, raw nadir and confirmed nadir of one component, as running minima (relapse 2).

Over the values v[0] = baseline, v[1], ... taken before the sample being judged:
confirmed = min(v[0], min over i of max(v[i], v[i+1])); raw = min(v). Values after plasma exchange are left out.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.condition import Quantity
from alerts.intervals import highest, lowest
from alerts.logic import Interval
from alerts.myeloma.readings import NAMES, UNITS, Reading


class Lowest(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A lowest value, with the reading that set it and the results it rests on."""

    interval: Interval
    at: datetime
    results: tuple[str, ...]


class Nadir(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What later samples are compared with; each reading makes a new one in constant time."""

    component: str
    baseline: Reading
    confirmed: Lowest
    raw: Lowest
    previous: Reading
    """The last value that may be part of a nadir."""

    @classmethod
    def start(cls, baseline: Reading) -> Nadir:
        """The baseline is the reference and needs no confirmation."""
        only = Lowest(interval=baseline.interval, at=baseline.at, results=baseline.results)
        return cls(component=baseline.component, baseline=baseline, confirmed=only, raw=only, previous=baseline)

    def add(self, reading: Reading) -> Nadir:
        """With one more reading; one after plasma exchange, or of one band only, changes nothing."""
        if reading.silent:
            return self
        single = Lowest(interval=reading.interval, at=reading.at, results=reading.results)
        return msgspec.structs.replace(
            self,
            confirmed=_lower(self.confirmed, _pair(self.previous, reading)),
            raw=_lower(self.raw, single),
            previous=reading,
        )

    def quantity(self, level: Lowest, kind: str) -> Quantity:
        """`confirmed` or `raw` as a number in a condition."""
        name = f"{NAMES[self.component]}_{kind}_nadir"
        return Quantity(name=name, interval=level.interval, unit=UNITS[self.component], results=level.results)


def _pair(first: Reading, second: Reading) -> Lowest:
    """The higher of two consecutive readings: what both together confirm."""
    higher = first if first.interval.low > second.interval.low else second
    both = highest([first.interval, second.interval])
    return Lowest(interval=both, at=higher.at, results=tuple(dict.fromkeys((*first.results, *second.results))))


def _lower(known: Lowest, new: Lowest) -> Lowest:
    joined = lowest([known.interval, new.interval])
    if joined == known.interval:
        return known
    if joined == new.interval:
        return new
    results = tuple(dict.fromkeys((*known.results, *new.results)))
    return Lowest(interval=joined, at=new.at, results=results)
