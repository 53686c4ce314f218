"""The two states of an alert: what the data say (condition) and what people did (response); and the words for both.

`open` is active and unacknowledged, `in_progress` acknowledged with a note of action, `resolved` cleared or closed
(alert behaviour 2; design 5).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from alerts.alert import AlertState
from alerts.result import Status
from alerts.series import Series

Condition = Literal["active", "cleared", "retracted", "superseded"]
Response = Literal["unacknowledged", "acknowledged", "shelved", "closed"]
Ending = Literal["retracted", "retracted_wrong_patient", "closed_by_final"]
State = Literal["open", "acknowledged", "in_progress", "shelved", "unanswered", "resolved", "retracted", "superseded"]


def state(condition: Condition, response: Response, *, action_noted: bool = False) -> State:
    """One word for a list. An alert that ended before anybody answered is `unanswered`: somebody should look."""
    if condition == "retracted":
        return "retracted"
    if condition == "superseded":
        return "superseded"
    if response == "closed":
        return "resolved"
    if condition == "cleared":
        return "unanswered" if response == "unacknowledged" else "resolved"
    return _while_active(response, action_noted=action_noted)


def _while_active(response: Response, *, action_noted: bool) -> State:
    if response == "shelved":
        return "shelved"
    if response == "unacknowledged":
        return "open"
    return "in_progress" if action_noted else "acknowledged"


def needs_answer(condition: Condition, response: Response) -> bool:
    """Whether it goes on escalating."""
    return condition == "active" and response == "unacknowledged"


def response_at(
    response: Response, now: datetime, acknowledgement_expires_at: datetime | None, *, still_met: bool
) -> Response:
    """An acknowledgement or a shelving runs out: open again while the newest sample meets the condition."""
    if response not in ("acknowledged", "shelved") or acknowledgement_expires_at is None:
        return response
    return "unacknowledged" if still_met and now >= acknowledgement_expires_at else response


def ending(before: AlertState, series: Series) -> Ending:
    """How an alert ended that the data make no longer (result life cycle 1); `before` is its last state.

    `retracted_wrong_patient`: the text must not show the old value, it was another patient's.
    """
    slots = set(before.slots)
    known = (m for name in series.analytes for m in series.measurements(name))
    winners = [m.winner for m in known if m.winner.slot in slots]
    if any(winner.status is Status.WRONG_PATIENT for winner in winners):
        return "retracted_wrong_patient"
    withdrawn = any(winner.status is Status.DELETED for winner in winners)
    return "closed_by_final" if "preliminary" in before.flags and not withdrawn else "retracted"
