"""Asks `alerts.deciding` about a stored change; adds only what is known here: merges, and who was told."""

from __future__ import annotations

from datetime import datetime

from alerts import deciding
from alerts.deciding import Cause, Decision, Told
from alerts.severity import Severity
from services.ledger.comparing import Change
from services.ledger.stored import StoredAlert


def decide(change: Change, after: StoredAlert, *, cause: Cause, history: bool, now: datetime) -> Decision:
    """Notify or not; every non-send has a reason too."""
    told = last_told(after)
    if change.kind == "superseded" and not change.successor and told is not None and not history:
        return Decision(send=True, reason="retracted", reasons=("retracted",), only_told=True)
    return deciding.decide(
        told, after.state, change.kind, now=now, cause=cause, history=history, snoozed=after.response == "shelved"
    )


def last_told(alert: StoredAlert) -> Told | None:
    """The alert as its people were last told, None when nobody was."""
    if alert.told_at is None or alert.told_severity is None:
        return None
    return Told(
        at=alert.told_at, severity=Severity(alert.told_severity), level=alert.told_level or "", value=alert.told_value,
        analyte=alert.told_analyte or "", sampled_at=alert.told_sampled_at,
    )  # fmt: skip
