"""Alerts of a specimen in doubt wait: which, until when, and what becomes of them (blood counts 5). Pure.

Only what is below CRITICAL waits, only while the mismatch is neither answered by a repeat nor older than the limit, and
never what those who were told before must hear. The mismatch alert keeps until when; each alert that waits has a timer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from alerts.alert import AlertState
from alerts.completing import SUSPECTED
from alerts.deciding import Decision
from alerts.delta_checks import CHECKS
from alerts.series import Series
from alerts.severity import Severity
from alerts.thresholds import Pack
from alerts.watching import GATES
from schemas.identity import stable_id
from services.ledger.comparing import Change
from services.ledger.stored import Stored, StoredAlert

MISMATCH = "SPECIMEN_MISMATCH"
SPECIMEN_HOLD = "specimen_hold"
"""Kind of the timer at which an alert that waits is told."""


def dated(change: Change, after: StoredAlert, now: datetime, pack: Pack, *, told: bool) -> StoredAlert:
    """A mismatch that is told of a draw holds from now on, told again as long as it did; untold it holds nothing.

    Of any other rule: what takes the place of an alert that waits waits as long.
    """
    if change.after is None:
        return after
    if after.state.rule != MISMATCH:
        waits = [old.held_until for old in (change.before, *change.predecessors) if old and old.held_until]
        return msgspec.structs.replace(after, held_until=min(waits, default=None))
    known = [old for old in (change.before, *change.predecessors) if old and _same_draw(old.state, after.state)]
    limits = [old.held_until for old in known if old.held_until and (told or change.kind != "reopened")]
    span = timedelta(hours=int(pack["specimen_mismatch.hold_hours"]))
    return msgspec.structs.replace(after, held_until=min(limits, default=now + span if told else None))


def waits_until(person: Stored, alert: StoredAlert, now: datetime) -> datetime | None:
    """How long the alert's notification waits; None when it does not."""
    state = alert.state
    if state.severity is Severity.CRITICAL or SUSPECTED not in state.flags or not alert.holds:
        return None
    doubts = (a for a in person.alerts.values() if a.state.rule == MISMATCH and a.condition == "active")
    doubt = next((a for a in doubts if _same_draw(a.state, state)), None)
    if doubt is None or doubt.held_until is None or now >= doubt.held_until or repeated(person.series, doubt.state):
        return None
    return doubt.held_until


def repeated(series: Series, mismatch: AlertState) -> bool:
    """A later final value of anything that failed: the question is answered, whatever it says."""
    failed = [CHECKS[name] for name in mismatch.facts.get("failed", "").split(",") if name]
    return any(not point.preliminary for name in failed for point in series.after(name, mismatch.sampled_at))


def is_over(series: Series, state: AlertState) -> bool:
    """It ended, or a newer sample of the same analyte does not meet it: whatever was in that tube, it is over."""
    later = series.after(state.analyte, state.sampled_at)
    return state.condition == "cleared" or any(not point.preliminary for point in later)


def in_vain(change: Change) -> bool:
    """It waited, nobody was told, and now it ends."""
    before, after = change.before, change.after
    waited = before is not None and before.held_until is not None and before.state.rule != MISMATCH
    return waited and after is not None and after.condition == "cleared"


def waiting(person: Stored) -> list[StoredAlert]:
    """Alerts that were decided to wait."""
    return [a for a in person.alerts.values() if a.held_until is not None and a.state.rule != MISMATCH]


def after_the_doubt(change: Change) -> bool:
    """Sorts the mismatch before what waits for it."""
    state = change.after or (change.before.state if change.before else None)
    return state is None or state.rule != MISMATCH


def marked(alert: StoredAlert, decision: Decision, until: datetime | None) -> StoredAlert:
    """The alert with the time it waits for; a mismatch keeps its own.

    Whatever else becomes of it (other rules, history, a value no worse), what waits does so until somebody is told, the
    patient is not watched, or it ends: nobody has heard of it yet.
    """
    if alert.state.rule == MISMATCH:
        return alert
    done = decision.send or decision.reason in GATES or alert.condition != "active"
    waits = until if decision.reason == "held_specimen" else None if done else alert.held_until
    return alert if waits == alert.held_until else msgspec.structs.replace(alert, held_until=waits)


def begins(change: Change, after: StoredAlert, decision: Decision) -> bool:
    """Whether a timer is wanted: it waits from now on, or in another's place."""
    before = change.before.held_until if change.before else None
    moved = after.state.rule != MISMATCH and after.held_until not in (None, before)
    return decision.reason == "held_specimen" or moved


def timer_row(alert: StoredAlert) -> tuple[Any, ...]:
    """A row of `timer` for an alert that waits: one a decision, so that none is taken for one that has fired."""
    identity = stable_id("timer", SPECIMEN_HOLD, alert.alert_id, str(alert.version))
    body = msgspec.json.encode({"alert_id": alert.alert_id}).decode()
    return (identity, SPECIMEN_HOLD, alert.patient_id, alert.held_until, body)


def _same_draw(one: AlertState, other: AlertState) -> bool:
    return one.sampled_at == other.sampled_at
