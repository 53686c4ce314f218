"""`alerts.v1`: the full state of an alert after each change, for other systems of the hospital.

Keyed by the patient id as sent. A consumer keeps the record with the greatest `version` of each `alert_id`; records
may come twice. JSON like `patient-events.v1`: fields are only ever added, with a default.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from schemas.errors import UndecodableEvent


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the record; nothing is left out, so that a reader sees what is empty."""


class Summary(Part, frozen=True, kw_only=True):
    """One line for people, without identifiers."""

    en: str
    sl: str


class ChainHead(Part, frozen=True, kw_only=True):
    """Last link of the patient's alert log: whoever keeps it notices when the tail of the log was cut."""

    count: int
    mac: str
    """HMAC of the last entry, hex."""


class Alert(Part, frozen=True, kw_only=True):
    """One alert as it stands after `change`."""

    alert_id: str
    version: int
    """+1 at every change."""
    change: Literal["opened", "regraded", "updated", "cleared", "retracted", "reopened", "superseded"]
    """`updated`: the same level with a newer sample, value or reason."""
    patient: str
    """`authority|value` as sent; the Kafka key."""
    patient_ref: str = ""
    """The random opaque id that pages and API use."""
    family: str
    rule: str
    level: str
    severity: Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    condition: Literal["active", "cleared", "retracted", "superseded"]
    flags: tuple[str, ...] = ()
    opened_at: datetime
    """Collection time of the sample that opened it; for overdue tests the due time."""
    regraded_at: datetime
    cleared_at: datetime | None = None
    changed_at: datetime | None = None
    """When Halo wrote this version; not part of what the data determine."""
    analyte: str = ""
    value: Decimal | None = None
    """Exact, as a string; unit in `unit`."""
    unit: str = ""
    summary: Summary
    reasons: dict[str, Any] = {}
    """The condition tree: operator, threshold, actual value, results."""
    results: tuple[str, ...] = ()
    """Ids of the results it rests on."""
    rule_pack: str
    rule_pack_status: Literal["draft", "approved"] = "draft"
    """`draft`: the rules were not approved for clinical use when this version was written; training only."""
    site_version: str = ""
    late: bool = False
    """A result that arrived late raised it for an old sample."""
    supersedes: tuple[str, ...] = ()
    superseded_by: str = ""
    chain: ChainHead | None = None
    made_up: bool = False
    """True in a realm of made-up patients (demo, tests): never for care."""


_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(Alert)


def encode_alert(alert: Alert) -> bytes:
    """One JSON object without a newline."""
    return _encoder.encode(alert)


def decode_alert(data: bytes) -> Alert:
    """Raises UndecodableEvent with the place of the fault; unknown fields are ignored."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableEvent(str(error)) from error
