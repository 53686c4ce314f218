"""Was the patient on dialysis, at a time or between two; an entry that says `no` ends what an older one said."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.context import Fact
from alerts.rule import View

_NEXT = timedelta(microseconds=1)


def dialysis_at(view: View, at: datetime) -> Fact | None:
    """The newest entry that holds at `at`, bounds included; None when it says `no`. Unknown dialysis is none."""
    entries = view.context.active("dialysis", at)
    said = entries[-1] if entries else None
    return None if said is None or (said.value or said.code).strip().casefold() in {"no", "false"} else said


def dialysis_between(view: View, start: datetime, end: datetime) -> bool:
    """Dialysis at any time between the two, bounds included, by the entry that held then; one that says no is none."""
    entries = view.context.of("dialysis")
    begun = [entry.start for entry in entries if entry.start is not None]
    over = [entry.end + _NEXT for entry in entries if entry.end is not None]  # what an entry hid holds again then
    return any(dialysis_at(view, at) is not None for at in (start, end, *begun, *over) if start <= at <= end)
