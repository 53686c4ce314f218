"""Lines of therapy: each has its own baseline and nadir (relapse 2) [R:7]."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

from alerts.rule import View


def line_starts(view: View) -> list[datetime]:
    """Starts of the known lines, in order."""
    return sorted({entry.start for entry in view.context.of("line_start") if entry.start is not None})


def line_of(starts: Sequence[datetime], at: datetime) -> int:
    """Number of the line a sample is judged in; a sample taken at the very start still belongs to the line before.

    0 is the time before any known line: it starts at the first result (design 5).
    """
    return bisect_left(starts, at)
