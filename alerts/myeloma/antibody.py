"""Therapeutic antibodies (IgG kappa) that show on electrophoresis and immunofixation (relapse 10) [R:19, M].

Progression by section 4 is never blocked and nothing is subtracted: the drug cannot supply 5 g/L. What is withheld is
only the reading of a new faint band as the clone coming back after a complete response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Literal

import msgspec

from alerts.logic import FALSE, Interval
from alerts.myeloma.readings import whole_days
from alerts.rule import View
from alerts.series import Point
from alerts.thresholds import Pack

ANTIBODIES = frozenset({"daratumumab", "isatuximab", "elotuzumab"})
Exposure = Literal["yes", "no", "unknown"]
_HEAVY = re.compile(r"ig[gamde]", re.IGNORECASE)
_BAND = re.compile(r"(?:(?P<heavy>ig[gamde])\d?[\s\-_/,:(]*)?(?P<light>kappa|lambda)", re.IGNORECASE)


class Isotype(msgspec.Struct, frozen=True):
    """Heavy chain (`igg`, empty for light chains only) and light chain."""

    heavy: str
    light: str


Bands = frozenset[Isotype]
"""Of one immunofixation, or of one clone: mostly one."""
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


def interference(pack: Pack, original: Bands, found: Bands, exposure: Exposure, serum: Interval | None) -> Interference:
    """What the bands `found` mean; none is a negative immunofixation. An unknown M may be at or below the limit.

    The clone of `original` (empty: unknown) is back when any of its own bands is, unless the drug may be that band.
    """
    drug = IGG_KAPPA in found and exposure == "yes" and (_differs(original, IGG_KAPPA) or _faint(pack, serum))
    left = found - {IGG_KAPPA} if drug else found
    if any(not _differs(original, band) for band in left):
        return Interference.UNKNOWN if left == {IGG_KAPPA} and exposure == "unknown" else Interference.NONE
    if drug:
        return Interference.POSSIBLE
    return Interference.DIFFERS if left else Interference.NONE


def unnamed(pack: Pack, exposure: Exposure, serum: Interval | None) -> Interference:
    """What a positive immunofixation means that names no band: under an antibody a faint one may be the drug."""
    if exposure == "yes" and _faint(pack, serum):
        return Interference.POSSIBLE
    return Interference.UNKNOWN if exposure == "unknown" else Interference.NONE


def of_fixation(view: View, clone: Bands, point: Point, serum: Interval | None) -> Interference:
    """What one serum immunofixation, positive or negative, means for the clone; `serum` is the M beside it."""
    coded, given = point.result.coded.casefold(), exposure(view, point.at)
    if not coded.startswith("positive"):
        return Interference.NONE
    found = isotypes(coded)
    return interference(view.pack, clone, found, given, serum) if found else unnamed(view.pack, given, serum)


def _differs(original: Bands, band: Isotype) -> bool:
    """Not of the clone: free chains alone are when it makes that chain."""
    return bool(original) and band not in original and not (band.heavy == "" and band.light in _lights(original))


def _lights(bands: Bands) -> frozenset[str]:
    return frozenset(band.light for band in bands)


def _faint(pack: Pack, serum: Interval | None) -> bool:
    limit = pack.limit("antibody.serum")
    return serum is None or serum.test(limit.operator, limit.value) is not FALSE


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


@lru_cache(maxsize=1024)
def isotypes(text: str) -> Bands:
    """All named in `IgG-kappa`, `IgA_lambda+IgG-kappa`, `FLC_kappa`; empty when no light chain is named."""
    found = frozenset(Isotype((band["heavy"] or "").lower(), band["light"].lower()) for band in _BAND.finditer(text))
    heavy = _HEAVY.search(text)
    if heavy and len(found) == 1 and not any(band.heavy for band in found):  # `kappa IgG`
        return frozenset(Isotype(heavy[0].lower(), band.light) for band in found)
    return found


def original(view: View) -> Bands:
    """The clone's bands: as entered, else those of the first positive final immunofixation that names any."""
    stated = isotypes(" ".join(f"{entry.code} {entry.value}" for entry in view.context.of("isotype")))
    coded = (p.result.coded for p in view.series.points("sife") if not p.preliminary)
    positive = (isotypes(text) for text in coded if text.casefold().startswith("positive"))
    return stated or next((bands for bands in positive if bands), frozenset())
