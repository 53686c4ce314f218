"""Delta checks: is this draw another person's? Each value against the previous one of its analyte (blood counts 5).

Haemoglobin, albumin, potassium and MCV may not change by more than their limit within their hours, creatinine may not
fall by more than half (unless dialysis lies between), and the M isotype stays what it is at any interval. One failed
check is a note; two or more in one draw are a suspected specimen mismatch.

A draw that was itself suspected proves nothing: what differs from it is compared with the draw before it too. So the
repeat that answers the question is not suspected in its turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from alerts.calm import misses
from alerts.condition import Node, Quantity, compare, fact
from alerts.dialysis import dialysis_between
from alerts.intervals import difference, ratio, size
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Truth
from alerts.potassium import haemolysed_at
from alerts.rule import View
from alerts.samples import hours
from alerts.series import Point

Action = Literal["NONE", "ANNOTATE", "HOLD_NON_CRITICAL"]
CHECKS = {
    "hb": "hb", "creatinine": "creat", "albumin": "alb", "potassium": "k", "mcv": "mcv", "m_isotype": "sife",
}  # fmt: skip
"""Names of the checks, in the order they are told, and the analyte of each."""
ANALYTES = tuple(CHECKS.values())
_LIMITS = {name: f"specimen_mismatch.{name}" for name in CHECKS}
_HOURS = {name: f"{limit}_hours" for name, limit in _LIMITS.items()}
MISMATCH = 2
"""So many failed checks in one draw; blood counts 5: "two or more"."""
DRAWS = ("draws", datetime.max.replace(tzinfo=UTC), "")
"""Place in `View.memo` of a function from a time to the draw an earlier evaluation knows of it: a help, no input."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A value that fails its check, or may fail it."""

    name: str
    node: Node
    now: Point
    before: Point


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """The checks of one collection time; those that are passed or have nothing to compare with are left out."""

    at: datetime
    checks: tuple[Check, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The ones that are certain."""
        return tuple(check for check in self.checks if check.node.truth is TRUE)

    @property
    def truth(self) -> Truth:
        """Whether two or more checks fail; INDETERMINATE when censored values leave it open."""
        if len(self.checks) < MISMATCH:
            return FALSE
        return TRUE if len(self.failed) >= MISMATCH else INDETERMINATE

    @property
    def action(self) -> Action:
        """What a failed check leads to."""
        failed = len(self.failed)
        return "NONE" if not failed else "HOLD_NON_CRITICAL" if failed >= MISMATCH else "ANNOTATE"


def checked(view: View, at: datetime) -> Draw:
    """The checks of the draw taken at `at`; worked out once an evaluation. Reads nothing that was taken later."""
    todo = [at]
    while todo:
        found = _known(view, todo[-1]) or _draw(view, todo[-1])
        if isinstance(found, datetime):
            todo.append(found)
        else:
            view.memo["delta_checks", todo.pop(), ""] = found
    known = _known(view, at)
    if known is None:
        raise AssertionError("the loop above ends with the draw that was asked for")
    return known


def _known(view: View, at: datetime) -> Draw | None:
    known: Draw | None = view.memo.get(("delta_checks", at, ""))
    if known is None and DRAWS in view.memo:
        known = view.memo[DRAWS](at)
    return known


def _draw(view: View, at: datetime) -> Draw | datetime:
    """The draw, or an earlier time whose draw must be known first."""
    found = []
    for name, analyte in CHECKS.items():
        now = view.series.at(analyte, at)
        check = _check(view, name, now) if now is not None and not now.preliminary else None
        if isinstance(check, datetime):
            return check
        if check is not None:
            found.append(check)
    return Draw(at=at, checks=tuple(found))


def _check(view: View, name: str, now: Point) -> Check | datetime | None:
    """Against the newest earlier value whose draw is trusted, and every suspected one between."""
    for before in _earlier(view, name, now):
        node = _condition(view, name, now, before)
        if node is None:
            return None
        draw = _known(view, before.at)
        if draw is None:
            return before.at
        if draw.truth is not TRUE:
            return Check(name=name, node=node, now=now, before=before)
    return None


def _earlier(view: View, name: str, now: Point) -> Iterator[Point]:
    """Earlier final values that the check may be made against, the newest first."""
    span = hours(view.pack, _HOURS[name]) if name != "m_isotype" else None
    if name == "m_isotype" and not clones(now):
        return
    for before in view.series.last_before(CHECKS[name], now.at):
        if span is not None and now.at - before.at > span:
            return
        if span is not None or clones(before):
            yield before


def _condition(view: View, name: str, now: Point, before: Point) -> Node | None:
    """How far the two differ, None when they surely agree."""
    if name == "m_isotype":
        results = (now.result.result_id, before.result.result_id)
        return None if clones(now) & clones(before) else fact("m_isotype_differs", TRUE, results)
    found = ratio(now.interval, before.interval) if name == "creatinine" else _change(view, name, now, before)
    if misses(view.pack, found, (_LIMITS[name],)):
        return None
    node = compare(_quantity(name, found, now, before), view.pack.limit(_LIMITS[name]))
    if node.truth is FALSE or (name == "creatinine" and dialysis_between(view, before.at, now.at)):
        return None
    unclear = "date_only" in now.flags or "date_only" in before.flags  # the hours between them are not known
    return msgspec.structs.replace(node, truth=INDETERMINATE) if unclear else node


def _change(view: View, name: str, now: Point, before: Point) -> Interval:
    """Either way."""
    return size(difference(_value(view, name, now), _value(view, name, before)))


def _quantity(name: str, found: Interval, now: Point, before: Point) -> Quantity:
    """What is left of the earlier creatinine, else the change in the analyte's own unit."""
    results = (now.result.result_id, before.result.result_id)
    if name == "creatinine":
        return Quantity(name="creatinine_share", interval=found, unit="{ratio}", results=results)
    return Quantity(name=f"{name}_change", interval=found, unit=now.result.unit, results=results)


def _value(view: View, name: str, point: Point) -> Interval:
    """Haemolysis only adds to a potassium: the true one is at most the measured one."""
    if name == "potassium" and haemolysed_at(view, point):
        return Interval(Decimal(0), point.interval.high, high_closed=point.interval.high_closed)
    return point.interval


def clones(point: Point) -> frozenset[str]:
    """The isotypes an immunofixation names; empty when negative or not said."""
    word, _, named = point.result.coded.partition(":")
    return frozenset(named.split("+")) if word == "positive" and named else frozenset()
