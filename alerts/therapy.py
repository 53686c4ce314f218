"""The value from which a line of therapy started, for rises "since start of therapy"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.rule import View
from alerts.series import Point


def line_start(view: View, at: datetime) -> datetime | None:
    """Start of the line of therapy in force at `at`; None when no line is known to have begun by then."""
    starts = [entry.start for entry in view.context.of("line_start") if entry.start is not None and entry.start <= at]
    return max(starts, default=None)


def at_start(view: View, analyte: str, at: datetime) -> tuple[Point | None, bool]:
    """The baseline of the line in force at `at`, and whether its start had to be assumed.

    The last final value at or before the start of the line, else the first after it. Without a known line it starts at
    the first result (design 5: rules work without context and say what they assumed).
    """
    start = line_start(view, at)
    if start is None:
        return _first(view.series.points(analyte), at), True
    before = view.series.newest(analyte, start) if start < at else next(view.series.last_before(analyte, at), None)
    return before or _first(view.series.after(analyte, start), at), False


def _first(points: Sequence[Point], end: datetime) -> Point | None:
    """The first final value, when it was taken before `end`."""
    found = next((point for point in points if not point.preliminary), None)
    return found if found is not None and found.at < end else None
