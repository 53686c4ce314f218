"""A rule that walks over the samples in order, and can take up its walk where the data changed.

The plain way is to walk from the start. The quick way keeps every step and walks again only from the first one that
a changed sample can reach; a property test shows that both are equal.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from alerts.condition import NO_LIMIT_MET

if TYPE_CHECKING:
    from alerts.rule import Judgement, Rule, View
    from alerts.series import Point

_at, _until = attrgetter("at"), attrgetter("until")
AHEAD = timedelta(hours=72)
"""No step looks further ahead than a draw beside a draw beside the sample (24 h each), or it says so (`until`)."""


NOTHING_AHEAD = timedelta(0)
"""For a rule that reads the draw itself and what was taken before it."""
BESIDE = timedelta(hours=24)
"""For a rule that reads what was taken beside the draw, up to a day later, and nothing of that one's own neighbours."""


TRAILS = ("trails", datetime.max.replace(tzinfo=UTC), "")
"""Place in `View.memo` of what has the steps of other rules over the same view, by name: a help, no input."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One sample of the walk: what the rule said, and what it carries on to the next."""

    at: datetime
    state: Any
    judgement: Any
    """A `Judgement`, or None where the rule had nothing to say."""
    until: datetime
    """What is taken after this changes neither this step nor any before it."""
    soon: datetime | None = None
    """The same while the rule's `late` analytes are as they were; None: not earlier than `until`."""


def settled(steps: Sequence[Step], since: datetime | None) -> int:
    """How many of the steps, from the first on, a change from `since` on cannot reach."""
    if since is None or not steps:
        return 0
    number = len(steps)
    if steps[-1].until < since:  # mostly a sample is newer than all
        return number
    return number - 1 if number == 1 or steps[-2].until < since else bisect_left(steps, since, key=_until)


def settled_soon(steps: Sequence[Step], since: datetime | None) -> int:
    """The same where nothing of the rule's `late` analytes changed."""
    return 0 if since is None else bisect_left(steps, since, key=_soon)


def _soon(step: Step) -> datetime:
    return step.soon or step.until


def up_to(items: Sequence[Any], since: datetime | None, key: Callable[[Any], datetime] = _at) -> int:
    """How many of the items, which are in collection order, were taken before `since`; none when None."""
    if since is None or not items:
        return 0
    return len(items) if key(items[-1]) < since else bisect_left(items, since, key=key)  # mostly all were


class Late(msgspec.Struct, frozen=True):
    """Analytes that may be looked for long after a sample, and no others."""

    analytes: tuple[str, ...]
    soon: Callable[[View, datetime], datetime]
    """`until` for as long as their values are as they were."""


class Walk:
    """A judge that is a fold over collection times; calling it walks from the start.

    `ahead` is how far after its sample a step may read; `until` says up to when, where that can be more. Either decides
    how many samples are judged again when a new one arrives.
    """

    def __init__(
        self,
        triggers: Iterable[str],
        step: Callable[[View, datetime, Any], tuple[Any, Judgement | None]],
        start: Any = None,
        until: Callable[[View, datetime], datetime] | None = None,
        *,
        ahead: timedelta = AHEAD,
        calm: timedelta | None = None,
        late: Late | None = None,
    ) -> None:
        """`calm` is `ahead` where the sample was told at a glance (`alerts.calm`)."""
        self._triggers, self._step, self._start, self._until = tuple(triggers), step, start, until
        self._ahead, self._calm, self._late = ahead, ahead if calm is None else calm, late

    def __call__(self, view: View) -> list[Judgement]:
        """All judgements of the patient in collection order."""
        return [step.judgement for step in self.onward(view) if step.judgement is not None]

    def onward(self, view: View, last: Step | None = None, to: datetime | None = None) -> list[Step]:
        """The steps after `last` (from the start when None), up to and with `to`."""
        state, until = (last.state, last.until) if last else (self._start, None)
        soon = last.soon if last else None
        steps = []
        for at in view.series.times_after(self._triggers, last.at if last else None):
            if to is not None and at > to:
                break
            state, judgement = self._step(view, at, state)
            calm = judgement is not None and judgement.node is NO_LIMIT_MET
            own = at + (self._calm if calm else self._ahead)
            own = max(own, self._until(view, at)) if self._until else own
            until = own if until is None or own > until else until
            if self._late is not None:
                soon = max(at + self._ahead, self._late.soon(view, at), *([soon] if soon else []))
            steps.append(Step(at, state, judgement, until, soon))
        return steps

    def late(self, view: View) -> tuple[Sequence[Point], ...]:
        """The values that may be looked for long after a sample."""
        return tuple(view.series.points(name) for name in self._late.analytes) if self._late else ()


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """How far a `Resumed` rule has come."""

    steps: tuple[Step, ...] = ()
    same: int = 0
    """So many steps, from the first on, are those of the trail it was taken up from."""
    kept: Any = None
    """What the rule worked out on the way and needs to go on."""

    def onward(self, since: datetime | None, go: Callable[[Any], Iterable[Step]], kept: Any) -> Trail:
        """Anew from `since` on (from the start when None): `go` takes the state before it and gives the steps."""
        same = up_to(self.steps, since)
        state = self.steps[same - 1].state if same else None
        return Trail(steps=self.steps[:same] + tuple(go(state)), same=same, kept=kept)  # `+` copies the old but once


class Resumed:
    """A judge that works out for itself from where on it must look again; calling it starts from nothing."""

    def __init__(self, onward: Callable[[View, Trail, datetime | None], Trail]) -> None:
        self.onward = onward
        """The trail of the view, taken up from an earlier one; what was taken before the given time is as it was."""

    def __call__(self, view: View) -> list[Judgement]:
        """All judgements of the patient in collection order."""
        steps = self.onward(view, Trail(), None).steps
        return [step.judgement for step in steps if step.judgement is not None]


def resumed(judge: Walk | Resumed, view: View, known: Trail, since: datetime | None) -> Trail:
    """All steps of the view, taken up from an earlier trail; what was taken before `since` is as it was."""
    if isinstance(judge, Resumed):
        return judge.onward(view, Trail() if since is None else known, since)
    same = settled(known.steps, since)
    fresh = judge.onward(view, known.steps[same - 1] if same else None)
    return Trail(steps=known.steps[:same] + tuple(fresh), same=same)


def trail_of(view: View, rule: Rule) -> Trail:
    """The whole trail of a rule, once an evaluation; taken from what the caller knows already (`TRAILS`)."""
    trails = view.memo.setdefault(TRAILS, {})
    known = trails.get(rule.name)
    if known is not None:
        return Trail(steps=known.steps, kept=known.kept)
    if not isinstance(rule.judge, Walk | Resumed):
        raise TypeError(f"{rule.name} has no trail: it is judged over the whole history, not by steps")
    trail = trails[rule.name] = resumed(rule.judge, view, Trail(), None)
    return trail


def steps_at(at: datetime, state: Any, judgements: Sequence[Judgement]) -> list[Step]:
    """The steps of one collection time of a `Resumed` rule, which may have several judgements there, or none."""
    return [Step(at, state, judgement, at + AHEAD) for judgement in judgements or (None,)]


def earliest(*times: datetime | None) -> datetime | None:
    """The first of several times from which on something is new; None, from the start, goes before all."""
    known = [time for time in times if time is not None]
    return min(known) if len(known) == len(times) else None
