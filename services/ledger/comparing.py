"""What changed: the alerts that the data now make, against those that are stored. Pure.

An alert that evaluation no longer makes is superseded by the one of the same rule that shares most of its slots (tie:
the earliest), else retracted. What becomes true again is re-opened under its id (design 4.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from alerts.alert import AlertState
from services.ledger.stored import StoredAlert

Kind = Literal["opened", "regraded", "cleared", "retracted", "superseded", "reopened", "updated"]
"""`updated`: the same level, but something a reader sees is new (value, sample, reasons); a version of its own, so that
a worse value of the same grade can be told."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that is no longer what it was."""

    kind: Kind
    alert_id: str
    before: StoredAlert | None
    after: AlertState | None
    """None when the data make it no longer."""
    successor: str = ""
    """Only for `superseded`; empty when the survivor of a merge holds nothing alike."""
    predecessors: tuple[StoredAlert, ...] = ()
    """What it supersedes: a new or re-opened one takes over answers and telling, another one what is left to answer."""


def compare(
    stored: Iterable[StoredAlert], states: Iterable[AlertState], *, moved: frozenset[int] = frozenset()
) -> list[Change]:
    """Every change, the new state of things before what it replaces; `moved`: roots that a merge retired.

    Alerts of a retired root are superseded, never retracted.
    """
    before = {alert.alert_id: alert for alert in stored}
    now = {state.alert_id: state for state in states}
    gone = [alert for alert in before.values() if alert.holds and alert.alert_id not in now]
    heirs = {alert.alert_id: heir(alert, now.values()) for alert in gone}
    changes = [_seen(state, before.get(state.alert_id), gone, heirs) for state in now.values()]
    lost = [_lost(alert, heirs[alert.alert_id], moved) for alert in gone]
    return [change for change in changes if change is not None] + lost


def heir(alert: StoredAlert, states: Iterable[AlertState]) -> str:
    """The alert that shares most slots with one that is gone, empty when none shares any."""
    slots = set(alert.state.slots)
    shared = [(len(slots & set(s.slots)), s) for s in states if s.rule == alert.state.rule]
    best = min(
        (pair for pair in shared if pair[0]),
        key=lambda pair: (-pair[0], pair[1].opened_at, pair[1].alert_id), default=None,
    )  # fmt: skip
    return best[1].alert_id if best else ""


def _lost(alert: StoredAlert, successor: str, moved: frozenset[int]) -> Change:
    kind: Kind = "superseded" if successor or alert.patient_id in moved else "retracted"
    return Change(kind=kind, alert_id=alert.alert_id, before=alert, after=None, successor=successor)


def _seen(
    state: AlertState, before: StoredAlert | None, gone: list[StoredAlert], heirs: dict[str, str]
) -> Change | None:
    old = tuple(alert for alert in gone if heirs[alert.alert_id] == state.alert_id)
    kind = _kind(state, before) or ("updated" if old else None)
    if kind is None:
        return None
    return Change(kind=kind, alert_id=state.alert_id, before=before, after=state, predecessors=old)


def _kind(state: AlertState, before: StoredAlert | None) -> Kind | None:
    if before is None:
        return "opened"
    if not before.holds or (before.condition == "cleared" and state.condition == "active"):
        return "reopened"
    if before.condition == "active" and state.condition == "cleared":
        return "cleared"
    if (before.state.level, before.state.severity) != (state.level, state.severity):
        return "regraded"
    return None if before.state is state or before.body == encode(state) else "updated"


def encode(state: AlertState) -> bytes:
    """The stored form; two states that read alike have the same bytes, digits included."""
    return _encoder.encode(state)


_encoder = msgspec.json.Encoder(decimal_format="string")
