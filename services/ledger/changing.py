"""The next stored form of an alert after a change: version, condition, answer and what is inherited. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from alerts.alert import AlertState
from alerts.condition import fact
from alerts.lifecycle import ending
from alerts.logic import Truth
from alerts.series import Series
from alerts.wording.notice import notices
from services.ledger.comparing import Change, encode
from services.ledger.lateness import raised_late
from services.ledger.stored import STOPPED, StoredAlert

CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 4
_ANSWER = (
    "response", "acknowledged_by", "acknowledged_at", "acknowledged_version", "acknowledgement_expires_at",
)  # fmt: skip
_NO_ANSWER: dict[str, Any] = {**dict.fromkeys(_ANSWER), "response": "unacknowledged"}
_TOLD = ("told_at", "told_severity", "told_value", "told_level", "told_analyte", "told_sampled_at", "told_draft")


def apply(change: Change, root: int, series: Series, received_at: datetime, taken: Collection[str] = ()) -> StoredAlert:
    """The row after `change`. A new or worse alert is unacknowledged again; a better or ended one keeps its answer."""
    if change.after is None:
        return _ended(change, series)
    before, state = change.before, change.after
    if before is None:
        fresh = StoredAlert(
            alert_id=state.alert_id, patient_id=root, version=1, condition=state.condition, state=state,
            body=encode(state), late=raised_late(state, series, received_at, taken), code=code(state.alert_id),
        )  # fmt: skip
        return _inherited(fresh, change)
    after = msgspec.structs.replace(
        before, patient_id=root, version=before.version + 1, condition=state.condition, state=state,
        body=encode(state), superseded_by=None,
    )  # fmt: skip
    if change.kind == "reopened" or (change.kind == "regraded" and _worse(before, after)):
        after = msgspec.structs.replace(after, **_NO_ANSWER)
    return _inherited(after, change) if change.kind == "reopened" else _joined(after, change)


def _joined(alert: StoredAlert, change: Change) -> StoredAlert:
    """It goes on and others end in it, as after a merge (agreed behaviour 2).

    One that nobody answered leaves it unanswered, else the earlier end of an answer counts; whoever was told of those
    is told with it.
    """
    old = [one for one in change.predecessors if one.condition == "active"]
    if not old:
        return alert
    told = {pair for one in old for pair in one.told} | {*alert.told}
    alert = msgspec.structs.replace(alert, told=tuple(sorted(told)))
    if any(one.response == "unacknowledged" for one in old):
        return msgspec.structs.replace(alert, **_NO_ANSWER)
    ends = [one.acknowledgement_expires_at for one in (*old, alert) if one.acknowledgement_expires_at]
    if alert.response != "acknowledged" or not ends:
        return alert
    return msgspec.structs.replace(alert, acknowledgement_expires_at=min(ends))


def _ended(change: Change, series: Series) -> StoredAlert:
    if change.before is None:
        raise ValueError(f"{change.kind} alert {change.alert_id} was never stored")
    before = change.before
    state = before.state if change.kind == "superseded" else _retracted(before.state, series)
    return msgspec.structs.replace(
        before, version=before.version + 1, superseded_by=change.successor or None, state=state, body=encode(state),
        condition="superseded" if change.kind == "superseded" else "retracted",
    )  # fmt: skip


def _retracted(state: AlertState, series: Series) -> AlertState:
    """The last state with the notice as its text; of another patient's result nothing else is left (life cycle 1)."""
    end = ending(state, series)
    summary = notices(state, end, series)
    if end != "retracted_wrong_patient":
        return msgspec.structs.replace(state, summary=summary)
    return msgspec.structs.replace(
        state, summary=summary, value=None, facts={}, results=(), reasons=fact("withdrawn", Truth.FALSE)
    )


def _worse(before: StoredAlert, after: StoredAlert) -> bool:
    return after.state.severity.rank > before.state.severity.rank or (
        after.state.severity is before.state.severity and after.state.level > before.state.level
    )


def _inherited(alert: StoredAlert, change: Change) -> StoredAlert:
    """Telling of the most severe predecessor; its answer too if all were answered and nothing got worse."""
    old = sorted(change.predecessors, key=lambda a: (a.state.severity.rank, a.told_at is not None, a.alert_id))
    if not old:
        return alert
    last = old[-1]
    told = tuple(sorted({pair for a in old for pair in a.told} | set(alert.told)))
    stopped = next((a.withheld for a in reversed(old) if a.withheld in STOPPED), alert.withheld)
    alert = msgspec.structs.replace(
        alert, told=told, withheld=stopped, **{name: getattr(last, name) for name in _TOLD}
    )  # fmt: skip
    worse = alert.state.severity.rank > last.state.severity.rank
    if worse or any(a.response != "acknowledged" for a in old):
        return alert
    expiries = [a.acknowledgement_expires_at for a in old if a.acknowledgement_expires_at]
    answer = {name: getattr(last, name) for name in _ANSWER}
    answer |= {"acknowledged_version": alert.version, "acknowledgement_expires_at": min(expiries, default=None)}
    return msgspec.structs.replace(alert, **answer)


def code(alert_id: str) -> str:
    """What one says on the telephone: four characters without O, 0, I and 1. It may repeat; the page lists all."""
    number = int.from_bytes(hashlib.sha256(alert_id.encode()).digest()[:8])
    letters = []
    for _ in range(CODE_LENGTH):
        number, index = divmod(number, len(CODE_ALPHABET))
        letters.append(CODE_ALPHABET[index])
    return "".join(letters)
