"""Alerts that import of history opened: nobody is told of the past, not even when something live touches it later.

A newer sample, or a graver judgement, is told as ever; what only moves an old episode (an albumin for the calcium of
years ago, a birth date) is `history_import` too (agreed behaviour 1). Pure.
"""

from __future__ import annotations

import msgspec

from alerts.deciding import Decision
from services.ledger.comparing import Change
from services.ledger.stored import StoredAlert


def judged(change: Change, after: StoredAlert, decision: Decision, *, history: bool) -> tuple[StoredAlert, Decision]:
    """`after` with how far history goes, and the decision, no send where the change shows nothing but that."""
    before = [alert for alert in (change.before, *change.predecessors) if alert is not None]
    known = [alert.imported_until for alert in before if alert.imported_until is not None]
    if after.told_at is not None:
        return msgspec.structs.replace(after, imported_until=None), decision
    if history:
        until = max([*known, after.state.sampled_at])
        return msgspec.structs.replace(after, imported_until=until), decision
    until_now = max(known, default=None)
    after = msgspec.structs.replace(after, imported_until=until_now)
    if until_now is None or not decision.send or after.state.sampled_at > until_now or _worse(before, after):
        return after, decision
    return after, Decision(send=False, reason="history_import")


def _worse(before: list[StoredAlert], after: StoredAlert) -> bool:
    """It was not open, or less grave."""
    held = [alert.state.severity.rank for alert in before if alert.condition == "active"]
    return not held or after.state.severity.rank > max(held)
