"""Codes as sent to an analyte: local code by the site file, LOINC by the closed table; never by a name.

A code that means another quantity (total light chains, per cent, calcium corrected for protein) is refused whatever
else stands beside it, unless the table lets a site file map it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.analytes import ANALYTES, BY_LOINC, LOINC_SYSTEMS, NEVER, OWN_SYSTEMS, Analyte
from schemas.patient_event import Coding

_REMEMBERED: Final = 65536
_WITHOUT_LOINC = frozenset({"u24_volume", "hi"})
"""Ids that have no checked LOINC code; taken as the code itself where no site file says otherwise."""


class CodeEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A laboratory's own code."""

    code: str
    analyte: str
    laboratory: str = ""
    """Empty: of any laboratory."""
    system: str = ""
    """Empty: of any code system."""
    method: str = ""
    """Used when the message names none; part of the series key of free light chains."""
    point_of_care: bool = False
    conditions: tuple[str, ...] = ()
    """What the code alone says of the specimen, as SPM-24 codes (`HEM`): counted as if the message had said it."""
    unit_when_missing: str = ""
    """The unit of a laboratory that never sends one for this code; agreed with it in writing."""
    approved_by: tuple[str, ...] = ()


class Ignore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code that Halo is not to read: kept raw and counted."""

    code: str
    laboratory: str = ""
    system: str = ""


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """An analyte with what the site file says of the code, or a reason; `ignored` for the ignore list."""

    analyte: Analyte | None = None
    entry: CodeEntry | None = None
    reason: str = ""
    detail: str = ""
    ignored: bool = False


class CodeBook:
    """Look-ups with a memory, since a laboratory uses few codes."""

    def __init__(self, entries: Iterable[CodeEntry], ignores: Iterable[Ignore], *, by_id: bool) -> None:
        self._entries = {(entry.laboratory, entry.code, entry.system): entry for entry in entries}
        self._ignores = {(ignore.laboratory, ignore.code, ignore.system) for ignore in ignores}
        self._by_id = by_id
        self._known: dict[tuple[str, tuple[Coding, ...]], Read] = {}

    def read(self, laboratory: str, codings: tuple[Coding, ...]) -> Read:
        """Never raises."""
        key = (laboratory, codings)
        found = self._known.get(key)
        if found is None:
            found = self._read(laboratory, codings)
            if len(self._known) < _REMEMBERED:
                self._known[key] = found
        return found

    def _read(self, laboratory: str, codings: tuple[Coding, ...]) -> Read:
        if any(key in self._ignores for coding in codings for key in _keys(laboratory, coding)):
            return Read(ignored=True, reason="ignored_code")
        entry = self._entry(laboratory, codings)
        for coding in codings:
            never = NEVER.get(coding.code) if coding.system in LOINC_SYSTEMS else None
            if never is not None and not (never.locally and entry is not None):
                return Read(reason=never.reason, detail=f"{coding.code}: {never.source}")
        if entry is not None:
            return Read(analyte=ANALYTES[entry.analyte], entry=entry)
        return self._by_table(codings)

    def _entry(self, laboratory: str, codings: tuple[Coding, ...]) -> CodeEntry | None:
        keys = (key for coding in codings for key in _keys(laboratory, coding))
        return next((self._entries[key] for key in keys if key in self._entries), None)

    def _by_table(self, codings: tuple[Coding, ...]) -> Read:
        found = sorted({name for coding in codings if (name := self._id(coding))})
        if len(found) > 1:
            return Read(reason="different_quantity", detail=f"the codings mean different things: {', '.join(found)}")
        if found:
            return Read(analyte=ANALYTES[found[0]])
        return Read(reason="local_code_needed", detail="no coding is known; map the code in the site file or ignore it")

    def _id(self, coding: Coding) -> str:
        if coding.system in LOINC_SYSTEMS:
            return BY_LOINC.get(coding.code, "")
        own = coding.code in ANALYTES and coding.system in OWN_SYSTEMS
        return coding.code if own or (self._by_id and coding.code in _WITHOUT_LOINC) else ""


def _keys(laboratory: str, coding: Coding) -> list[tuple[str, str, str]]:
    """Most particular first."""
    return [(lab, coding.code, system) for lab in (laboratory, "") for system in (coding.system, "")]
