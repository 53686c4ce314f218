"""How late one test is (alert behaviour 3): information, overdue, high; the most severe line reached counts.

With interval I and d whole days since the last collection with a value: INFO from I + 14; MEDIUM from 1.5 I, rounded
up; HIGH from 2 I, or already when overdue if the last value was rising or an alert is open. 61 d gives 75 / 92 / 122,
91 d gives 105 / 137 / 182. With a short interval overdue comes before information.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

import msgspec

from alerts.condition import Node, Quantity, all_of, any_of, compare, fact
from alerts.logic import FALSE, TRUE, Interval
from alerts.overdue.markers import Marker, rising
from alerts.rule import View
from alerts.series import Point
from alerts.severity import Severity
from alerts.thresholds import Limit, Pack

INFO, OVERDUE = "STALE_INFO", "STALE_OVERDUE"


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Days since the last collection, for one interval."""

    info: int
    overdue: int
    high: int

    @property
    def first(self) -> int:
        """Before this nothing is late."""
        return min(self.info, self.overdue)


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """One test that is late."""

    name: str
    level: str
    severity: Severity
    since: datetime
    """When it was due at this severity: shown first among equals is what has been due longest."""
    slot: str
    """Slot of the last collection with a value: the anchor."""
    analyte: str
    node: Node
    flags: tuple[str, ...] = ()
    facts: dict[str, str] = {}


def lines(pack: Pack, interval: int) -> Lines:
    """The first whole day of each."""
    info, overdue, high = ((int(bound) + (limit.operator == ">")) for limit, bound in _bounds(pack, interval))
    return Lines(info=info, overdue=overdue, high=high)


def _bounds(pack: Pack, interval: int) -> list[tuple[Limit, Decimal]]:
    """Information, overdue and high with the days each is compared with; a part of a day counts as a day."""
    info, *times = (pack.limit(f"stale.{name}") for name in ("info_days", "overdue_intervals", "high_intervals"))
    return [(info, interval + info.value), *((limit, _up(limit.value * interval)) for limit in times)]


def counted(view: View, point: Point) -> datetime:
    """From when on the next one is waited for: the collection, or when the feed it came by went live (behaviour 1)."""
    return max(point.at, view.live_from.get(point.result.source.feed, point.at))


def late(view: View, marker: Marker, point: Point, at: datetime, interval: int) -> Late | None:
    """How late `marker`, last collected at `point`, is at `at`; None when it is not."""
    found, begin = lines(view.pack, interval), counted(view, point)
    days = (at - begin).days
    if days < found.first:
        return None
    node, overdue, urgent = _node(view, marker, point, at, interval)
    severity = Severity.INFO if not overdue else Severity.HIGH if urgent else Severity.MEDIUM
    line = found.info if not overdue else found.high if days >= found.high else found.overdue
    return Late(
        name=marker.name,
        level=OVERDUE if overdue else INFO,
        severity=severity,
        since=begin + timedelta(days=line),
        slot=point.result.slot,
        analyte=point.result.analyte,
        node=node,
        facts={
            "label": marker.name, "days": str((at - point.at).days), "interval": str(interval),
            "last_at": point.at.isoformat(),
            "offset": str(point.result.collected_offset),
        } | ({"sample_flags": "date_only"} if point.result.date_only else {}),
    )  # fmt: skip


def _node(view: View, marker: Marker, point: Point, at: datetime, interval: int) -> tuple[Node, bool, bool]:
    """The condition tree, whether the test is overdue, and whether that is urgent."""
    count = Quantity(
        name=f"{marker.name}_days_since",
        interval=Interval.exactly(Decimal((at - counted(view, point)).days)), unit="d",
        results=(point.result.result_id,),
    )  # fmt: skip
    info, overdue, twice = (compare(count, limit, bound) for limit, bound in _bounds(view.pack, interval))
    reasons = (
        fact(f"{marker.name}_had_risen", rising(view, marker, point.at), (point.result.result_id,)),
        fact("alert_open", TRUE if any_open(view, at) else FALSE),
    )
    sooner = all_of(overdue, any_of(*reasons), name="overdue_and_urgent")
    passed = overdue.truth is TRUE
    node = any_of(info, overdue, twice, *([sooner] if passed else []), name="late")
    return node, passed, any_of(twice, sooner).truth is TRUE


def any_open(view: View, at: datetime) -> bool:
    """Whether an alert of another rule holds at `at`; what people answered is not for a rule to read."""
    return any(a.opened_at <= at and (a.cleared_at is None or at < a.cleared_at) for a in view.alerts)


def _up(days: Decimal) -> Decimal:
    return days.to_integral_value(ROUND_CEILING)
