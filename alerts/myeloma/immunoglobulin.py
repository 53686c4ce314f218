"""Quantitative immunoglobulin in place of serum electrophoresis (relapse 1) [M].

IgA and beta-migrating bands may hide under other proteins. One method is kept for the whole line: electrophoresis where
it gave a number at the baseline, else the immunoglobulin. IgD is not among the analytes read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

import msgspec

from alerts.logic import TRUE
from alerts.myeloma.antibody import original
from alerts.myeloma.lines import line_of
from alerts.myeloma.readings import Reading
from alerts.rule import View
from alerts.thresholds import Pack

_BETA = "beta"
_HIDDEN = frozenset({"iga"})
_READ = frozenset({"igg", "iga", "igm"})
_time = attrgetter("at")


def analyte(view: View) -> str:
    """The immunoglobulin that may stand in: `iga` of an IgA clone, any of one entered as beta; empty when none may."""
    heavy = {band.heavy for band in original(view)} & _READ
    words = " ".join(f"{entry.code} {entry.value} {entry.note}" for entry in view.context.of("isotype")).casefold()
    found = heavy if _BETA in words else heavy & _HIDDEN
    return found.pop() if len(found) == 1 else ""


class StandIn(msgspec.Struct, frozen=True, kw_only=True):
    """In which lines of therapy the immunoglobulin is the method."""

    starts: tuple[datetime, ...]
    lines: tuple[bool, ...]
    """Of the time before any known line, then of every line."""

    @classmethod
    def of(cls, pack: Pack, starts: Sequence[datetime], serum: Sequence[Reading], found: Sequence[Reading]) -> StandIn:
        """By what was measured at the baseline of each line."""
        lines = (_stands_in(pack, serum, found, start) for start in (None, *starts))
        return cls(starts=tuple(starts), lines=tuple(lines) if found else ())

    def at(self, when: datetime) -> bool:
        """In the line that a sample taken then is judged in."""
        return any(self.lines) and self.lines[line_of(self.starts, when)]


def _stands_in(pack: Pack, serum: Sequence[Reading], found: Sequence[Reading], start: datetime | None) -> bool:
    m, other = _baseline(serum, start), _baseline(found, start)
    if other is None:
        return False
    if m is None or _later(m, other, start):
        return True
    if m.point.result.coded == "not_quantifiable":
        return True
    exact = m.interval.exact
    if exact is not None and exact > 0:
        return False
    limit = pack.limit("relapse.measurable_serum")
    return other.interval.test(limit.operator, limit.value) is TRUE


def _baseline(found: Sequence[Reading], start: datetime | None) -> Reading | None:
    """The last up to the start of the line, else the first after it."""
    index = 0 if start is None else bisect_right(found, start, key=_time) - 1
    return found[max(index, 0)] if found else None


def _later(m: Reading, other: Reading, start: datetime | None) -> bool:
    """Electrophoresis was first done after the line had its baseline by the immunoglobulin."""
    return m.at > other.at if start is None else m.at > start and m.at > other.at
