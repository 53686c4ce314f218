"""The same words again, but received earlier than what is stored of them: they were said then.

Laboratories repeat a death in every message and it is one event. When the first such message waited among the dead
letters a later one was stored before it; what follows from the time must not depend on which came first.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.patient_event import ContextChange, LabReport
from services.ledger import context
from services.ledger.applying import Work
from services.ledger.context import Ranked
from services.ledger.evaluating import EVERYTHING
from services.ledger.incoming import Incoming
from services.ledger.telling import Cause
from services.ledger.watching import newly_known


def take(incoming: Incoming, work: Work) -> None:
    """An event whose id is stored. Nothing, unless it is context that was received earlier, or came by import first."""
    event = incoming.event
    if isinstance(event, LabReport):
        work.shown(incoming, event)
    if not isinstance(event, ContextChange):
        return
    person = work.person(event)
    entries = tuple(dated(person.entries, incoming))
    if entries == person.entries:
        return
    work.catch_up(person)
    work.writes.said_earlier.append((event.event_id, incoming.received_at))
    work.writes.live["series", person.root, None] = None
    person.entries = entries
    person.context = context.build(entries, person.demographics, work.zone)
    work.writes.technical += newly_known(person, event.entries, work.teller)
    cause = Cause(event_id=event.event_id, received_at=incoming.received_at, kind="context")
    work.evaluate([person], EVERYTHING, cause)
    work.settle(person, cause)


def dated(entries: Iterable[Ranked], incoming: Incoming) -> list[Ranked]:
    """The same entries, those of this event as of its earliest reception."""
    rank = context.rank(incoming.received_at, incoming.event_id)
    return [(min(said_at, rank) if _is_of(said_at, incoming) else said_at, n, entry) for said_at, n, entry in entries]


def _is_of(said_at: str, incoming: Incoming) -> bool:
    return said_at.partition(" ")[2] == incoming.event_id
