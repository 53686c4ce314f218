"""Alerts that import of history opened: nobody is told of the past, not even when something live touches it later.

A newer sample, or a graver judgement, is told as ever; what only moves an old episode (an albumin for the calcium of
years ago, a birth date) is `history_import` too (agreed behaviour 1). But what is live and of today is news, also when
import was faster: a backfill up to now overtakes what still waits in the laboratory's engine (`shown`). Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import msgspec

from alerts.deciding import Decision
from alerts.result import Result
from services.ledger.comparing import Change
from services.ledger.stored import StoredAlert

FRESH = timedelta(hours=24)
"""A sample so young may page although its alert is older than the message that shows it (agreed behaviour 1)."""


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


def shown(alerts: Iterable[StoredAlert], results: Iterable[Result], now: datetime) -> list[StoredAlert]:
    """Active alerts that only import judged and nobody was told of, whose sample of today these live results show."""
    waiting = [
        alert for alert in alerts
        if alert.imported_until is not None and alert.told_at is None and alert.condition == "active"
        and now - alert.state.sampled_at < FRESH
    ]  # fmt: skip
    fresh = [result for result in results if now - result.collected_at < FRESH] if waiting else []
    return [alert for alert in waiting if _rests_on(alert, fresh)]


def _rests_on(alert: StoredAlert, results: Collection[Result]) -> bool:
    """By the result, by the measurement, or by the moment: an export may name the order otherwise or not at all."""
    state = alert.state
    return any(
        r.result_id in state.results or r.slot in state.slots
        or (r.analyte, r.collected_at) == (state.analyte, state.sampled_at)
        for r in results
    )  # fmt: skip
