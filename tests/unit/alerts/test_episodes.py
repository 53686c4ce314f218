"""Episodes: opened, re-graded, cleared with hysteresis; INDETERMINATE never clears."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.condition import fact
from alerts.episodes import fold
from alerts.logic import Truth
from alerts.rule import Judgement
from alerts.severity import Severity
from alerts.thresholds import Clearing
from tests.builders import hours

TWICE = Clearing(samples=2, span_hours=12, source="test")
ONCE = Clearing(samples=1, source="test")
NEVER = Clearing(samples=0, source="test")


def judgements(text: str) -> list[Judgement]:
    """`hour:mark`: H, M, I (met: HIGH, MEDIUM, INFO), g within the clearing limit, b beyond it, ? not counted."""
    return [_one(*pair.split(":")) for pair in text.split()]


def _one(hour: str, mark: str) -> Judgement:
    severity = {"H": Severity.HIGH, "M": Severity.MEDIUM, "I": Severity.INFO}.get(mark)
    truth = Truth.TRUE if severity else Truth.INDETERMINATE if mark == "?" else Truth.FALSE
    clears = {"g": Truth.TRUE, "b": Truth.FALSE}.get(mark, Truth.INDETERMINATE)
    return Judgement(
        at=hours(hour), slot=f"s{hour}", truth=truth, node=fact("x", truth), level="L" if severity else "",
        severity=severity, clears=clears,
    )  # fmt: skip


def test_an_episode_opens_with_the_first_sample_that_meets_it() -> None:
    (episode,) = fold(judgements("0:g 5:H 9:H"), TWICE)
    assert (episode.anchor, episode.opened_at, episode.slots) == ("s5", hours(5), ("s5", "s9"))
    assert episode.cleared_at is None


def test_regrading_happens_inside_the_episode_up_and_down() -> None:
    (episode,) = fold(judgements("0:M 5:H 6:H 9:M"), TWICE)
    assert [(g.at, g.severity) for g in episode.grades] == [
        (hours(0), "MEDIUM"), (hours(5), "HIGH"), (hours(9), "MEDIUM"),
    ]  # fmt: skip
    assert episode.grade.at == hours(9)
    assert episode.last.at == hours(9)


@pytest.mark.parametrize(
    ("text", "cleared"),
    [
        ("0:H 1:g 13:g", "13"),
        ("0:H 1:g 12.9:g", None),
        ("0:H 1:g 7:g 13:g", "13"),
        ("0:H 1:g 7:b 13:g", None),
        ("0:H 1:g 7:b 13:g 25:g", "25"),
        ("0:H 1:g 7:? 13:g", "13"),
        ("0:H 1:? 20:? 40:?", None),
        ("0:H 1:g 7:M 13:g", None),
    ],
)
def test_clearing_needs_an_unbroken_run_of_the_span(text: str, cleared: str | None) -> None:
    (episode,) = fold(judgements(text), TWICE)
    assert episode.cleared_at == (hours(cleared) if cleared else None)


def test_one_sample_may_be_enough_and_some_rules_never_clear() -> None:
    assert fold(judgements("0:H 1:g"), ONCE)[0].cleared_at == hours(1)
    assert fold(judgements("0:H 1:g 99:g 999:g"), NEVER)[0].cleared_at is None


def test_after_clearing_a_new_episode_has_its_own_anchor() -> None:
    first, second = fold(judgements("0:H 1:g 13:g 20:H"), TWICE)
    assert (first.anchor, second.anchor, second.cleared_at) == ("s0", "s20", None)


def test_good_samples_before_any_episode_count_for_nothing() -> None:
    assert fold(judgements("0:g 20:g 30:?"), TWICE) == []


def test_true_without_a_severity_is_an_error_that_says_where() -> None:
    broken = Judgement(at=hours(0), slot="s", truth=Truth.TRUE, node=fact("x", Truth.TRUE), level="L")
    with pytest.raises(ValueError, match="L at 2026-03-01 08:00 is TRUE without a severity"):
        fold([broken], TWICE)


@given(st.lists(st.sampled_from("HMIgb?"), max_size=30))
def test_at_most_the_last_episode_is_open_and_they_never_overlap(marks: list[str]) -> None:
    found = fold(judgements(" ".join(f"{6 * n}:{mark}" for n, mark in enumerate(marks))), TWICE)
    assert all(episode.cleared_at for episode in found[:-1])
    for one, following in itertools.pairwise(found):
        assert one.cleared_at is not None
        assert one.opened_at <= one.last.at < one.cleared_at < following.opened_at
    met = [n for n, mark in enumerate(marks) if mark in "HMI"]
    assert sum(len(episode.slots) for episode in found) == len(met)
