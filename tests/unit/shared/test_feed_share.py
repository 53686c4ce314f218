"""The share of a feed that was held or refused at arrival: of results, or of messages where there are none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.cli.feed import line
from services.shared.feed_reading import FeedNow


def feed(*, messages: int, results: int, quarantined: int, refused: int) -> FeedNow:
    return FeedNow(
        name="lab", key="LIS|LAB1", state="live", live_from=None, who="", second="",
        changed_at=datetime(2026, 3, 1, tzinfo=UTC), last_at=None, hour=0, day=messages, results=results,
        quarantined=quarantined, refused=refused, test=0, silent_since=None,
    )  # fmt: skip


@pytest.mark.parametrize(("messages", "results", "quarantined", "refused", "share"), [
    (3, 3, 1, 1, 0.5), (10, 40, 10, 0, 0.25), (0, 0, 0, 0, 0.0),
    (99, 0, 0, 1, 0.01),  # pure ADT: one refused of a hundred, not all of it
    (10, 0, 2, 0, 0.2), (0, 0, 0, 5, 1.0), (50, 0, 0, 0, 0.0),
])  # fmt: skip
def test_what_was_held_or_refused(messages: int, results: int, quarantined: int, refused: int, share: float) -> None:
    found = feed(messages=messages, results=results, quarantined=quarantined, refused=refused)
    assert found.held_share == pytest.approx(share)
    assert f"held or refused at arrival {share:.1%}" in line(found)
