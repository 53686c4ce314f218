"""Whether another rule's episode is open at a moment, for rules whose text or end depends on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from alerts.episodes import Episode, Fold
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth
from alerts.preliminary import only_critical
from alerts.rule import Rule, View
from alerts.stepping import Step, Walk


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Another rule followed up to a moment, by the same steps, fold and clearing row as its own alerts."""

    rule: Rule
    last: Step | None = None
    folded: Fold = Fold()
    said: Truth | None = None
    """How its newest sample came out; None while it has judged none."""

    @property
    def open(self) -> bool:
        """TRUE from the opening sample on, up to but not including the sample that cleared."""
        return self.folded.current is not None

    def to(self, view: View, at: datetime) -> Watch:
        """Up to and with `at`, which lies not before the moment it stands at."""
        if not isinstance(self.rule.judge, Walk):
            raise TypeError(f"{self.rule.name} cannot be watched: it is judged over the whole history, not by steps")
        last, folded, said = self.last, self.folded, self.said
        for step in self.rule.judge.onward(view, last, at):
            judged = [] if step.judgement is None else [only_critical(view, step.judgement)]
            last, folded = step, folded.take(judged, view.pack.clearing[self.rule.name])
            said = judged[-1].truth if judged else said
        return msgspec.structs.replace(self, last=last, folded=_lean(folded), said=said)


def watches(rules: Iterable[Rule]) -> tuple[Watch, ...]:
    """One a rule, at the start of the history."""
    return tuple(Watch(rule=rule) for rule in rules)


def any_open(followed: Iterable[Watch]) -> bool:
    """Whether one of the rules has an open episode where the watches stand."""
    return any(watch.open for watch in followed)


def over(followed: Iterable[Watch]) -> Truth:
    """Whether none of them is open where the watches stand; INDETERMINATE while the newest sample of one is so."""
    stand = tuple(followed)
    if any_open(stand):
        return FALSE
    return INDETERMINATE if any(watch.said is INDETERMINATE for watch in stand) else TRUE


def _lean(folded: Fold) -> Fold:
    """Without what only an alert needs: the watch is kept at every step."""
    current: Episode | None = folded.current
    short = msgspec.structs.replace(current, slots=(), grades=current.grades[-1:]) if current else None
    return msgspec.structs.replace(folded, closed=(), current=short)
