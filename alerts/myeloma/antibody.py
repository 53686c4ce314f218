"""Therapeutic antibodies (IgG kappa) that show on electrophoresis and immunofixation (relapse 10) [R:19, M].

Progression by section 4 is never blocked and nothing is subtracted: the drug cannot supply 5 g/L. What is withheld is
only the reading of a new faint band as the clone coming back after a complete response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from alerts.logic import Interval, Truth
from alerts.myeloma.readings import whole_days
from alerts.rule import View
from alerts.thresholds import Pack

ANTIBODIES = frozenset({"daratumumab", "isatuximab", "elotuzumab"})
Exposure = Literal["yes", "no", "unknown"]
_HEAVY = re.compile(r"ig[gamde]", re.IGNORECASE)
_LIGHT = re.compile(r"kappa|lambda", re.IGNORECASE)


class Isotype(msgspec.Struct, frozen=True):
    """Heavy chain (`igg`, empty for light chains only) and light chain."""

    heavy: str
    light: str


IGG_KAPPA = Isotype("igg", "kappa")


class Interference(StrEnum):
    """What an immunofixation means while or after an antibody is given."""

    NONE = "NONE"
    POSSIBLE = "MAB_INTERFERENCE_POSSIBLE"
    UNKNOWN = "ANTIBODY_UNKNOWN"
    DIFFERS = "ISOTYPE_DIFFERS"

    @property
    def blocks(self) -> bool:
        """A new band is not read as loss of the complete response."""
        return self in (Interference.POSSIBLE, Interference.DIFFERS)


def interference(
    pack: Pack, original: Isotype | None, band: Isotype | None, exposure: Exposure, serum: Interval | None
) -> Interference:
    """`band` None is a negative immunofixation; an unknown M may be at or below the limit."""
    if band is None:
        return Interference.NONE
    differs = original is not None and original != band
    if band == IGG_KAPPA and exposure == "yes" and (differs or _faint(pack, serum)):
        return Interference.POSSIBLE
    if differs:
        return Interference.DIFFERS
    return Interference.UNKNOWN if band == IGG_KAPPA and exposure == "unknown" else Interference.NONE


def _faint(pack: Pack, serum: Interval | None) -> bool:
    limit = pack.limit("antibody.serum")
    return serum is None or serum.test(limit.operator, limit.value) is not Truth.FALSE


def exposure(view: View, at: datetime) -> Exposure:
    """On such an antibody, or last dose up to 183 d ago; `unknown` when no drug of the patient is known at all."""
    drugs = view.context.of("drug")
    if not drugs:
        return "unknown"
    days = int(view.pack["antibody.days"])
    given = (d for d in drugs if _is_antibody((d.code, d.value, d.note)) and (d.start is None or d.start <= at))
    return "yes" if any(d.end is None or d.end >= at or whole_days(d.end, at) <= days for d in given) else "no"


def _is_antibody(words: Iterable[str]) -> bool:
    text = " ".join(words).casefold()
    return any(name in text for name in ANTIBODIES)


def isotype(text: str) -> Isotype | None:
    """`IgG-kappa`, `IgA_lambda`, `FLC_kappa`; None when no light chain is named."""
    heavy, light = _HEAVY.search(text), _LIGHT.search(text)
    return Isotype(heavy[0].lower() if heavy else "", light[0].lower()) if light else None
