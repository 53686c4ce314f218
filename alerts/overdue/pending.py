"""What was ordered and has no result (alert behaviour 3) [E]: 7 d; of an electrophoresis more than 5 working days.

Readable from the messages of today, and no more: a laboratory that registers an order (status I), or answers with
"in progress", has the order; one that sends a preliminary electrophoresis (P, R, S) has not finished it. An order that
the laboratory never spoke of is not seen. The wait begins when both the order and the collection are past, and ends
with the result, with word that there will be none (X, D, W), or with a later value of the same test.

The text gives neither level nor severity: STALE_PENDING, INFO, is the least that shows it. Working days are Monday to
Friday where the laboratory is; holidays are not known. Needs no description of the patient: somebody ordered it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import msgspec

from alerts.condition import Quantity, compare
from alerts.logic import Interval
from alerts.overdue.lines import Late
from alerts.rule import View
from alerts.severity import Severity
from alerts.version import ELECTROPHORESIS, Wait

PENDING = "STALE_PENDING"
_DAY = timedelta(days=1)
_SATURDAY = 5


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was late from `due` until `end`; None: it still is."""

    due: datetime
    end: datetime | None
    late: Late

    def holds(self, at: datetime) -> bool:
        """Whether it is late at `at`."""
        return self.due <= at and (self.end is None or at < self.end)


def pending(view: View) -> list[Pending]:
    """Every order that became late, or will if nothing comes."""
    return [one for analyte, wait in view.series.waits() for one in _of(view, analyte, wait)]


def _of(view: View, analyte: str, wait: Wait) -> Iterator[Pending]:
    electrophoresis = analyte in ELECTROPHORESIS
    limit = view.pack.limit("stale.electrophoresis_working_days" if electrophoresis else "stale.ordered_days")
    days = int(limit.value) + (limit.operator == ">")
    due = _working(wait, days) if electrophoresis else wait.since + days * _DAY
    following = view.series.following(analyte, wait.since)
    ends = [at for at in (wait.until, following.at if following else None) if at is not None]
    end = min(ends, default=None)
    if end is not None and end <= due:
        return
    count = Quantity(
        name=f"{analyte}_{'working_days' if electrophoresis else 'days'}_waiting",
        interval=Interval.exactly(Decimal(days)), unit="d", results=(wait.result.result_id,),
    )  # fmt: skip
    facts = {"days": str(days), "ordered_at": wait.since.isoformat(), "offset": str(wait.result.collected_offset)}
    late = Late(
        name=analyte, level=PENDING, severity=Severity.INFO, since=due, slot=wait.result.slot, analyte=analyte,
        node=compare(count, limit), flags=("electrophoresis_pending",) if electrophoresis else (), facts=facts,
    )  # fmt: skip
    yield Pending(due=due, end=end, late=late)


def _working(wait: Wait, days: int) -> datetime:
    """When so many whole working days have passed, by the laboratory's calendar."""
    at, zone = wait.since, timezone(timedelta(minutes=wait.result.collected_offset))
    while days:
        at += _DAY
        days -= at.astimezone(zone).weekday() < _SATURDAY
    return at
