"""Ward and bed of an Encounter, by the Locations that came with it or by what their references say."""

from __future__ import annotations

from schemas.patient_event import ContextEntry
from services.reading.fhir.scope import Scope, literal
from services.reading.fhir.times import to_iso
from services.reading.fhir.types import Concept, Encounter, Location, Place, Reference

PRESENT = frozenset({"arrived", "triaged", "in-progress", "onleave"})
"""States of an Encounter in which the patient is there."""
OVER = frozenset({"finished", "cancelled", "entered-in-error"})
_BED, _ROOM = "bd", "ro"
"""Location physical types: what is no bed and no room is the ward."""
_DEPTH = 6
NOTE = "Encounter"


def place_of(encounter: Encounter, scope: Scope) -> tuple[str, str]:
    """Ward and bed where the patient is now; empty where the Encounter does not say, or is over."""
    ward, bed = "", ""
    for one in _now(encounter):
        found_ward, found_bed = _walk(one, scope)
        ward, bed = found_ward or ward, found_bed or bed
    return ward, bed


def place_entry(encounter: Encounter, scope: Scope) -> ContextEntry | None:
    """The place as context, from its newest beginning; one without ward and bed says that the patient left."""
    begin = to_iso(encounter.period.start)
    if encounter.status in OVER:
        return ContextEntry(kind="place", from_=to_iso(encounter.period.end) or begin, note=NOTE)
    ward, bed = place_of(encounter, scope)
    if not ward and not bed:
        return None
    moved = max((to_iso(one.period.start) for one in _now(encounter)), default="")
    return ContextEntry(kind="place", from_=moved or begin, code=ward, value=bed, note=NOTE)


def _now(encounter: Encounter) -> list[Place]:
    if encounter.status not in PRESENT:
        return []
    return [one for one in encounter.location if one.status in ("", "active") and not one.period.end]


def _walk(place: Place, scope: Scope) -> tuple[str, str]:
    """Up from a bed to its ward."""
    bed = ""
    reference: Reference | None = place.location
    kind = place.physical_type
    for _ in range(_DEPTH):
        if reference is None:
            break
        found = scope.read(reference, Location)
        code = _code(kind) or _code(found.physical_type if found else None)
        name = _name(found, reference)
        if code == _BED:
            bed = bed or name
        elif code != _ROOM:
            return name, bed
        reference, kind = (found.part_of if found else None), None
    return "", bed


def _code(kind: Concept | None) -> str:
    return next((one.code for one in kind.coding if one.code), "") if kind is not None else ""


def _name(found: Location | None, reference: Reference) -> str:
    """As PV1-3 would name it: the identifier, else the name."""
    if reference.identifier is not None and reference.identifier.value:
        return reference.identifier.value
    if found is not None:
        return next((one.value for one in found.identifier if one.value), "") or found.name
    return reference.display or literal(reference.reference).partition("/")[2]
