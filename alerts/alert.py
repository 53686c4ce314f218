"""An alert as the data make it: the set-determined part, equal for any order, batching and number of workers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from alerts.condition import Node
from alerts.severity import Severity


class AlertState(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One episode, ready to be compared with what is stored, shown and sent."""

    alert_id: str
    patient: str
    family: str
    rule: str
    level: str
    severity: Severity
    condition: Literal["active", "cleared"]
    flags: tuple[str, ...]
    opened_at: datetime
    regraded_at: datetime
    """Collection time of the sample that gave the present level."""
    cleared_at: datetime | None
    clear_cause: str
    anchor: str
    slots: tuple[str, ...]
    results: tuple[str, ...]
    """Ids of the results the reasons rest on."""
    analyte: str
    value: Decimal | None
    unit: str
    sampled_at: datetime
    """Collection time of the newest sample that met the condition."""
    delivery: Literal["now", "working_hours"]
    summary: dict[str, str]
    """`en` and `sl`, under 140 characters, no identifier."""
    reasons: Node
    facts: dict[str, str]
    rule_pack: str


class Undetermined(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is INDETERMINATE at the newest sample."""

    rule: str
    collected_at: datetime
    missing: tuple[str, ...]
    possible: tuple[Severity, ...]


class Derived(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A derived value at one collection time (eGFR, adjusted calcium, AKI stage, response, ...)."""

    name: str
    value: str
    collected_at: datetime
    unit: str = ""
    method: str = ""
    analyte: str = ""
    direction: str = ""
    ratio: str = ""
    flag: str = ""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `evaluate` says of a patient."""

    alerts: tuple[AlertState, ...]
    derived: tuple[Derived, ...]
    undetermined: tuple[Undetermined, ...]
    failed: dict[str, str] = {}
    """Rules that raised, with the error: the patient is incomplete and a technical alert names both."""
