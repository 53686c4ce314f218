"""Asks `alerts.deciding` about a stored change; adds only what is known here: merges, and who was told."""

from __future__ import annotations

from datetime import datetime

from alerts import deciding
from alerts.deciding import Cause, Decision, Told
from alerts.severity import Severity
from alerts.thresholds import Pack
from alerts.watching import Gate
from services.ledger.comparing import Change
from services.ledger.stored import StoredAlert
from services.shared.feeds import STOPS, Stop
from services.shared.rule_pack import Standing

ENDED = ("retracted", "superseded")


def decide(  # noqa: PLR0913 - what decides is what the ledger knows, by name
    change: Change, after: StoredAlert, *, cause: Cause, history: bool, now: datetime, pack: Pack, standing: Standing,
    gate: Gate | Stop,
) -> Decision:  # fmt: skip
    """Notify or not; every non-send has a reason too. Who was told by a draft counts as told only while it is one."""
    told = last_told(after)
    if after.told_draft and standing.status == "approved" and change.kind not in ENDED:
        told = None
    if change.kind == "superseded" and not change.successor and told is not None and not history and cause != "pack":
        decision = Decision(send=True, reason="retracted", reasons=("retracted",), only_told=True)
    else:
        decision = deciding.decide(
            told, after.state, change.kind, now=now, cause=cause, history=history, pack=pack,
            snoozed=after.response == "shelved",
        )  # fmt: skip
    return unless_stopped(decision, after.state.rule, standing, gate)


def unless_stopped(decision: Decision, rule: str, standing: Standing, gate: Gate | Stop) -> Decision:
    """Nothing at all is sent of a patient who is not watched (behaviour 3), nor new things by a rule that is off.

    Nor of a feed that is silent, or from before it was live; but whoever was told of a value hears of its withdrawal.
    """
    decision = _unless_off(decision, rule, standing)
    if not (decision.send and gate) or (decision.only_told and gate in STOPS):
        return decision
    return Decision(send=False, reason=gate)


def _unless_off(decision: Decision, rule: str, standing: Standing) -> Decision:
    """A rule that is switched off tells nobody; but whoever was told of a value hears that it was withdrawn."""
    if decision.send and not decision.only_told and standing.is_off(rule):
        return Decision(send=False, reason="rule_off")
    return decision


def last_told(alert: StoredAlert) -> Told | None:
    """The alert as its people were last told, None when nobody was."""
    if alert.told_at is None or alert.told_severity is None:
        return None
    return Told(
        at=alert.told_at, severity=Severity(alert.told_severity), level=alert.told_level or "", value=alert.told_value,
        analyte=alert.told_analyte or "", sampled_at=alert.told_sampled_at,
    )  # fmt: skip
