"""The value from which a line of therapy started, for rises "since start of therapy"."""

from __future__ import annotations

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
    earlier = view.series.before(analyte, at)
    start = line_start(view, at)
    if start is None:
        return next(iter(earlier), None), True
    before = [p for p in earlier if p.at <= start]
    after = (p for p in earlier if p.at > start)
    return (before[-1] if before else next(after, None)), False
