"""Immunofixation texts to `negative`, `positive`, `positive:IgG-kappa` or `indeterminate` (analytes 1).

Several clones are joined with `+`, free chains alone are `FLC-kappa`. Only texts of
which every word is understood count: one that denies or doubts has a word more, and is `indeterminate`: a person
reads it.
"""

from __future__ import annotations

import re

from schemas.texts import plain, read_text

_NEGATIVE = frozenset({"negative", "negativna", "negativen"})
_POSITIVE = frozenset({"positive", "pozitivno", "pozitivna", "pozitiven", "pos", "poz", "detected"})
_LIGHT = r"(?P<light>kappa|kapa|lambda|κ|λ)"
_CLONE = re.compile(rf"\b(?P<heavy>ig[gamde])\b[\s\-_/,:()]*(?:type |tip |tipa )?{_LIGHT}(?!\w)")
_FREE = re.compile(
    rf"\b(?:free(?: light chains?)?|proste(?: lahke)?(?: verige)?|flc|bence[ -]jones)[\s\-_/,:()]*{_LIGHT}(?!\w)"
)
_NAMES = {"kappa": "kappa", "kapa": "kappa", "κ": "kappa", "lambda": "lambda", "λ": "lambda"}
_FILLER = re.compile(
    r"[\s\-_/,:;.()+&]+|\b(?:and|in|ter|monoclonal|monoklonsk\w*|band|bands|trak|paraprotein|protein|m|type|tip|tipa|present|"
    r"prisot\w*|positive|pozitiv\w*|detected|light|chain|chains|lahk\w*|verig\w*|free|prost\w*|flc|bence|jones)\b"
)


def read_immunofixation(text: str) -> str:
    """Never raises; what is not understood in full is `indeterminate`."""
    said = plain(text)
    if said in _NEGATIVE or read_text(text).word == "negative":
        return "negative"
    if said in _POSITIVE:
        return "positive"
    clones = _clones(said)
    rest = _FILLER.sub("", _FREE.sub("", _CLONE.sub("", said)))
    if not clones or rest:
        return "indeterminate"
    return "positive:" + "+".join(clones)


def _clones(said: str) -> list[str]:
    heavy = {f"Ig{found['heavy'][2].upper()}-{_NAMES[found['light']]}" for found in _CLONE.finditer(said)}
    free = {f"FLC-{_NAMES[found['light']]}" for found in _FREE.finditer(_CLONE.sub(" ", said))}
    return sorted(heavy | free)
