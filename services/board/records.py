"""What the board reads from the database, as records."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from alerts.severity import Severity


class PatientRow(msgspec.Struct, frozen=True, kw_only=True):
    """A root patient. `id` never leaves the process; addresses carry `public_id`."""

    id: int
    public_id: str
    family: str
    given: str
    birth_date: str
    sex: str
    ward: str
    bed: str
    place_at: datetime | None
    series_version: int
    incomplete: dict[str, str]
    unwatched: str = ""
    """Why nothing is sent of this patient: `not_enrolled`, `deceased`, `care_...`, `test_realm`; empty when watched."""

    @property
    def test(self) -> bool:
        """Of the test realm: seen by stewards only, and always marked."""
        return self.unwatched == "test_realm"

    @property
    def name(self) -> str:
        """Family name first, as on a ward's list."""
        return f"{self.family} {self.given}".strip()

    @property
    def initials(self) -> str:
        """First letters of given and family name."""
        return "".join(f"{part[0].upper()}." for part in (self.given, self.family) if part)


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """The stored state of one alert, without its evidence."""

    alert_id: UUID
    patient_id: int
    public_id: str
    version: int
    family: str
    rule: str
    level: str
    severity: Severity
    condition: str
    response: str
    flags: list[str]
    opened_at: datetime
    regraded_at: datetime
    cleared_at: datetime | None
    sampled_at: datetime
    analyte: str
    value: Decimal | None
    unit: str
    summary: dict[str, str]
    rule_pack: str
    rule_pack_status: str
    """Of the rules that wrote this version: draft or approved."""
    late: bool
    superseded_by: UUID | None
    code: str
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_version: int | None
    acknowledgement_expires_at: datetime | None
    held_until: datetime | None = None
    """Its people wait so long because the specimen is in doubt; of a specimen mismatch: others wait so long."""
    changed_at: datetime
    feed: str = ""
    """By which the deciding sample came; empty: by none."""

    @property
    def open(self) -> bool:
        """Still true of the patient, and not closed by a person."""
        return self.condition == "active" and self.response != "closed"

    @property
    def unanswered(self) -> bool:
        """Open, above INFO, and nobody has answered."""
        return self.open and self.response == "unacknowledged" and self.severity is not Severity.INFO


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a trend, canonical unit."""

    at: datetime
    value: Decimal
    comparator: str = ""
    result_id: str = ""
    """Empty for a derived value."""
    status: str = ""
    flags: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    """What the laboratory wrote beside it, also later."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One analyte of one patient in collection order; at least one dot."""

    analyte: str
    """Analyte id, or `adjusted_calcium`."""
    unit: str
    dots: tuple[Dot, ...]
    low: Decimal | None = None
    """The laboratory's limits of normal, as it sent them with the newest value."""
    high: Decimal | None = None

    @property
    def last(self) -> Dot:
        """The newest."""
        return self.dots[-1]

    @property
    def position(self) -> str:
        """`low`, `high` or `normal` of the newest value within the laboratory's limits, `unknown` without any."""
        if self.low is None and self.high is None:
            return "unknown"
        if self.high is not None and self.last.value > self.high:
            return "high"
        return "low" if self.low is not None and self.last.value < self.low else "normal"


def worst_first(alert: AlertRow) -> tuple[int, bool, float]:
    """Sort key: severity, then unanswered, then the newest sample."""
    return (-alert.severity.rank, not alert.unanswered, -alert.sampled_at.timestamp())
