"""What came of reading one request: for each entry what is stored of it, or what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.patient_event import Event
from services.reading.fhir.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRead:
    """One entry of a Bundle, or the one resource that was sent."""

    number: int
    """From 1."""
    type: str = ""
    id: str = ""
    method: str = ""
    """`POST` or `PUT` as the entry asks; of a resource alone empty."""
    faults: tuple[Fault, ...] = ()
    ignored: bool = False
    """Well-formed, and nothing that Halo uses."""
    event_ids: tuple[str, ...] = ()
    """Events that hold what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All of one request. It never vanishes: every entry is stored, ignored or refused with a reason."""

    type: str = ""
    """Of the resource that was sent; empty where it is none."""
    bundle: str = ""
    """Type of the Bundle."""
    id: str = ""
    events: tuple[Event, ...] = ()
    """What must be stored before the sender gets any answer; refusals have their `Refused` events here."""
    entries: tuple[EntryRead, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Of the request as a whole; then nothing of it is taken."""
    not_json: bool = False
    """It could not be read at all."""

    @property
    def refused(self) -> bool:
        """Nothing was taken, because of faults."""
        return bool(self.faults) or (any(e.faults for e in self.entries) and not any(_taken(e) for e in self.entries))

    @property
    def all_faults(self) -> tuple[Fault, ...]:
        """Of the whole and of every entry."""
        return (*self.faults, *(fault for entry in self.entries for fault in entry.faults))


def _taken(entry: EntryRead) -> bool:
    return not entry.faults and not entry.ignored
