"""CR_LOST: the clone shows again after a confirmed complete response (relapse 5, "relapse from CR") [R:1].

Not progression: that needs section 4 and stands on the ladder of `BIO`. One draw is `CR_LOST_POSSIBLE`, INFO; two in a
row, or the marrow alone, are `CR_LOST`, LOW: for the review list. The specification gives it no severity [E]. A band of
a therapeutic antibody, or of another isotype than the clone, is no sign (relapse 10).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from alerts.condition import Node, all_of, any_of, fact
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth, any_true
from alerts.myeloma.antibody import Bands, Interference, original
from alerts.myeloma.assessing import Response, response
from alerts.myeloma.complete_response import Sign, criteria_met, draws, remission, signs
from alerts.myeloma.disease import Disease, taken_up
from alerts.myeloma.response import Category
from alerts.rule import Judgement, Rule, View
from alerts.samples import hours, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import Resumed, Step, Trail, earliest, steps_at


class _Open(msgspec.Struct, frozen=True, kw_only=True):
    """The last draw that shows the clone, while no later one refutes it."""

    names: frozenset[str]
    point: Point | None
    node: Node
    confirmed: bool


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier evaluation worked out."""

    disease: Disease
    response: Response | None = None
    clone: Bands = frozenset()


def _onward(view: View, known: Trail, since: datetime | None) -> Trail:
    """One judgement a draw that answers the question, after the first confirmed complete response."""
    kept: _Kept | None = known.kept
    now, at = taken_up(view, kept.disease if kept else None, since)
    if not any(p.result.coded == "negative" for name in ("sife", "uife") for p in view.series.points(name)):
        return Trail(kept=_Kept(disease=now))  # without a negative immunofixation there is no complete response
    found, at = response(view, kept.response if kept else None, earliest(at, since))
    clone = original(view)
    if at is not None and kept is not None and kept.clone == clone:
        at = at - 2 * hours(view.pack, "cr_lost.beside_hours")  # a sign may stand beside a draw, its M beside that
    else:
        at = None

    def answers(last: _Open | None) -> Iterator[Step]:
        first = next((item.at for item in found.items if item.confirmed is Category.CR_LAB), None)
        met = criteria_met(now, at)
        for time in draws(view, met, at):
            if first is not None and time > first:
                seen = signs(view, clone, time, met.get(time, ()))
                judgement, last = _judge(time, remission(view, found.items, time), last, seen)
                yield from steps_at(time, last, [judgement] if judgement else [])

    return known.onward(at, answers, _Kept(disease=now, response=found, clone=clone))


def _judge(
    at: datetime, since: datetime | None, last: _Open | None, seen: Sequence[Sign]
) -> tuple[Judgement | None, _Open | None]:
    """The draw's judgement, and what stays open after it."""
    if not seen:
        return None, last
    if since is None:  # a new line of therapy
        return _told(at, seen, fact("complete_response_confirmed", FALSE), FALSE, None), None
    truth = any_true([sign.truth for sign in seen])
    node = any_of(*(sign.node for sign in seen), name="cr_lost")
    if truth is FALSE and last is not None and not last.names <= {sign.name for sign in seen}:
        return None, last  # what showed the clone was not looked at
    if truth is not TRUE:
        return _told(at, seen, node, truth, since), last if truth is INDETERMINATE else None
    now = _opened(last, seen, node)
    whole = all_of(last.node, node, name="cr_lost") if now.confirmed and last else node
    return _told(at, seen, whole, truth, since, confirmed=now.confirmed), now


def _opened(last: _Open | None, seen: Sequence[Sign], node: Node) -> _Open:
    """Confirmed by another sample than the one before, or by the marrow, which needs no confirmation (relapse 2)."""
    shows = [sign for sign in seen if sign.truth is TRUE]
    point = next((sign.point for sign in shows if sign.point is not None), None)
    marrow = any(sign.point is None for sign in shows)
    again = last is not None and (last.confirmed or _other_sample(last.point, point))
    return _Open(names=frozenset(sign.name for sign in shows), point=point, node=node, confirmed=marrow or again)


def _other_sample(before: Point | None, now: Point | None) -> bool:
    if before is None or now is None:
        return True
    return not now.result.specimen or now.result.specimen != before.result.specimen


def _told(
    at: datetime, seen: Sequence[Sign], node: Node, truth: Truth, since: datetime | None, *, confirmed: bool = False
) -> Judgement:
    sign = next((s for s in seen if s.truth is truth), seen[0])
    point = sign.point
    met = truth is TRUE
    return Judgement(
        at=at,
        slot=point.result.slot if point else f"{sign.name}@{at:%Y-%m-%dT%H:%M:%SZ}",
        truth=truth,
        node=node,
        level=("CR_LOST" if confirmed else "CR_LOST_POSSIBLE") if met else "",
        severity=(Severity.LOW if confirmed else Severity.INFO) if met else None,
        clears={TRUE: FALSE, FALSE: TRUE}.get(truth, INDETERMINATE),
        analyte=point.result.analyte if point else "",
        value=shown(point) if point else None,
        unit=point.result.unit if point else "%",
        flags=_flags(point, seen) if met else (),
        missing=("sife",) if truth is INDETERMINATE else (),
        possible=(Severity.LOW,) if truth is INDETERMINATE else (),
        facts=_facts(seen, since) if met else {},
    )


def _flags(point: Point | None, seen: Sequence[Sign]) -> tuple[str, ...]:
    own = [s.interference.lower() for s in seen if s.interference is not Interference.NONE]
    return tuple(sorted({*(point.flags if point else ()), *own}))


def _facts(seen: Sequence[Sign], since: datetime | None) -> dict[str, str]:
    signs_seen = " ".join(sorted({sign.name for sign in seen if sign.truth is TRUE}))
    return {"signs": signs_seen} | ({"cr_date": since.date().isoformat()} if since else {})


RULE = Rule(
    name="CR_LOST",
    family="relapse",
    inputs=frozenset({"sife", "uife", "mspike", "umprot", "flck", "flcl", "igg", "iga", "igm"}),
    judge=Resumed(_onward),
    delivery="working_hours",
)
