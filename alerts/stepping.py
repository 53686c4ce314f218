"""A rule that walks over the samples in order, and can take up its walk where the data changed.

The plain way is to walk from the start. The quick way keeps every step and walks again only from the first one that
a changed sample can reach; a property test shows that both are equal.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from alerts.rule import Judgement, View

_until = attrgetter("until")
AHEAD = timedelta(hours=72)
"""No step looks further ahead than a draw beside a draw beside the sample (24 h each), or it says so (`until`)."""


NOTHING_AHEAD = timedelta(0)
"""For a rule that reads the draw itself and what was taken before it."""
BESIDE = timedelta(hours=24)
"""For a rule that reads what was taken beside the draw, up to a day later, and nothing of that one's own neighbours."""


class Step(msgspec.Struct, frozen=True):
    """One sample of the walk: what the rule said, and what it carries on to the next."""

    at: datetime
    state: Any
    judgement: Any
    """A `Judgement`, or None where the rule had nothing to say."""
    until: datetime
    """What is taken after this changes neither this step nor any before it."""


def settled(steps: Sequence[Step], since: datetime | None) -> int:
    """How many of the steps, from the first on, a change from `since` on cannot reach."""
    return 0 if since is None else bisect_left(steps, since, key=_until)


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
    ) -> None:
        self._triggers, self._step, self._start, self._until = tuple(triggers), step, start, until
        self._ahead = ahead

    def __call__(self, view: View) -> list[Judgement]:
        """All judgements of the patient in collection order."""
        return [step.judgement for step in self.onward(view) if step.judgement is not None]

    def onward(self, view: View, last: Step | None = None, to: datetime | None = None) -> Iterator[Step]:
        """The steps after `last` (from the start when None), up to and with `to`."""
        state, until = (last.state, last.until) if last else (self._start, None)
        for at in self._times(view, last.at if last else None, to):
            state, judgement = self._step(view, at, state)
            own = max(at + self._ahead, self._until(view, at)) if self._until else at + self._ahead
            until = own if until is None or own > until else until
            yield Step(at, state, judgement, until)

    def _times(self, view: View, after: datetime | None, to: datetime | None) -> Iterable[datetime]:
        found = [taken for name in self._triggers if (taken := view.series.after(name, after))]
        times = [point.at for taken in found for point in taken if to is None or point.at <= to]
        return sorted(set(times)) if len(found) > 1 else times


class Resumed:
    """A judge over the whole history that keeps what it worked out on the way; calling it starts from nothing."""

    def __init__(
        self,
        judge: Callable[[View, Any], tuple[list[Judgement], Any]],
        nothing: Any,
        up_to: Callable[[Any, datetime | None], Any],
    ) -> None:
        self._judge, self._nothing, self._up_to = judge, nothing, up_to

    def __call__(self, view: View) -> list[Judgement]:
        """All judgements of the patient in collection order."""
        return self._judge(view, self._nothing)[0]

    def again(self, view: View, kept: Any, since: datetime | None) -> tuple[list[Judgement], Any]:
        """The judgements, and what to keep; `kept` as it came out last, of which only what `since` leaves is used."""
        return self._judge(view, self._nothing if kept is None else self._up_to(kept, since))
