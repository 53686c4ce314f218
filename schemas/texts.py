"""What a result text says, in Slovene or English, case and accents ignored (clinical specification, life cycle 3).

Only whole texts that the table lists are understood; everything else is `unparsed` and a person reads it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

import msgspec

from schemas.numbers import is_number_like

Word = Literal[
    "", "negative", "trace", "not_quantifiable",
    "pending", "haemolysed", "insufficient", "unsuitable", "clotted", "lipaemic", "unparsed",
]  # fmt: skip
NO_VALUE = frozenset({"pending", "haemolysed", "insufficient", "unsuitable", "clotted", "lipaemic", "unparsed"})
"""Words that say why there is no value."""


class Said(msgspec.Struct, frozen=True):
    """Either a number, with or without a comparator, digits as sent, or a word."""

    number: str = ""
    comparator: Literal["", "<", "<=", ">", ">="] = ""
    word: Word = ""


_WORDS: dict[str, Word] = {
    **dict.fromkeys(("neg", "negativno", "negative", "not detected", "ni zaznati", "ni zaznano"), "negative"),
    **dict.fromkeys(("sled", "v sledovih", "trace"), "trace"),
    **dict.fromkeys(
        (
            "ni merljivo", "nemerljivo", "pod mejo zaznave", "too small to quantify", "not quantifiable",
            "below detection limit",
        ),
        "not_quantifiable",
    ),
    **dict.fromkeys(("v delu", "in progress"), "pending"),
    **dict.fromkeys(("hemolizirano", "haemolysed", "hemolysed"), "haemolysed"),
    **dict.fromkeys(("premalo vzorca", "insufficient"), "insufficient"),
    **dict.fromkeys(("vzorec ni primeren", "unsuitable"), "unsuitable"),
    **dict.fromkeys(("strdek", "clotted"), "clotted"),
    **dict.fromkeys(("lipemicno", "lipaemic"), "lipaemic"),
}  # fmt: skip
_COMPARATORS: dict[str, Literal["<", "<=", ">", ">="]] = {
    "<": "<", "<=": "<=", "≤": "<=", ">": ">", ">=": ">=", "≥": ">=",
    **dict.fromkeys(("less than", "below", "nizje od", "manj kot", "pod"), "<"),
    **dict.fromkeys(("more than", "above", "visje od", "vec kot", "nad"), ">"),
}  # fmt: skip
_CENSORED = re.compile(rf"({'|'.join(sorted(map(re.escape, _COMPARATORS), key=len, reverse=True))})\s*([^\s]+)")


def plain(text: str) -> str:
    """Lower case, no accents, single spaces, without a full stop at the end."""
    if text.isascii():
        return " ".join(text.lower().split()).removesuffix(".")
    letters = unicodedata.normalize("NFD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(bare.split()).removesuffix(".")


def read_text(text: str) -> Said:
    """Never raises; a number is only recognised here, `schemas.numbers` reads it."""
    bare = text.strip()
    if is_number_like(bare):
        return Said(number=bare)
    said = plain(bare)
    if said in _WORDS:
        return Said(word=_WORDS[said])
    found = _CENSORED.fullmatch(said)
    if found is not None and is_number_like(found[2]):
        return Said(number=found[2], comparator=_COMPARATORS[found[1]])
    return Said(word="unparsed")
