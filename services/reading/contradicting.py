"""When two things said of a person contradict: family name, birth date, sex (agreed behaviour 2). Pure.

A part that one side does not know contradicts nothing; nor does another way to write the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

from schemas.patient_event import Patient

_SEXES = ("F", "M")
_YEAR = len("2026")
_STROKES = str.maketrans("đłøß", "dlos")


def contradicting(one: Patient, other: Patient) -> list[str]:
    """Which of the three are said of both and differ."""
    said = (
        ("family name", one.family, other.family), ("birth date", one.birth_date, other.birth_date),
        ("sex", one.sex, other.sex),
    )  # fmt: skip
    return [words for words, first, second in said if first and second and differ(words, first, second)]


def differ(what: str, one: str, other: str) -> bool:
    """Whether two texts of one of the three, neither of them empty, mean different things."""
    return one != other and _CHECKS[what](one, other)


def _names_differ(one: str, other: str) -> bool:
    """A name with a second one added is the same; marks on letters and case say nothing."""
    first, second = _words(one), _words(other)
    return bool(first and second) and not (first <= second or second <= first)


def _words(name: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKD", name.casefold()).translate(_STROKES)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return frozenset(re.findall(r"[^\W\d_]+", letters))


def _dates_differ(one: str, other: str) -> bool:
    """As far as both are said; a year alone is a birth date too."""
    length = min(len(one), len(other), len("2026-03-01"))
    return length >= _YEAR and one[:length] != other[:length]


def _sexes_differ(one: str, other: str) -> bool:
    first, second = one.upper()[:1], other.upper()[:1]
    return first in _SEXES and second in _SEXES and first != second


_CHECKS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {"family name": _names_differ, "birth date": _dates_differ, "sex": _sexes_differ}
)
