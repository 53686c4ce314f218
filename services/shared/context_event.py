"""What people say of a patient, as an event: the same words are the same event, however often they are sent."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

import msgspec

from alerts import chronic
from alerts.context import Fact
from alerts.myeloma.patient_type import PatientType
from alerts.overdue.followed import interval_of
from alerts.watching import WORDS, word
from schemas.identity import event_id
from schemas.patient_event import ContextChange, ContextEntry, Patient, PatientMerge, Source

SENDER = "context"
"""Whose event ids these are: by file, by page or by program the same entries are one event."""
WITHDRAWN = "withdrawn"
"""As the value of an entry: what was said of this kind, begin and code before is taken back."""
LISTED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "state": ("smouldering", "on_treatment", "off_treatment", "response_assessment"),
    "patient_type": tuple(name.casefold() for name in PatientType.__members__),
})  # fmt: skip
"""Words of kinds that the rules read, as they are compared: without regard to capitals."""
_ISOTYPES = ("IgG-kappa", "IgA-lambda", "IgM-kappa", "IgD-lambda", "kappa", "lambda", "IgG-kappa+IgA-lambda")
_NAMED = re.compile(r"ig\s*[gamde]|kappa|lambda")
_ISOTYPE = re.compile(r"ig\s*[gamde][1-4]?|kappa|lambda|flc|free|light|chains?|[\s\-_+/,.;:()&]")
"""All that may stand in an isotype."""
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Beyond these a year is a slip of the pen."""


def context_change(
    patient: str, entries: Sequence[ContextEntry], *, who: str, received_at: str, form: Literal["csv", "halo"]
) -> ContextChange:
    """An event on the patient (`authority|value`); its id comes from patient and entries alone.

    `who` is the person, token or command that says it, `received_at` the time of taking it (ISO 8601, UTC).
    """
    digest = hashlib.sha256(msgspec.json.encode((patient, list(entries)), order="deterministic")).hexdigest()
    return ContextChange(
        event_id=event_id(SENDER, digest, patient),
        patient=Patient(id=patient),
        source=Source(format=form, sender=who, received_at=received_at, sha256=digest),
        entries=tuple(entries),
    )


def fault(entry: ContextEntry) -> str:
    """What is wrong with an entry, in words; empty when nothing is."""
    return time_fault(entry) or word_fault(entry)


def word_fault(entry: ContextEntry) -> str:
    """Words and numbers that no rule and no gate would understand, of the kinds that stop something."""
    if entry.value.strip().casefold() == WITHDRAWN:
        return ""
    if entry.kind in WORDS:
        fact = Fact(kind=entry.kind, code=entry.code, value=entry.value)
        if not word(fact):
            said = entry.code or entry.value
            return f"value: {said!r} is no word of {entry.kind}; write {', '.join(WORDS[entry.kind])}"
        return "" if entry.from_ else f"from: {entry.kind} needs the time from which it holds"
    if entry.kind in LISTED or entry.kind == "isotype":
        return _listed_fault(entry)
    if entry.kind == "monitoring_interval":
        return _interval_fault(entry)
    return _baseline_fault(entry) if entry.kind == "chronic_baseline" else ""


def _listed_fault(entry: ContextEntry) -> str:
    """A misspelt word would be kept and mean nothing, and nobody would miss it."""
    text = f"{entry.code} {entry.value}" if entry.kind == "isotype" else entry.code or entry.value
    said = text.strip().casefold()
    known = _is_isotype(said) if entry.kind == "isotype" else said in LISTED[entry.kind]
    field = "code" if entry.code else "value"
    words = _ISOTYPES if entry.kind == "isotype" else LISTED[entry.kind]
    return "" if known else f"{field}: {text.strip()!r} is no word of {entry.kind}; write {', '.join(words)}"


def _is_isotype(said: str) -> bool:
    return bool(_NAMED.search(said)) and not _ISOTYPE.sub("", said)


def unread(entry: ContextEntry) -> str:
    """The field by which a stored entry has no effect, without what it says; empty when it has one.

    A state without a time is read: it holds from when it was first said (PID-30 knows no time).
    """
    if entry.kind in WORDS and word(Fact(kind=entry.kind, code=entry.code, value=entry.value)):
        return ""
    text = word_fault(entry)
    field = text.partition(":")[0]
    return field if not text or field in ("code", "value", "from") else "value"


def _baseline_fault(entry: ContextEntry) -> str:
    try:
        chronic.read(Fact(kind=entry.kind, code=entry.code, value=entry.value, unit=entry.unit))
    except ValueError as error:
        return str(error)
    return "" if entry.from_ else "from: an accepted baseline needs the time from which it holds"


def _interval_fault(entry: ContextEntry) -> str:
    fact = Fact(kind=entry.kind, code=entry.code, value=entry.value, unit=entry.unit)
    said = f"{entry.value or entry.code} {entry.unit}".strip()
    return "" if interval_of(fact) else f"value: {said!r} is no whole number of days above 0"


def time_fault(entry: ContextEntry) -> str:
    """What is wrong with the times of an entry, in words; empty when nothing is."""
    try:
        begin, end = _time("from", entry.from_), _time("to", entry.to)
    except ValueError as error:
        return str(error)
    return f"to: {entry.to} lies before from: {entry.from_}" if begin and end and end.date() < begin.date() else ""


def _time(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{name}: {text!r} is no time; write 2026-03-01 or 2026-03-01T10:00:00+01:00") from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"{name}: {text!r} lies before {FIRST_YEAR} or after {LAST_YEAR}")
    return found


def headers(event: ContextChange | PatientMerge, origin: str) -> list[tuple[str, bytes]]:
    """CloudEvents in binary mode and a trace of its own; `origin` is the process: `board`, `cli`."""
    kind = type(event).__struct_config__.tag
    found = {
        "ce_specversion": "1.0", "ce_id": event.event_id, "ce_type": f"halo.{kind}.v1",
        "ce_source": f"urn:halo:{origin}:{quote(event.source.sender, safe='')}", "ce_time": event.source.received_at,
        "content-type": "application/json", "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
    }  # fmt: skip
    return [(name, value.encode()) for name, value in found.items()]
