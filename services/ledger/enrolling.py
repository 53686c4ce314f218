"""Enrolment by a rule of the site file (behaviour 3): a message fits all that a rule says, and its patient is watched.

One entry of context a patient and rule, as of the earliest message that fits, whatever the order of arrival. It counts
only while nobody else says anything of the patient's enrolment: what a person or a list says is never overruled.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.identity import stable_id
from schemas.patient_event import ContextChange, ContextEntry, LabReport
from services.ledger import context
from services.ledger.incoming import Incoming
from services.ledger.journal import Entry
from services.ledger.stored import Stored
from services.ledger.writes import Writes
from services.mapping.site import EnrolRule, Site


def take(
    incoming: Incoming, event: LabReport | ContextChange, person: Stored, record: int, site: Site, writes: Writes
) -> bool:
    """Enrol by every rule that fits; True when something new is said of the person."""
    if site.file.enrolment.watch != "listed" or incoming.test:
        return False
    rules = fitting(event, site)
    return sum(_enrol(rule, incoming, event, person, record, writes) for rule in rules) > 0


def fitting(event: LabReport | ContextChange, site: Site) -> list[EnrolRule]:
    """The rules of which everything fits."""
    return [rule for rule in site.file.enrol if _fits(rule, event, site)]


def _fits(rule: EnrolRule, event: LabReport | ContextChange, site: Site) -> bool:
    patient, source = event.patient, event.source
    entries = event.entries if isinstance(event, ContextChange) else ()
    wards = {patient.ward, *(entry.code for entry in entries if entry.kind == "place")}
    return (
        (not rule.sender or rule.sender in (source.sender, site.feed_of(source)))
        and (not rule.ward or rule.ward in wards)
        and (not rule.service or rule.service == patient.service)
        and (not rule.diagnosis or any(_is(code, rule.diagnosis) for code in patient.diagnoses))
    )


def _is(code: str, wanted: str) -> bool:
    return code.startswith(wanted[:-1]) if wanted.endswith("*") else code == wanted


def _enrol(
    rule: EnrolRule, incoming: Incoming, event: LabReport | ContextChange, person: Stored, record: int, writes: Writes
) -> bool:
    identity = stable_id("enrolment rule", event.patient.id, rule.name)
    said_at = context.rank(incoming.received_at, identity)
    known = next((rank for rank, _, _ in person.entries if rank.partition(" ")[2] == identity), None)
    if known is not None and known <= said_at:
        return False
    entry = ContextEntry(kind="enrolment", value="enrolled", unit=context.RULE, note=rule.name)
    if known is None:
        body = msgspec.json.encode(entry).decode()
        writes.contexts.append((identity, 0, record, entry.kind, body, incoming.received_at))
        writes.journal.append(_logged(rule, event, person))
    else:
        writes.said_earlier.append((identity, incoming.received_at))
    person.entries = (*_others(person.entries, identity), (said_at, 0, entry))
    return True


def _others(entries: Iterable[context.Ranked], identity: str) -> Iterable[context.Ranked]:
    return (one for one in entries if one[0].partition(" ")[2] != identity)


def _logged(rule: EnrolRule, event: LabReport | ContextChange, person: Stored) -> Entry:
    payload = {"rule": rule.name, "event_id": event.event_id}
    return Entry(chain=person.root, kind="enrolled_by_rule", actor=f"rule {rule.name}", payload=payload)
