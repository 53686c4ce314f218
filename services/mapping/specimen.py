"""What is known against a specimen: haemolysis, clots, fat, contamination, clumps (life cycle 4; blood counts 2, 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from schemas.texts import plain

HAEMOLYSED = "haemolysed"
CLOTTED = "clotted_specimen"
LIPAEMIC = "lipaemic"
UNKNOWN = "specimen_condition"
"""A condition that is not known here: whoever reads the alert should ask."""
_CONDITIONS = {"HEM": HAEMOLYSED, "CLOT": CLOTTED, "CON": "contaminated_specimen"}
"""HL7 table 0493 (SPM-24)."""
_HARMLESS = frozenset({"CFU", "COOL", "FROZ", "LIVE", "ROOM"})
"""Of the same table: how it was kept, nothing against it."""
CONDITIONS = frozenset({*_CONDITIONS, *_HARMLESS})
"""Codes of HL7 table 0493 that are known."""
_HAEMOLYSIS = re.compile(r"\bh(?:a)?emoly[sz]|\bhemoliz")
_SAID = {
    HAEMOLYSED: _HAEMOLYSIS,
    CLOTTED: re.compile(r"\bclotted\b|\bclots?\b|\bstrd(?:ek|ki|kov)\b"),
    LIPAEMIC: re.compile(r"\blipa?em|\blipemi"),
    "drip_contamination": re.compile(
        r"\bdrip[ -]?arm\b|\b(?:drip|iv|infusion)\b[\w ]{0,20}\bcontamin|\bcontamin[\w ]{0,20}\b(?:drip|iv|infusion)\b"
        r"|\bkontamin[\w ]{0,20}\binfuz|\binfuz[\w ]{0,20}\bkontamin"
    ),
    "old_specimen": re.compile(r"\b(?:old|aged) (?:specimen|sample)|\bdelayed separation|\bstar(?:ejsi)? vzorec"),
    "EDTA?": re.compile(r"\bedta\b[\w ]{0,20}\bcontamin|\bcontamin[\w ]{0,20}\bedta\b|\bkontamin[\w ]{0,20}\bedta\b"),
    "gel_comment": re.compile(r"\bgel(?:led|ified)?\b(?! (?:tube|separator|barrier|epruvet))"),
}
"""What a comment may say of a specimen, plain text, in English and Slovene."""
_CLUMPS = re.compile(r"\bclump|\bagregat|\baggregat|\bskupk")
_DENIED = re.compile(r"\b(?:no|not|non|without|ni|niso|brez|ne|absent|neg\w*)\b")
_CLAUSE = re.compile(r"[.;,\n]|\bbut\b|\bvendar\b")


def condition_flags(conditions: Iterable[str], comments: Iterable[str]) -> tuple[str, ...]:
    """Flags from SPM-24 codes and from comments that say so without denying it."""
    found = {_CONDITIONS.get(code, UNKNOWN) for code in conditions if code not in _HARMLESS}
    for said in map(plain, comments):
        found |= {flag for flag, words in _SAID.items() if _says(words, said)}
    return tuple(sorted(found))


def clumped(comments: Iterable[str]) -> bool:
    """A comment about clumped platelets, not denied: the count is invalid."""
    return any(_says(_CLUMPS, plain(comment)) for comment in comments)


def _says(what: re.Pattern[str], said: str) -> bool:
    if what.search(said) is None:
        return False
    return any(what.search(clause) and not _DENIED.search(clause) for clause in _CLAUSE.split(said))
