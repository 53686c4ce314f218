"""PID-29 and PID-30 as a change of context: the sender says that the patient died (agreed behaviour 3).

A date or `Y` says so; `N`, and nothing at all, say nothing: a death is taken back by a person. The same words again, in
however many messages, are one event; a time that is shortened to a month or a year is no time.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from schemas.identity import event_id
from schemas.patient_event import ContextChange, ContextEntry, Patient, Source
from services.reading.fields import Row
from services.reading.timestamps import moment_of, to_iso

_DAY = len("2026-03-01")
_TIME, _DEAD = 29, 30


def died(pid: Row) -> ContextEntry | None:
    """What the segment says of a death; None when nothing, or that there was none."""
    word, at = pid.component(_DEAD).strip().upper(), pid.component(_TIME)
    beyond_reason = len(to_iso(at)) >= _DAY and not moment_of(at)  # 0001-01-01 is how some write "no date"
    if word == "N" or not (word == "Y" or (to_iso(at) and not beyond_reason)):
        return None
    return ContextEntry(kind="deceased", from_=moment_of(at), note="PID-29, PID-30")


def change(patient: Patient, entry: ContextEntry, source: Source) -> ContextChange:
    """The event; `source` is the message's."""
    digest = sha256(msgspec.json.encode((patient.id, source.sender, entry))).hexdigest()
    return ContextChange(
        event_id=event_id("death", digest, patient.id), patient=Patient(id=patient.id), source=source, entries=(entry,)
    )


def change_of_somebody(patient: Patient, entry: ContextEntry, source: Source) -> ContextChange:
    """The same with all that is said of the person, so that the ledger can hold it: the number may be another's.

    Its id is its own: a later, true word of that number's death is no repeat of it.
    """
    said = (patient.id, patient.family, patient.birth_date, patient.sex, source.sender, entry)
    digest = sha256(msgspec.json.encode(said)).hexdigest()
    return ContextChange(
        event_id=event_id("death", digest, patient.id), patient=patient, source=source, entries=(entry,)
    )
