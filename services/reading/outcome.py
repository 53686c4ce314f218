"""What came of reading one message. A message never vanishes: it has events, a named reason, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.patient_event import Event
from services.reading.header import Header

TABLE = "HL70357"
SEGMENT_SEQUENCE_ERROR = "100"
REQUIRED_FIELD_MISSING = "101"
DATA_TYPE_ERROR = "102"
UNSUPPORTED_MESSAGE_TYPE = "200"
APPLICATION_ERROR = "207"

TEXTS = {
    SEGMENT_SEQUENCE_ERROR: "Segment sequence error",
    REQUIRED_FIELD_MISSING: "Required field missing",
    DATA_TYPE_ERROR: "Data type error",
    UNSUPPORTED_MESSAGE_TYPE: "Unsupported message type",
    APPLICATION_ERROR: "Application internal error",
}
"""HL7 table 0357, as far as used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message that can never be taken; answered with AR."""

    reason: str
    """For counting: `not_hl7`, `no_patient_id`, `no_message_type`, `too_large`, ..."""
    text: str
    """For the sender's people: what is wrong and what to do."""
    condition: str = APPLICATION_ERROR
    """HL7 table 0357."""
    location: str = ""
    """Segment^sequence^field, for example `PID^1^3`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of reading one message."""

    events: tuple[Event, ...] = ()
    """What must be stored before the sender gets any answer; a refusal has its `Refused` event here."""
    ignored: str = ""
    """`ignored_type` for a well-formed message of a type that Halo does not use."""
    refusal: Refusal | None = None
    header: Header | None = None
    """MSH as read; None where there was none that could be read."""
    without_patient: int = 0
    """Groups without a patient id; their results go out in one event whose patient id is "" and are quarantined."""
