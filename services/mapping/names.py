"""Which analyte a laboratory's name for a test may mean: a guess by the names of `analytes.toml`, to be confirmed.

Nothing is ever mapped by a name (`services.mapping.codes`); `halo site learn` only proposes by it.
"""

from __future__ import annotations

import re
from functools import cache

from schemas.analytes import ANALYTES
from schemas.texts import plain

_WORD = re.compile(r"[a-z0-9]+")
_EMPTY = frozenset({
    "in", "of", "as", "to", "the", "na", "po", "za", "v", "total", "celokupni", "serum", "seruma", "serumski", "share",
    "delez", "reported", "izvidu", "test", "adjusted", "popravljen",
})  # fmt: skip
"""Words that alone say nothing of what is measured."""
_ALSO: dict[str, tuple[str, ...]] = {"mspike": ("paraprotein", "M-protein", "M-komponenta", "ELFO")}
"""What laboratories call a test beside its names."""
_OF_URINE = frozenset({"umprot", "uife", "upep_text", "u24_volume"})
_URINE = re.compile(r"urin[a-z]*|sec(?:a|u|em)?")  # not secna kislina (urate), not secnina (urea)
_URINE_FIRST = re.compile(r"d?u[-_]")
"""A code or name that begins with the fluid, as `U-Kreatinin`."""
_COLLECTED = frozenset({"24", "h", "24h", "urni", "urnem", "urnega"})
"""Words of a collection: in urine they tell nothing of what is measured."""
_STEM, _ENDING = 5, 3
"""Letters that two forms of a word share at least, and that may differ at the end."""
_SHORT = 3
"""A code of so many letters or more may be the beginning of a name (KREA, KALC)."""


def likely(code: str, display: str) -> dict[str, int]:
    """Analytes that the words may mean, each with how much of its name was found in per cent; none for no likeness.

    What names urine is never an analyte of serum.
    """
    said = _words(f"{code} {display}")
    if _is_urine(said, code, display):
        names = {name: tuple(map(_without_urine, _names()[name])) for name in sorted(_OF_URINE)}
        said = _without_urine(said)
    else:
        names = _names()
    found = {name: max(_share(said, words) for words in every) + _by_habit(name, said) for name, every in names.items()}
    return {name: share for name, share in found.items() if share}


def is_whole(analyte: str, display: str) -> bool:
    """Whether a name says nothing beside the analyte's own: `S-Kalcij` is, `C-reaktivni protein` is not of protein."""
    said = {word for word in _words(display) - _EMPTY if len(word) >= _SHORT}
    return any(all(any(_alike(word, one) for word in words) for one in said) for words in _names()[analyte])


def _by_habit(name: str, said: frozenset[str]) -> bool:
    """One more for the usual word: `M-protein` is the amount before it is the share."""
    return any(_words(one) <= said for one in _ALSO.get(name, ()))


def _is_urine(said: frozenset[str], code: str, display: str) -> bool:
    return any(_URINE.fullmatch(word) for word in said) or any(
        _URINE_FIRST.match(plain(text)) for text in (code, display)
    )


def _without_urine(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in words - _COLLECTED if not _URINE.fullmatch(word))


def _share(said: frozenset[str], name: frozenset[str]) -> int:
    """How much of the name is said, less what is said beside it."""
    telling = name - _EMPTY or name
    met = sum(any(_alike(word, one) for one in said) for word in telling)
    if not met:
        return 0
    also = sum(any(_alike(word, one) for one in said) for word in name & _EMPTY)
    return 100 * met // len(telling) + also


def _alike(word: str, said: str) -> bool:
    if word == said:
        return True
    if len(said) >= _SHORT and len(word) > len(said) and word.startswith(said) and not said.isdigit():
        return True
    stem = max(_STEM, len(word) - _ENDING)
    return len(said) >= stem and word[:stem] == said[:stem]


@cache
def _names() -> dict[str, tuple[frozenset[str], ...]]:
    return {
        name: (_words(row.en), _words(row.sl), frozenset({name}), *map(_words, _ALSO.get(name, ())))
        for name, row in ANALYTES.items()
    }


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(plain(text)))
