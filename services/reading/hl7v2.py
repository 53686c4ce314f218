"""One HL7 v2 message to events: the public entry of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from msgspec import structs

from schemas.identity import event_id
from schemas.patient_event import Event, LabReport, Purpose, ReportedResult, Source
from services.reading.adt import DISPOSITIONS, read_changes
from services.reading.death import change, change_of_somebody
from services.reading.header import Header, NotHl7, read_header
from services.reading.merges import JOINS, read_merges
from services.reading.message_types import ADMINISTRATION, USED
from services.reading.oru import read_results
from services.reading.outcome import (
    APPLICATION_ERROR,
    REQUIRED_FIELD_MISSING,
    SEGMENT_SEQUENCE_ERROR,
    Outcome,
    Refusal,
)
from services.reading.patients import Choose, Portion, first_identifier, portions
from services.reading.refusing import refuse
from services.reading.source import make_source

IGNORED_TYPE = "ignored_type"
DEFAULT_CHARSET = "utf-8"


def read(
    message: bytes,
    received_at: str,
    *,
    peer: str = "",
    purpose: Purpose = "live",
    default_charset: str = DEFAULT_CHARSET,
    choose: Choose = first_identifier,
    dispositions: Mapping[str, str] = DISPOSITIONS,
) -> Outcome:
    """What `message` says. Never raises, whatever the bytes; cut batches with `batches.split` first.

    `received_at` is UTC ISO text with "Z"; `default_charset` is a codec name, for messages without MSH-18; `choose`
    says which of several identifiers names the patient, `dispositions` what a code of PV1-36 says of death and care.
    """
    try:
        header = read_header(message, default_charset)
    except NotHl7 as error:
        refusal = Refusal(reason="not_hl7", text=str(error), condition=APPLICATION_ERROR, location="MSH^1^1")
        return refuse(refusal, message, make_source(message, received_at, peer=peer))
    source = make_source(message, received_at, peer=peer, header=header)
    if fault := _unusable(header):
        return refuse(fault, message, source, header)
    kind = (header.type, header.trigger)
    if kind in ADMINISTRATION:
        return _administration(message, header, source, choose, dispositions)
    if kind not in USED:
        return Outcome(ignored=IGNORED_TYPE, header=header)
    return _reports(message, header, source, purpose, choose)


def _administration(
    message: bytes, header: Header, source: Source, choose: Choose, dispositions: Mapping[str, str]
) -> Outcome:
    if not header.charset.supported:
        found: tuple[Event, ...] | Refusal = _unread(header)
    elif header.trigger in JOINS:
        found = read_merges(message, header, source, choose)
    else:
        found = read_changes(message, header, source, choose, dispositions)
    if isinstance(found, Refusal):
        return refuse(found, message, source, header)
    return Outcome(events=found, header=header, ignored="" if found else "merges_itself")


def header_of(message: bytes, default_charset: str = DEFAULT_CHARSET) -> Header | None:
    """MSH of a message, or of its beginning; None when there is none that can be read."""
    try:
        return read_header(message, default_charset)
    except NotHl7:
        return None


def _unusable(header: Header) -> Refusal | None:
    if not header.type:
        text = "MSH-9 (message type) is empty; send for example ORU^R01"
        return Refusal(reason="no_message_type", text=text, condition=REQUIRED_FIELD_MISSING, location="MSH^1^9")
    if sum(segment.name == "MSH" for segment in header.segments) > 1:
        text = "more than one MSH in one message; send a batch with each MSH on a line of its own"
        return Refusal(reason="several_headers", text=text, condition=SEGMENT_SEQUENCE_ERROR, location="MSH^2")
    return None


def _unread(header: Header) -> Refusal:
    name = header.charset.label.partition(": ")[2]
    text = f"character set {name} is not read; send UTF-8, ISO-8859-x or Windows-125x"
    return Refusal(reason="charset_unsupported", text=text, condition=APPLICATION_ERROR, location="MSH^1^18")


def _reports(message: bytes, header: Header, source: Source, purpose: Purpose, choose: Choose) -> Outcome:
    found = portions(message, header, choose)
    named = [portion for portion in found if portion.patient.id]
    if not found or (not named and header.charset.supported):
        return refuse(_nobody(bool(found)), message, source, header)
    events = [_report(portion, header, source, purpose) for portion in found]
    deaths = [change(portion.patient, portion.death, source) for portion in found if portion.death]
    strange = [change_of_somebody(*portion.strange_death, source) for portion in found if portion.strange_death]
    # behind the reports, so that what they say of the patient is known and holds a death of somebody else
    return Outcome(events=(*deaths, *events, *strange), header=header, without_patient=len(found) - len(named))


def _nobody(groups: bool) -> Refusal:
    text = "no patient id: PID-3 is empty in every group" if groups else "no patient id: there is no PID segment"
    condition = REQUIRED_FIELD_MISSING if groups else SEGMENT_SEQUENCE_ERROR
    return Refusal(reason="no_patient_id", text=text, condition=condition, location="PID^1^3")


def _report(portion: Portion, header: Header, source: Source, purpose: Purpose) -> LabReport:
    digest = sha256(portion.raw).hexdigest()
    return LabReport(
        event_id=event_id(source.sender, source.sha256, portion.patient.id),
        patient=portion.patient,
        source=_with_raw(source, digest),
        raw=portion.raw,
        results=tuple(_whose(result, portion) for result in read_results(portion.raw, header)),
        purpose=purpose,
    )


def _whose(result: ReportedResult, portion: Portion) -> ReportedResult:
    """Marked where its PID says that it is somebody else's."""
    at = result.where.offset
    what = next((part.what for part in portion.strange if part.begin <= at < part.behind), "")
    return structs.replace(result, contradicts=what) if what else result


def _with_raw(source: Source, digest: str) -> Source:
    return structs.replace(source, raw_sha256=digest)
