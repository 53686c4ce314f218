"""What is known against a specimen: haemolysis, clots, clumped platelets (life cycle 4; blood counts 2 and 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from schemas.texts import plain

HAEMOLYSED = "haemolysed"
CLOTTED = "clotted_specimen"
_CONDITIONS = {"HEM": HAEMOLYSED, "CLOT": CLOTTED}
"""HL7 table 0493 (SPM-24)."""
_HAEMOLYSIS = re.compile(r"\bh(?:a)?emoly[sz]|\bhemoliz")
_CLUMPS = re.compile(r"\bclump|\bagregat|\baggregat|\bskupk")
_DENIED = re.compile(r"\b(?:no|not|non|without|ni|niso|brez|ne|absent|neg\w*)\b")
_CLAUSE = re.compile(r"[.;,\n]|\bbut\b|\bvendar\b")


def condition_flags(conditions: Iterable[str], comments: Iterable[str]) -> tuple[str, ...]:
    """Flags from SPM-24 codes and from comments that say so without denying it."""
    found = {_CONDITIONS[code] for code in conditions if code in _CONDITIONS}
    if HAEMOLYSED not in found and any(_says(_HAEMOLYSIS, comment) for comment in comments):
        found.add(HAEMOLYSED)
    return tuple(sorted(found))


def clumped(comments: Iterable[str]) -> bool:
    """A comment about clumped platelets, not denied: the count is invalid."""
    return any(_says(_CLUMPS, comment) for comment in comments)


def _says(what: re.Pattern[str], comment: str) -> bool:
    said = plain(comment)
    if what.search(said) is None:
        return False
    return any(what.search(clause) and not _DENIED.search(clause) for clause in _CLAUSE.split(said))
