"""What comes out of a file: events to be sent, or a reason why not, each with its place in the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec import structs

from schemas.patient_event import ContextChange, Event, Heartbeat, LabReport, PatientMerge, Purpose, Refused
from services.mapping.site import DEFAULT_SITE, Site
from services.mapping.times import read_time
from services.reading.outcome import Outcome, Refusal

Format = Literal["csv", "ndjson", "hl7v2", "fhir"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One message, row that is refused, or record of several rows."""

    place: str
    """File and line or message."""
    size: int
    """Bytes of the file it stands for."""
    events: tuple[Event, ...] = ()
    refusal: Refusal | None = None
    ignored: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How files are read."""

    purpose: Purpose
    now: Callable[[], str]
    """The time at which something is taken in, UTC with "Z"."""
    sender: str = ""
    """Who sent what a CSV or FHIR file says; empty: `csv` and `fhir`."""
    site: Site = DEFAULT_SITE
    """The one in force."""
    authority: str = ""
    laboratory: str = ""
    encoding: str = ""
    """A codec name: of CSV; of HL7 v2 where MSH-18 is empty. Empty: UTF-8, or the installation's."""


def piece(outcome: Outcome, place: str, size: int, options: Options) -> Piece:
    """An outcome of reading, dated and marked."""
    events = tuple(dated(event, options) for event in outcome.events)
    return Piece(place=place, size=size, events=events, refusal=outcome.refusal, ignored=outcome.ignored)


def dated(event: Event, options: Options) -> Event:
    """Received now; but what people knew was known when it was said: an old ward is not where somebody lies today."""
    if isinstance(event, Heartbeat):
        return event
    now = options.now()
    if isinstance(event, ContextChange | PatientMerge):
        at = said_at(event.source.sent_at, event.source.sender, options.site, now)
        return structs.replace(event, source=structs.replace(event.source, received_at=at))
    source = structs.replace(event.source, received_at=now)
    if isinstance(event, LabReport):
        return structs.replace(event, source=source, purpose=options.purpose)
    return structs.replace(event, source=source)


def said_at(sent_at: str, sender: str, site: Site, now: str) -> str:
    """The sender's time, UTC with "Z"; now where there is none, and never later than now."""
    moment = read_time(sent_at, site.zone_of(sender)) if sent_at else None
    if moment is None or moment.date_only:
        return now
    return min(moment.at, datetime.fromisoformat(now)).isoformat().replace("+00:00", "Z")


def events_of(one: Piece) -> list[LabReport | ContextChange | PatientMerge | Refused]:
    """All that go to Kafka; heartbeats of a dumped topic do not."""
    return [event for event in one.events if not isinstance(event, Heartbeat)]
