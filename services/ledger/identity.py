"""Whether a message is about the patient it names (agreed behaviour 2). Pure.

It is held as `identity_conflict` when it names a second known patient whose number never stood beside this one's, or
when two of family name, birth date and sex contradict the record. One that differs is a wedding or a slip of the pen;
a part that one side does not know contradicts nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from schemas.patient_event import Identifier, Patient
from services.ledger.context import Demographics

CONFLICT = "identity_conflict"
"""Reason of quarantine."""
_SEXES = ("F", "M")
_YEAR = len("2026")
_STROKES = str.maketrans("đłøß", "dlos")


def conflict(patient: Patient, known: Demographics, strangers: Sequence[str]) -> str:
    """Why the message is held, in words without the patient's data; empty when it is not.

    `known` is what was said of the record so far, `strangers` its new numbers by which other patients are known.
    """
    if strangers:
        return f"names another known patient too ({', '.join(name.partition('|')[0] for name in strangers)}|...)"
    wrong = contradictions(known, patient)
    return f"{' and '.join(wrong)} contradict the record" if len(wrong) > 1 else ""


def numbers(patient: Patient) -> tuple[str, ...]:
    """Every number of the person in PID-3 but the one that names the patient."""
    found = (name_of(identifier) for identifier in patient.identifiers if identifier.of_person)
    return tuple(dict.fromkeys(name for name in found if name != patient.id))


def name_of(identifier: Identifier) -> str:
    """As patient ids are written."""
    return f"{identifier.authority}|{identifier.value}"


def contradictions(known: Demographics, patient: Patient) -> list[str]:
    """Which of the three are known on both sides and differ."""
    checks = (
        ("family name", "name", patient.family, _names_differ),
        ("birth date", "birth_date", patient.birth_date, _dates_differ),
        ("sex", "sex", patient.sex, _sexes_differ),
    )
    return [
        words for words, name, said, differ in checks
        if said and name in known and known[name].value[0] != said and differ(known[name].value[0], said)
    ]  # fmt: skip


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
