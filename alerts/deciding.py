"""Tell somebody or not, with a named reason for both; every send that does not happen can be explained.

Alert behaviour 2.1 (what is worth a new notification inside an episode), result life cycle 1 and 2 (corrections, late
results), behaviour 4 (what a correction tells whom). Pure: `now` is given.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from alerts.alert import AlertState
from alerts.severity import Severity
from alerts.thresholds import Pack, default_pack

Kind = Literal["opened", "reopened", "regraded", "updated", "cleared", "retracted", "superseded"]
Cause = Literal["sample", "correction", "context", "pack", "mapping"]
"""What made the change: a new sample, a corrected or withdrawn value, the patient's context, another rule pack, or
another site file: what the laboratory sent stands for another value than people were told."""
Reason = Literal[
    "first", "late", "reopened", "higher_severity", "worse", "next_stage", "still_abnormal", "corrected_down",
    "corrected_value", "retracted", "now_watched", "hold_over", "kept_back", "another_draw",
    "already_told", "downgrade_note", "cleared_note", "nobody_told", "superseded", "late_and_no_longer_true",
    "history_import", "info_only", "snoozed", "pack_change", "rule_off", "draft_pack",
    "held_specimen", "held_and_over",
    "not_enrolled", "deceased", "care_palliative_no_bloods", "care_moved", "care_declined",
    "feed_silent", "before_live", "now_live", "test_realm",
]  # fmt: skip
_IN_DOUBT = "SPECIMEN_MISMATCH"
_CORRECTING: frozenset[Cause] = frozenset({"correction", "mapping"})
"""A value that people were told is not so any more."""
TO_THE_TOLD: frozenset[Reason] = frozenset({"retracted", "corrected_down", "corrected_value"})
"""What goes to those who were told before, and to nobody else: they act on a value that does not hold any more."""
_BREAKS_A_SNOOZE = frozenset({"higher_severity", "worse", "next_stage"})


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The alert as its people were last told."""

    at: datetime
    severity: Severity
    level: str = ""
    value: Decimal | None = None
    analyte: str = ""
    """Of `value`; empty means the one the alert shows now."""
    sampled_at: datetime | None = None
    """Newest sample then; None when not kept."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether to send, and why or why not."""

    send: bool
    reason: Reason
    reasons: tuple[Reason, ...] = ()
    """Every reason to send that holds, in the order of alert behaviour 2.1; the first one is `reason`."""
    only_told: bool = False
    """To those who were told before, over the same channels, and to nobody else."""


def decide(  # noqa: PLR0911, PLR0913 - one line a reason reads best; what decides is what the caller knows
    told: Told | None,
    alert: AlertState,
    change: Kind,
    *,
    now: datetime,
    cause: Cause = "sample",
    history: bool = False,
    snoozed: bool = False,
    pack: Pack | None = None,
) -> Decision:
    """Decide on one change of one alert. `told` is None when nobody was told of it yet."""
    pack = pack or default_pack()
    if history:
        return _no("history_import")
    if change == "superseded":
        return _no("superseded")
    if cause == "pack":  # behaviour 5: to the review list, never a page
        return _no("pack_change")
    if change == "retracted":
        return _to_the_told("retracted") if told else _no("nobody_told")
    if told is None:
        return _first(alert, now, pack)
    if change == "cleared" or alert.condition == "cleared":
        return _no("cleared_note")
    return _again(told, alert, change, now=now, cause=cause, snoozed=snoozed, pack=pack)


def unless_held(decision: Decision, alert: AlertState, *, held: bool) -> Decision:
    """Of a specimen in doubt nothing new goes out below CRITICAL; what those told before must hear does."""
    stopped = held and decision.send and not decision.only_told and alert.severity is not Severity.CRITICAL
    return _no("held_specimen") if stopped else decision


def after_hold(decision: Decision, alert: AlertState, *, over: bool) -> Decision:
    """What waited while the specimen was in doubt, now: told, unless the newest data do not bear it out.

    It was worth telling when it began to wait: what would be worth it now (`decision`) only adds reasons.
    """
    if alert.severity is Severity.INFO:
        return _no("info_only")
    return _no("held_and_over") if over else _yes("hold_over", *decision.reasons)


