"""Whether a message is about the patient it names (agreed behaviour 2). Pure.

It is held as `identity_conflict` when it names a second known patient whose number never stood beside this one's, or
when two of family name, birth date and sex contradict the record. One that differs is a wedding or a slip of the pen;
a part that one side does not know contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.patient_event import Identifier, Patient
from services.ledger.context import Demographics
from services.mapping import mapped
from services.reading.contradicting import differ

CONFLICT = mapped.CONFLICT
"""Reason of quarantine."""


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
    said = (
        ("family name", "name", patient.family), ("birth date", "birth_date", patient.birth_date),
        ("sex", "sex", patient.sex),
    )  # fmt: skip
    return [
        words for words, name, text in said
        if text and name in known and known[name].value[0] and differ(words, known[name].value[0], text)
    ]  # fmt: skip
