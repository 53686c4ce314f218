"""What a Specimen says: its id, when it was taken, what is against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.reading.fhir.scope import Scope, literal
from services.reading.fhir.times import collected
from services.reading.fhir.types import Reference, Specimen
from services.reading.fhir.values import read_codings

_TRANSIENT = ("urn:", "#")
_UNSUITABLE = frozenset({"unsatisfactory", "entered-in-error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Of one Observation."""

    id: str = ""
    accession: str = ""
    collected: str = ""
    conditions: tuple[str, ...] = ()
    """Codes of HL7 table 0493, and a status that speaks against the specimen."""
    comments: tuple[str, ...] = ()


NONE = Draw()


def read_draw(own: Reference | None, of_report: Sequence[Reference], scope: Scope, report: Scope | None) -> Draw:
    """The Observation's specimen, else the only one of its report; several of a report say nothing of one result."""
    if own is not None:
        return _draw(own, scope)
    if report is not None and len(of_report) == 1:
        return _draw(of_report[0], report)
    return NONE


def _draw(reference: Reference, scope: Scope) -> Draw:
    found = scope.read(reference, Specimen)
    if found is None:
        return Draw(id=_id(reference, None))
    against = (found.status,) if found.status in _UNSUITABLE else ()
    return Draw(
        id=_id(reference, found),
        accession=found.accession_identifier.value if found.accession_identifier else "",
        collected=collected(found.collection.collected_date_time, found.collection.collected_period),
        conditions=(*(one.code for concept in found.condition for one in read_codings(concept)), *against),
        comments=tuple(note.text for note in found.note if note.text.strip()),
    )


def _id(reference: Reference, found: Specimen | None) -> str:
    """Its identifier, else its address at the sender; an id of this message only is none."""
    if reference.identifier is not None and reference.identifier.value:
        return reference.identifier.value
    known = next((one.value for one in found.identifier if one.value), "") if found else ""
    return known or ("" if reference.reference.startswith(_TRANSIENT) else literal(reference.reference))