def after_stop(decision: Decision) -> Decision:
    """What a rule that was off, or a draft, kept from people and still holds, now.

    Told, also when its value is the one they were told before: it may have ended and come back meanwhile, and then
    they believe that it is over.
    """
    return _yes("kept_back") if decision.reason == "already_told" else decision


def _first(alert: AlertState, now: datetime, pack: Pack) -> Decision:
    """Nobody knows: told, unless it is for the screen only, or old and over by the newest data."""
    if alert.severity is Severity.INFO:
        return _no("info_only")
    old = now - alert.sampled_at >= timedelta(hours=int(pack["deciding.late_hours"]))
    if old and alert.condition == "cleared":
        return _no("late_and_no_longer_true")
    return _yes("late" if old else "first")


def _again(
    told: Told, alert: AlertState, change: Kind, *, now: datetime, cause: Cause, snoozed: bool, pack: Pack
) -> Decision:
    reasons = _reasons(told, alert, now, pack)
    if _other_draw(told, alert):
        return _yes("another_draw", *reasons)
    if alert.severity is Severity.INFO or alert.severity.rank < told.severity.rank:
        return _to_the_told("corrected_down") if cause in _CORRECTING else _no("downgrade_note")
    if change == "reopened":
        return _yes("reopened", *reasons)
    if snoozed and alert.severity is not Severity.CRITICAL:
        reasons = tuple(reason for reason in reasons if reason in _BREAKS_A_SNOOZE)
    if reasons:
        return _yes(*reasons)
    if cause in _CORRECTING and _moved(told, alert, pack):
        return _to_the_told("corrected_value")
    return _no("snoozed" if snoozed else "already_told")


def _reasons(told: Told, alert: AlertState, now: datetime, pack: Pack) -> tuple[Reason, ...]:
    found: dict[Reason, bool] = {
        "higher_severity": alert.severity.rank > told.severity.rank,
        "worse": is_worse(told, alert, pack),
        "next_stage": _stage(alert.level) > _stage(told.level) > 0,
    }
    reasons = tuple(reason for reason, holds in found.items() if holds)
    unchanged = not reasons and _repeat_due(told, alert, now, pack)
    return ("still_abnormal",) if unchanged else reasons


def _other_draw(told: Told, alert: AlertState) -> bool:
    """Another specimen is in doubt than the one people know of: what it holds back must not wait unheard."""
    return alert.rule == _IN_DOUBT and told.sampled_at is not None and alert.sampled_at > told.sampled_at


def is_worse(told: Told, alert: AlertState, pack: Pack) -> bool:
    """Beyond the step of its analyte since the last notified value; every delta is `>=`."""
    direction = pack.worsening[alert.rule].direction if alert.rule in pack.worsening else "none"
    change = _change(told, alert)
    if change is None or told.value is None or direction == "none":
        return False
    step = pack.steps.get(alert.analyte)
    return step is not None and step.reached(change if direction == "up" else -change, told.value, direction)


def _moved(told: Told, alert: AlertState, pack: Pack) -> bool:
    """Either way by more than the step: worth telling when a correction did it."""
    change, step = _change(told, alert), pack.steps.get(alert.analyte)
    if change is None or step is None or told.value is None:
        return False
    return step.reached(abs(change), told.value, "up" if change > 0 else "down")


def _change(told: Told, alert: AlertState) -> Decimal | None:
    """Only values of one analyte are compared."""
    if told.value is None or alert.value is None or told.analyte not in ("", alert.analyte):
        return None
    return alert.value - told.value


def _stage(level: str) -> int:
    """1 to 3 of `AKI_1` to `AKI_3`, else 0."""
    return int(level.removeprefix("AKI_")) if level.startswith("AKI_") else 0


def _repeat_due(told: Told, alert: AlertState, now: datetime, pack: Pack) -> bool:
    """A new sample still meets the condition, so long after the last notification."""
    key = f"still_abnormal.{alert.severity}"
    if key not in pack.limits or (told.sampled_at is not None and alert.sampled_at <= told.sampled_at):
        return False
    return now - told.at >= timedelta(hours=int(pack[key]))


def _yes(*reasons: Reason) -> Decision:
    return Decision(send=True, reason=reasons[0], reasons=reasons)


def _to_the_told(reason: Reason) -> Decision:
    return Decision(send=True, reason=reason, reasons=(reason,), only_told=True)


def _no(reason: Reason) -> Decision:
    return Decision(send=False, reason=reason)
