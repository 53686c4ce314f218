"""Condition (data) and response (people) in one word, and when an answer runs out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.lifecycle import Condition, Response, State, needs_answer, response_at, state
from tests.builders import ORIGIN


@pytest.mark.parametrize(
    ("condition", "response", "noted", "word"),
    [
        ("active", "unacknowledged", False, "open"),
        ("active", "acknowledged", False, "acknowledged"),
        ("active", "acknowledged", True, "in_progress"),
        ("active", "shelved", False, "shelved"),
        ("active", "closed", False, "resolved"),
        ("cleared", "unacknowledged", False, "unanswered"),
        ("cleared", "acknowledged", True, "resolved"),
        ("retracted", "acknowledged", False, "retracted"),
        ("superseded", "unacknowledged", False, "superseded"),
    ],
)
def test_the_word_for_both_states(condition: Condition, response: Response, noted: bool, word: State) -> None:
    assert state(condition, response, action_noted=noted) == word


def test_only_an_active_unanswered_alert_escalates() -> None:
    assert needs_answer("active", "unacknowledged")
    assert not needs_answer("active", "acknowledged")
    assert not needs_answer("cleared", "unacknowledged")


def test_an_acknowledgement_expires_at_its_time_if_the_condition_is_still_met() -> None:
    before = ORIGIN - timedelta(seconds=1)
    assert response_at("acknowledged", before, ORIGIN, still_met=True) == "acknowledged"
    assert response_at("acknowledged", ORIGIN, ORIGIN, still_met=True) == "unacknowledged"
    assert response_at("acknowledged", ORIGIN, ORIGIN, still_met=False) == "acknowledged"
    assert response_at("closed", ORIGIN, ORIGIN, still_met=True) == "closed"
    assert response_at("acknowledged", ORIGIN, None, still_met=True) == "acknowledged"
