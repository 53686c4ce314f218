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
_STEM, _ENDING = 5, 3
"""Letters that two forms of a word share at least, and that may differ at the end."""
_SHORT = 3
"""A code of so many letters or more may be the beginning of a name (KREA, KALC)."""


def likely(code: str, display: str) -> dict[str, int]:
    """Analytes that the words may mean, each with how much of its name was found in per cent; none for no likeness."""
    said = _words(f"{code} {display}")
    found = {name: max(_share(said, words) for words in names) for name, names in _names().items()}
    return {name: share for name, share in found.items() if share}


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
    return {name: (_words(row.en), _words(row.sl), frozenset({name})) for name, row in ANALYTES.items()}


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(plain(text)))
