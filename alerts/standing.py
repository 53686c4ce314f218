"""Whether another rule's episode is open at a moment, for rules whose text or end depends on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.episodes import Episode, fold
from alerts.preliminary import only_critical
from alerts.rule import Rule, View


def episodes(view: View, rules: Iterable[Rule]) -> list[Episode]:
    """All episodes of the rules, by the same fold and the same clearing rows as the alerts themselves."""
    found: list[Episode] = []
    for rule in rules:
        judgements = (only_critical(view, judgement) for judgement in rule.judge(view))
        found += fold(judgements, view.pack.clearing[rule.name])
    return found


def any_open(candidates: Iterable[Episode], at: datetime) -> bool:
    """TRUE from the opening sample on, up to but not including the sample that cleared."""
    return any(e.opened_at <= at and (e.cleared_at is None or at < e.cleared_at) for e in candidates)
