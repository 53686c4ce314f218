"""Results that come late (result life cycle 2): alerts that they raise, open ones that they show to be older. Pure.

Late: a newer result of the analyte was stored before it, or more than 7 days lie between collection and arrival.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from alerts.alert import AlertState
from alerts.result import Result
from alerts.series import Point, Series
from alerts.thresholds import Pack
from services.ledger.journal import Entry
from services.ledger.stored import Stored, StoredAlert

MANY = 50
"""Late results of one record."""
LATE_AFTER = timedelta(days=7)
"""Between collection and arrival."""


def raised_late(state: AlertState, series: Series, received_at: datetime, taken: Collection[str] = ()) -> bool:
    """Whether an alert that opens at `received_at` rests on a sample, or on a result that came then, that is late.

    `taken`: ids of results that came earlier, were held, and count from then on only.
    """
    if state.family == "overdue_test":  # what is late there is a test that did not come, no result
        return False
    if received_at - state.sampled_at > LATE_AFTER:
        return True
    used = set(state.results)
    found = (p for name in series.analytes for p in series.points(name) if p.result.result_id in used)
    came = (as_of(p.result, received_at) if p.result.result_id in taken else p.result for p in found)
    return any(is_late(series, result) for result in came if result.received_at == received_at)


def as_of(result: Result, at: datetime) -> Result:
    """The result as if it had come then: what was held is late as of when it is taken."""
    return msgspec.structs.replace(result, received_at=max(result.received_at, at))


def is_late(series: Series, result: Result) -> bool:
    """Whether the result came after a newer one of its analyte, or more than 7 days after its collection."""
    if result.received_at - result.collected_at > LATE_AFTER:
        return True
    newer: Iterable[Point] = series.after(result.analyte, result.collected_at)
    return any(point.result.received_at < result.received_at for point in newer)


def not_new(before: Mapping[str, StoredAlert], person: Stored, fresh: Iterable[Result], pack: Pack) -> list[Entry]:
    """A line in the log of every open alert that late results leave as it is, but show to have begun earlier.

    Of years that come at once the first is enough.
    """
    late = [r for r in fresh if _counts(person.series, r) and is_late(person.series, r)]
    if len(late) > MANY:
        late = list({r.analyte: r for r in sorted(late, key=lambda r: r.collected_at, reverse=True)}.values())
    return [
        _entry(person, alert, result)
        for alert in (person.alerts.values() if late else ())
        if _unchanged(before.get(alert.alert_id), alert)
        for result in late
        if _was_there(alert.state, person.series, result, pack)
    ]


def _counts(series: Series, result: Result) -> bool:
    point = series.at(result.analyte, result.collected_at)
    return point is not None and not point.preliminary and point.result.result_id == result.result_id


def _unchanged(before: StoredAlert | None, now: StoredAlert) -> bool:
    """Open before and after, of the same grade."""
    if before is None or before.condition != "active" or now.condition != "active":
        return False
    return (before.state.level, before.state.severity) == (now.state.level, now.state.severity)


def _was_there(state: AlertState, series: Series, late: Result, pack: Pack) -> bool:
    """Taken before the sample that opened the alert, and less than the step of its analyte away from it."""
    opening = series.at(late.analyte, state.opened_at)
    if opening is None or opening.result.slot not in state.slots or late.collected_at >= state.opened_at:
        return False
    step, worsening = pack.steps.get(late.analyte), pack.worsening.get(state.rule)
    if step is None or worsening is None or worsening.direction == "none":
        return False
    if late.value is None or opening.result.value is None or late.comparator or opening.result.comparator:
        return False
    rise = opening.result.value - late.value
    change = rise if worsening.direction == "up" else -rise
    return not step.reached(change, late.value, worsening.direction)


def _entry(person: Stored, alert: StoredAlert, late: Result) -> Entry:
    payload = {
        "result_id": late.result_id, "analyte": late.analyte, "value": str(late.value), "unit": late.unit,
        "collected_at": late.collected_at.isoformat(),
    }  # fmt: skip
    return Entry(
        chain=person.root, kind="not_new", alert_id=alert.alert_id, alert_version=alert.version, actor="halo",
        payload=payload,
    )  # fmt: skip
