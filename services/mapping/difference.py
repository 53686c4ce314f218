"""What two site files read differently: which reports must be looked at again. Pure.

It errs on the wide side only: a report that it does not reach means the same under both files (tested).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from schemas.patient_event import LabReport, ReportedResult
from services.mapping.codes import CodeEntry, Ignore
from services.mapping.site import IdentifierRules, Site, SiteFile

Code = tuple[str, str]
"""Laboratory (empty: any) and code."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Between an old and a new site file, as far as results are read by it."""

    everything: bool = False
    """Whose identifiers are taken, or the zone of everybody: no report is as it was for certain."""
    senders: frozenset[str] = frozenset()
    """MSH-3|MSH-4, and names, of those whose zone or laboratories are others."""
    laboratories: frozenset[str] = frozenset()
    """Whose limits are others; with an empty name everything."""
    codes: frozenset[Code] = frozenset()
    units: frozenset[tuple[str, str]] = frozenset()
    """Laboratory (empty: any) and spelling as sent."""

    @property
    def nothing(self) -> bool:
        """No report reads differently."""
        return not (self.everything or self.senders or self.laboratories or self.codes or self.units)

    def reaches(self, report: LabReport) -> bool:
        """Whether the report may mean something else now; a report is always read as a whole."""
        if self.everything or "" in self.laboratories or report.source.sender in self.senders:
            return True
        return any(self._result(result) for result in report.results)

    def _result(self, sent: ReportedResult) -> bool:
        if sent.laboratory in self.laboratories:
            return True
        if self.units and not self.units.isdisjoint({("", sent.unit.strip()), (sent.laboratory, sent.unit.strip())}):
            return True
        names = ((laboratory, coding.code) for laboratory in ("", sent.laboratory) for coding in sent.code)
        return bool(self.codes) and any(name in self.codes for name in names)


def difference(old: Site, new: Site) -> Difference:
    """What `new` reads differently from `old`."""
    before, after = old.file, new.file
    by_id = (old.version == "default") != (new.version == "default")  # only without a file an id counts as a code
    return Difference(
        everything=by_id or _whose(old) != _whose(new) or before.zone != after.zone,
        senders=_senders(old, new),
        laboratories=_laboratories(before, after),
        codes=_codes(before.code, after.code) | _codes(before.ignore, after.ignore),
        units=_units(before, after),
    )


def _whose(site: Site) -> tuple[IdentifierRules, dict[str, frozenset[str]]]:
    """Whose numbers are taken, and from whom."""
    taken = {key: site.authorities_of(key) for one in site.senders for key in (one.key, one.name)}
    return site.file.identifier, {key: listed for key, listed in taken.items() if listed}


def _senders(old: Site, new: Site) -> frozenset[str]:
    """By both words that a report may name its sender with: FHIR and files know the name only."""
    keys = {key for sender in (*old.senders, *new.senders) for key in (sender.key, sender.name)}
    return frozenset(key for key in keys if _of_sender(old, key) != _of_sender(new, key))


def _of_sender(site: Site, key: str) -> tuple[str, frozenset[str]]:
    return str(site.zone_of(key)), site.laboratories_of(key)


def _laboratories(old: SiteFile, new: SiteFile) -> frozenset[str]:
    """All that a laboratory says but its spellings of units, which are looked at one by one."""

    def by_name(file: SiteFile) -> dict[str, Any]:
        return {one.name: msgspec.structs.replace(one, units={}) for one in file.laboratory}

    return frozenset(_differ(by_name(old), by_name(new), msgspec.json.encode))


def _codes(old: Iterable[CodeEntry | Ignore], new: Iterable[CodeEntry | Ignore]) -> frozenset[Code]:
    before, after = set(map(msgspec.json.encode, old)), set(map(msgspec.json.encode, new))
    both = [(msgspec.json.encode(entry), entry) for entry in (*old, *new)]
    return frozenset((e.laboratory, e.code) for text, e in both if (text in before) != (text in after))


def _units(old: SiteFile, new: SiteFile) -> frozenset[tuple[str, str]]:
    def named(file: SiteFile) -> dict[tuple[str, str], str]:
        own = {(one.name, sent): unit for one in file.laboratory for sent, unit in one.units.items()}
        return own | {("", sent): unit for sent, unit in file.units.items()}

    return frozenset(_differ(named(old), named(new), str))


def _differ(old: Mapping[Any, Any], new: Mapping[Any, Any], form: Any) -> set[Any]:
    gone = old.keys() ^ new.keys()
    return set(gone) | {key for key in old.keys() & new.keys() if form(old[key]) != form(new[key])}
