"""One version of one measurement, after mapping: canonical unit, exact decimal, UTC collection time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec

from alerts.logic import Interval


class Status(StrEnum):
    """HL7 table 0085; FHIR words are mapped onto it (clinical specification, result life cycle 1)."""

    FINAL = "F"
    CORRECTED = "C"
    AMENDED = "A"
    DELETED = "D"
    WRONG_PATIENT = "W"
    PRELIMINARY = "P"
    RESULTS_ENTERED = "R"
    PARTIAL = "S"
    PROMOTED = "U"
    APPENDED = "B"
    VERIFIED = "V"
    NO_VALUE = "X"
    PENDING = "I"
    ORDER_DETAIL = "O"
    NOT_ASKED = "N"


Quality = Literal["ACCEPT", "QUERY", "NOT_FOR_IMWG"]
Kind = Literal["NUMERIC", "CENSORED", "QUALITATIVE", "CODED", "NO_VALUE"]
Comparator = Literal["<", "<=", ">", ">="]


# gc=False, here and on every record that a patient has many of: what never changes holds no reference cycle, so the
# cycle collector need not walk through the history again and again.
class Provenance(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Where the value stands in the kept message: event, segment number, byte offset and length of the segment."""

    event_id: str
    segment: int
    offset: int
    length: int
    feed: str = ""
    """Name of the `[[sender]]` of the site file that it came by; empty where none is listed."""


class Result(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A version of a measurement. Only `services.mapping` makes them; the rules read nothing else."""

    result_id: str
    slot: str
    patient: str
    """As sent, `authority|value`; merges re-key nothing."""
    laboratory: str = ""
    analyte: str
    """Id of the closed table `schemas/analytes.toml`."""
    status: Status
    collected_at: datetime
    """UTC. A date-only time is 12:00 local, flag `date_only`."""
    collected_offset: int = 0
    """Minutes east of UTC, as sent or by the sender's zone."""
    version_time: datetime
    """OBR-22, else OBX-19, else MSH-7, else received_at."""
    version_time_from: Literal["OBR-22", "OBX-19", "MSH-7", "received"] = "received"
    received_at: datetime
    kind: Kind
    value: Decimal | None = None
    """Exact number in the canonical unit; for a censored value the bound."""
    comparator: Comparator | None = None
    interval: Interval | None = None
    """What is known of the quantity; None for NO_VALUE and CODED."""
    unit: str = ""
    coded: str = ""
    """`positive:IgG-kappa`, `negative`, `indeterminate`; a text kind such as `trace`, `not_quantifiable`."""
    reason: str = ""
    """Why there is no value: pending, haemolysed, insufficient, unsuitable, clotted, lipaemic, unparsed, ..."""
    quality: Quality = "ACCEPT"
    reference_low: Decimal | None = None
    reference_high: Decimal | None = None
    """The laboratory's limits of normal, canonical unit; None when it sent none."""
    method: str = ""
    specimen: str = ""
    """Specimen or accession id: results that share it are one draw."""
    flags: tuple[str, ...] = ()
    """`date_only`, `haemolysed`, `weak_identity`, `relative_to_water`, ... sorted."""
    comments: tuple[str, ...] = ()
    mapping_version: str = ""
    source: Provenance

    @property
    def date_only(self) -> bool:
        """True when the collection has a day but no time; kept out of the 48 h rule."""
        return "date_only" in self.flags
