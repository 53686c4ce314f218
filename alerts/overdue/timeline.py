"""What is late when: every moment at which the answer changes, up to the next one to come while no result arrives.

Looked at are only the moments at which anything can change: a line reached, a value collected, the context, the opening
and ending of other alerts. Gaps shorter than the first line leave none, so a patient who comes in time costs little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import cast

import msgspec

from alerts.myeloma.disease import Disease, taken_up
from alerts.myeloma.patient_type import PatientType, stated_type
from alerts.overdue.followed import Schedule, changes, described, intervals, schedule, stopped
from alerts.overdue.lines import Late, counted, late, lines
from alerts.overdue.markers import MARKERS, URINE_M, Marker, attempted, collections, last, markers
from alerts.overdue.pending import Pending, pending
from alerts.rule import View
from alerts.series import Point

KEPT = ("kept_disease", datetime.max.replace(tzinfo=UTC), "")
"""Place in `View.memo` of the disease as it was before, and from when on it may be another: a help, no input."""
Known = Mapping[Marker, Sequence[Point]]
_EPOCH = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """From when on what is late; nothing when `late` is empty."""

    at: datetime
    late: tuple[Late, ...]
    followed: bool
    """False when nobody follows the patient any more."""


def timeline(view: View) -> list[Moment]:
    """Every change up to `as_of`, and the next one if there will be one; once an evaluation."""
    key = ("overdue", view.as_of, "")
    if key not in view.memo:
        view.memo[key] = list(_up_to_the_next(view))
    return cast("list[Moment]", view.memo[key])


def next_due(view: View) -> datetime | None:
    """The next moment after `as_of` at which the answer changes with no message; None when it never does."""
    return next((moment.at for moment in timeline(view) if moment.at > view.as_of), None)


def _up_to_the_next(view: View) -> Iterator[Moment]:
    for moment in _changed(_moments(view)):
        yield moment
        if moment.at > view.as_of:
            return


def _changed(moments: Iterable[Moment]) -> Iterator[Moment]:
    """Without those that say what the one before said."""
    before: object = []
    for moment in moments:
        said = [(one.name, one.level, one.severity, one.slot, one.flags) for one in moment.late]
        if said != before:
            yield moment
        before = said


def _moments(view: View) -> Iterator[Moment]:
    orders, planned = pending(view), described(view.context)
    if not (orders or planned):
        return
    known: Known = {marker: collections(view, marker) for marker in MARKERS} if planned else {}
    for at in sorted(_times(view, known) | _of_orders(view, orders)):
        ended = stopped(view.context, at)
        waiting = () if ended else tuple(order.late for order in orders if order.holds(at))
        yield Moment(at=at, late=_late(view, known, at, waiting), followed=not ended)


def _late(view: View, known: Known, at: datetime, waiting: Iterable[Late]) -> tuple[Late, ...]:
    """The worst first, of equals what has been due longest, of these the marker of the disease."""
    planned = schedule(view.pack, view.context, at)
    found = [*(_of_markers(view, known, at, planned) if planned else ()), *waiting]
    return tuple(sorted(found, key=lambda one: (-one.severity.rank, one.since)))


def _of_markers(view: View, known: Known, at: datetime, planned: Schedule) -> Iterator[Late]:
    urine = last(known[URINE_M], at) is not None
    for marker in markers(_kind(view, at), urine=urine):
        point = last(known[marker], at)
        one = None if point is None else late(view, marker, point, at, planned.days)
        if one is not None and point is not None:
            flags = {"state_assumed": planned.assumed, "attempted_only": attempted(view, marker, point.at, at)}
            yield msgspec.structs.replace(one, flags=tuple(name for name, holds in flags.items() if holds))


def _kind(view: View, at: datetime) -> PatientType:
    return stated_type(view, at) or _disease(view).types.at(at)


def _disease(view: View) -> Disease:
    known, since = view.memo.get(KEPT, (None, None))
    return taken_up(view, known, since)[0]


def _times(view: View, known: Known) -> set[datetime]:
    """Moments at which the answer may change for what the patient is followed by."""
    turns = changes(view.context)
    planned = intervals(view.pack, view.context, [_early(known, turns), *turns])
    if not planned:
        return set()
    shortest = timedelta(days=min(lines(view.pack, days).first for days in planned))
    gaps = [gap for points in known.values() for gap in _gaps(view, points, shortest)]
    days = {n for one in planned for n in msgspec.structs.astuple(lines(view.pack, one))}
    reached = {gap.begin + timedelta(days=n) for gap in gaps for n in days if gap.holds(gap.begin + timedelta(days=n))}
    tried = (at for marker in known for name in marker.analytes for at in view.series.attempts(name))
    others = {
        at for at in (*turns, *tried, *_types(view), *_of_alerts(view)) if any(g.begin + shortest <= at for g in gaps)
    }
    return reached | others | {gap.end for gap in gaps if gap.end is not None}


class _Gap(msgspec.Struct, frozen=True):
    """A span without a value of one marker; the last one has no end."""

    begin: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether there is no new value yet."""
        return self.end is None or at < self.end


def _gaps(view: View, points: Sequence[Point], shortest: timedelta) -> Iterator[_Gap]:
    """Those that are long enough to matter."""
    for one, following in pairwise(points):
        if following.at - one.at >= shortest and following.at - (begin := counted(view, one)) >= shortest:
            yield _Gap(begin, following.at)
    if points:
        yield _Gap(counted(view, points[-1]), None)


def _early(known: Known, turns: Sequence[datetime]) -> datetime:
    """Before everything: what holds without a beginning."""
    return min([*turns, *(points[0].at for points in known.values() if points)], default=_EPOCH) - timedelta(days=1)


def _types(view: View) -> Iterable[datetime]:
    """When the type that follows from the values may become another one."""
    return () if view.context.of("patient_type") else _disease(view).types.turns


def _of_alerts(view: View) -> Iterator[datetime]:
    for alert in view.alerts:
        yield alert.opened_at
        if alert.cleared_at is not None:
            yield alert.cleared_at


def _of_orders(view: View, orders: Sequence[Pending]) -> set[datetime]:
    """When orders become late or are answered, and when the context changes meanwhile."""
    if not orders:
        return set()
    found = {at for order in orders for at in (order.due, order.end) if at is not None}
    return found | {at for at in changes(view.context) if at >= min(found)}
