"""What a ward screen says of one patient: the named card, and the public one, which is another type and cannot name.

Public (behaviour 6): bed and initials at most; no relapse, response, M-protein, light chains, treatment or disease.
What is not on the lists below is a neutral "review", so a rule added later gives nothing away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from alerts.severity import Severity
from services.board.reading.trends import Trends, calcium
from services.board.records import AlertRow, PatientRow, Trend, worst_first
from services.board.validity import validity

SHOWN = ("mspike", "calcium", "creat", "hb")
PUBLIC_TRENDS = ("calcium", "creat", "hb")
PUBLIC_RULES = frozenset({
    "CA_HIGH", "CA_LOW", "REN_AKI", "REN_HALO", "REN_RISE", "REN_DECLINE", "HB_HALO", "HB_DROP", "HB_ACUTE",
    "K_HIGH", "K_LOW", "K_REPEAT", "NEUT_LOW", "PLT_LOW",
})  # fmt: skip
PUBLIC_ANALYTES = frozenset({"ca", "ca_adj", "adjusted_calcium", "ica", "creat", "egfr", "hb", "k", "neut", "plt"})
REVIEW = "review"


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One trend on a card; `trend` None says that there is no value."""

    name: str
    trend: Trend | None
    valid_until: datetime | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One open alert on a card."""

    severity: Severity
    unanswered: bool
    finding: str
    """Family of the alert, or `review`."""
    rule: str = ""
    """Empty where it would give a disease away."""
    sampled_at: datetime
    analyte: str = ""
    value: Decimal | None = None
    unit: str = ""
    alert_id: str = ""
    """Empty on a public card: a public screen has nothing to open."""
    summary: dict[str, str] = {}
    feed: str = ""
    """By which its deciding sample came: of a silent one nothing is sent."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One patient on a screen."""

    public_id: str
    ward: str
    bed: str
    label: str
    """Name, or initials on a public card."""
    place_at: datetime | None
    lines: tuple[Line, ...]
    cells: tuple[Cell, ...]
    incomplete: bool
    public: bool

    @property
    def worst(self) -> Severity | None:
        """Severity of the worst open alert."""
        return self.lines[0].severity if self.lines else None

    @property
    def order(self) -> str:
        """Text that sorts cards: the worst first, unanswered before answered, then by bed."""
        rank = Severity.CRITICAL.rank - (self.worst.rank if self.worst is not None else -1)
        unanswered = any(line.unanswered for line in self.lines)
        return f"{rank}{'0' if unanswered else '1'}{_padded(self.bed)}{self.public_id}"


def _padded(bed: str) -> str:
    return "".join(part.zfill(4) if part.isdigit() else part for part in _split(bed)).ljust(8)


def _split(text: str) -> Sequence[str]:
    parts: list[str] = []
    for letter in text:
        if parts and parts[-1].isdigit() == letter.isdigit():
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts


def named(patient: PatientRow, alerts: Sequence[AlertRow], trends: Trends) -> Card:
    """For people who may know who it is."""
    return _card(patient, patient.name, tuple(_named_line(a) for a in sorted(alerts, key=worst_first)), trends, SHOWN)


def public(patient: PatientRow, alerts: Sequence[AlertRow], trends: Trends) -> Card:
    """For a screen that anybody may see."""
    lines = tuple(_public_line(a) for a in sorted(alerts, key=worst_first))
    return _card(patient, patient.initials, lines, trends, PUBLIC_TRENDS)


def _card(patient: PatientRow, label: str, lines: tuple[Line, ...], trends: Trends, shown: Sequence[str]) -> Card:
    return Card(
        public_id=patient.public_id, ward=patient.ward, bed=patient.bed, label=label, place_at=patient.place_at,
        lines=lines, cells=tuple(_cell(name, trends) for name in shown), incomplete=bool(patient.incomplete),
        public=shown is PUBLIC_TRENDS,
    )  # fmt: skip


def _cell(name: str, trends: Trends) -> Cell:
    trend = calcium(trends) if name == "calcium" else trends.get(name)
    if trend is None:
        return Cell(name=name, trend=None)
    return Cell(name=name, trend=trend, valid_until=trend.last.at + validity(trend.analyte))


def _named_line(alert: AlertRow) -> Line:
    return Line(
        severity=alert.severity, unanswered=alert.unanswered, finding=alert.family, rule=alert.rule,
        sampled_at=alert.sampled_at,
        analyte=alert.analyte, value=alert.value, unit=alert.unit, alert_id=str(alert.alert_id), summary=alert.summary,
        feed=alert.feed,
    )  # fmt: skip


def _public_line(alert: AlertRow) -> Line:
    plain = {
        "severity": alert.severity,
        "unanswered": alert.unanswered,
        "sampled_at": alert.sampled_at,
        "feed": alert.feed,
    }
    if alert.rule not in PUBLIC_RULES or alert.analyte not in PUBLIC_ANALYTES:
        return msgspec.convert(plain | {"finding": REVIEW}, Line)
    return msgspec.convert(
        plain
        | {
            "finding": alert.family,
            "rule": alert.rule,
            "analyte": alert.analyte,
            "value": alert.value,
            "unit": alert.unit,
        },
        Line,
    )
