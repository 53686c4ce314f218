"""A rule that walks over the samples in order, and can take up its walk where the data changed.

The plain way is to walk from the start. The quick way keeps every step and walks again only from the first one that
a changed sample can reach; a property test shows that both are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from alerts.rule import Judgement, View

AHEAD = timedelta(hours=72)
"""No rule looks further ahead than a draw beside a draw beside the sample (24 h each), with room to spare."""


class Step(msgspec.Struct, frozen=True):
    """One sample of the walk: what the rule said, and what it carries on to the next."""

    at: datetime
    state: Any
    judgement: Any
    """A `Judgement`, or None where the rule had nothing to say."""


class Walk:
    """A judge that is a fold over collection times; calling it walks from the start."""

    def __init__(
        self,
        triggers: Iterable[str],
        step: Callable[[View, datetime, Any], tuple[Any, Judgement | None]],
        start: Any = None,
    ) -> None:
        self._triggers, self._step, self._start = tuple(triggers), step, start

    def __call__(self, view: View) -> list[Judgement]:
        """All judgements of the patient in collection order."""
        return [step.judgement for step in self.walk(view) if step.judgement is not None]

    def walk(self, view: View, known: tuple[Step, ...] = (), since: datetime | None = None) -> tuple[Step, ...]:
        """Every step; those of `known` that lie more than AHEAD before `since` are taken as they are."""
        steps = [step for step in known if since is not None and step.at < since - AHEAD]
        state, last = (steps[-1].state, steps[-1].at) if steps else (self._start, None)
        for at in self._times(view, last):
            state, judgement = self._step(view, at, state)
            steps.append(Step(at, state, judgement))
        return tuple(steps)

    def _times(self, view: View, after: datetime | None) -> list[datetime]:
        points = (view.series.after(name, after) for name in self._triggers)
        return sorted({point.at for taken in points for point in taken})
