"""What follows when a patient is not watched any more, or is again (behaviour 3): all in the event's transaction.

Shut: what waits to be sent is closed with the reason, on the log. Open again: what was not told and still holds is
told, once; that something ended is told to who knew of it. A sample after a recorded death goes to operations, and its
alert to the people on call as ever: a wrong flag must not silence a living patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from alerts import watching
from alerts.candidates import candidates
from alerts.result import Result
from alerts.severity import Severity
from alerts.thresholds import Pack
from alerts.watching import Gate
from schemas.patient_event import ContextChange, ContextEntry
from services.ledger.closing import entry
from services.ledger.evaluating import Rules
from services.ledger.journal import Entry
from services.ledger.operations import Technical
from services.ledger.stored import STOPPED, Stored, StoredAlert
from services.ledger.telling import Cause, Teller
from services.ledger.writes import Writes
from services.shared import context_event

NOBODY: tuple[Gate, ...] = ("not_enrolled", "test_realm")
"""Who is nobody's patient here, dead or alive."""
_ALERT, _VERSION, _RECORD, _CHANNEL, _RECIPIENT = range(1, 6)
"""Places in a row of `delivery`."""


def settle(person: Stored, teller: Teller, rules: Rules, writes: Writes, cause: Cause) -> None:
    """Bring what is stored in line with what now holds of this person."""
    now = datetime.now(UTC)
    found = teller.watches(person, now)
    if found != person.unwatched:
        _turn(person, found, teller, writes, cause, now)
    _list(person, rules.pack, writes, now)
    for alert in list(person.alerts.values()):
        gated = alert.withheld and alert.withheld not in STOPPED
        if gated and not teller.gate(person, alert, now) and _is_due(alert):
            teller.tell_withheld(person, alert, cause, writes, rules)
    let_go(person, teller, rules, writes, cause)


def let_go(person: Stored, teller: Teller, rules: Rules, writes: Writes, cause: Cause) -> int:
    """What a rule that is on again, or the approval, lets go of what still holds; how many alerts."""
    found = [
        alert for alert in person.alerts.values()
        if alert.withheld in STOPPED and alert.condition == "active" and _is_due(alert) and teller.lets_go(alert)
    ]  # fmt: skip
    for alert in found:
        teller.tell_stopped(person, alert, cause, writes, rules)
    return len(found)


def next_turn(person: Stored) -> datetime | None:
    """When what is said of enrolment, care or death begins or ends by itself next."""
    return watching.turns(person.context, datetime.now(UTC))


def _list(person: Stored, pack: Pack, writes: Writes, now: datetime) -> None:
    """The findings of somebody not enrolled, for the list of candidates; none once enrolment was ended."""
    listed = person.unwatched == "not_enrolled" and watching.said(person.context, "enrolment", now) != "ended"
    found = candidates(person.series, pack) if listed else ()
    if found != person.candidates and (found or person.candidates or person.candidates is None):
        writes.candidates[person.root] = [
            (person.root, c.reason, c.collected_at, c.result_id, c.value, c.unit) for c in found
        ]
    person.candidates = found


def _is_due(alert: StoredAlert) -> bool:
    """It holds and is not for the screen only; or it ended, and somebody was told of it."""
    if alert.holds:
        return alert.condition == "active" and alert.state.severity is not Severity.INFO
    return alert.told_at is not None and not (alert.condition == "superseded" and alert.superseded_by)


def _turn(person: Stored, found: Gate, teller: Teller, writes: Writes, cause: Cause, now: datetime) -> None:
    payload = {"from": person.unwatched, "to": found, "event_id": cause.event_id or ""}
    writes.journal.append(
        Entry(chain=person.root, kind="unwatched" if found else "watched", actor="halo", payload=payload)
    )
    person.unwatched = found
    writes.watch[person.root] = (person.root, found)
    if found:
        _shut(person, found, teller, writes, now)
    else:
        writes.closings.open(person.members)


def _shut(person: Stored, found: Gate, teller: Teller, writes: Writes, now: datetime) -> None:
    spared = {alert.alert_id for alert in person.alerts.values() if not teller.gate(person, alert, now)}
    writes.closings.shut(person.root, person.members, found, spared)
    for place, row in enumerate(writes.deliveries):
        if row[_ALERT] in person.alerts and row[_ALERT] not in spared and row[-2] == "queued":
            writes.deliveries[place] = (*row[:-2], "closed", found)
            writes.closings.stopped(row[_ALERT], found)
            writes.journal.append(
                entry(row[_ALERT], row[_VERSION], row[_RECORD], row[_CHANNEL], row[_RECIPIENT], found)
            )
            alert = person.alerts[row[_ALERT]]
            person.alerts[row[_ALERT]] = msgspec.structs.replace(alert, withheld=found)


def after_death(person: Stored, fresh: Iterable[Result], teller: Teller) -> list[Technical]:
    """Results that were collected after the recorded death: somebody is to look at the record at once."""
    now = datetime.now(UTC)
    if teller.watches(person, now) in NOBODY:
        return []
    late = [r for r in fresh if watching.after_death(person.context, now, r.collected_at)]
    if not late:
        return []
    detail = (
        f"{len(late)} results of patient {person.public_id} were collected after the recorded death, at the latest "
        f"{max(r.collected_at for r in late):%Y-%m-%d %H:%M} UTC; their alerts are sent. Find out today whether the "
        "record or the sample is wrong; the record is taken back by the context entry `deceased` with `no`"
    )
    key = f"result_after_death {person.public_id}"
    return [Technical(key=key, kind="result_after_death", detail=detail, severity="CRITICAL", patient_id=person.root)]


def unread(event: ContextChange) -> list[Technical]:
    """Entries that nobody can read are kept and stop nothing; operations hear where, never what somebody typed."""
    wrong = [
        f"entries[{n}], {entry.kind}, {field}"
        for n, entry in enumerate(event.entries) if (field := context_event.unread(entry))
    ]  # fmt: skip
    detail = (
        f"context of event id {event.event_id} has no effect where it cannot be read: {'; '.join(wrong)}. Have it said "
        "again as docs/context.md describes the kind"
    )
    return [Technical(key=f"context_unread {event.event_id}", kind="context_unread", detail=detail)] if wrong else []


def newly_known(person: Stored, entries: Sequence[ContextEntry], teller: Teller) -> list[Technical]:
    """The same for a death that becomes known after the sample."""
    if not any(entry.kind == "deceased" for entry in entries):
        return []
    kept = (m for analyte in person.series.analytes for m in person.series.measurements(analyte) if not m.withdrawn)
    return after_death(person, [m.winner for m in kept], teller)
