"""FHIR dateTime and instant to the events' ISO 8601 text: same precision, same offset, no zone made up."""

from __future__ import annotations

import re
from datetime import datetime

from services.reading.fhir.types import DiagnosticReport, Observation, Period

_SHAPE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)T(?P<clock>\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d+)?(?P<offset>Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?", re.ASCII)
_DIGITS = 7
"""A point and six digits of a second: as many as a time in Halo has."""


def to_iso(text: str) -> str:
    """The same time; "" for what is no time (mapping quarantines)."""
    sent = text.strip()
    if _DATE.fullmatch(sent):
        return sent if _exists(f"{sent}{'-01-01'[len(sent) - 4 :]}") else ""
    found = _SHAPE.fullmatch(sent)
    if found is None:
        return ""
    moment = f"{found['date']}T{found['clock']}{(found['fraction'] or '')[:_DIGITS]}{found['offset'] or ''}"
    return moment if _exists(moment) else ""


def _exists(moment: str) -> bool:
    try:
        datetime.fromisoformat(moment)
    except ValueError:
        return False
    return True


def effective(of: Observation | DiagnosticReport) -> tuple[str, str]:
    """`effective[x]` as sent, with its name; of a period its start (a 24 h urine counts from there), else its end."""
    if of.effective_date_time:
        return of.effective_date_time, "effectiveDateTime"
    if of.effective_instant:
        return of.effective_instant, "effectiveInstant"
    if of.effective_period is not None:
        return _start(of.effective_period), "effectivePeriod"
    if of.effective_timing is not None:
        events = of.effective_timing.event
        return (events[0] if len(events) == 1 else "", "effectiveTiming")
    return "", ""


def collected(moment: str, period: Period | None) -> str:
    """`collected[x]` of a specimen."""
    return moment or (_start(period) if period is not None else "")


def _start(period: Period) -> str:
    return period.start or period.end
