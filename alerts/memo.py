"""The quick way: ask a rule again only about samples that a change can reach, and keep the alerts before them.

Equal to `evaluate` for the same view (property-tested). A rule that is no `Walk` is asked about everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from alerts.alert import AlertState, Undetermined
from alerts.episodes import Episode, Fold, fold
from alerts.evaluate import DEFAULT_CLEARING, alert_of, open_question, told_apart
from alerts.preliminary import only_critical
from alerts.rule import Judgement, Rule, View
from alerts.stepping import Resumed, Step, Walk, settled
from alerts.thresholds import Clearing


class Memo(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule said of a patient last, with the way there. Good only for the same context and rule pack."""

    steps: tuple[Step, ...] = ()
    """Their judgements as they may stand (`only_critical`)."""
    alerts: tuple[AlertState, ...] = ()
    episodes: tuple[Episode, ...] = ()
    undetermined: tuple[Undetermined, ...] = ()
    folded: Fold = Fold()
    """The first `folds` steps folded: those that no sample after the newest can reach."""
    folds: int = 0
    kept: Any = None
    """Of a `Resumed` rule."""


def ask_again(view: View, rule: Rule, memo: Memo | None, since: datetime | None) -> Memo:
    """The rule's alerts and open questions now; `since` is `Series.reach` of what was added, None asks afresh.

    Whatever the rule raises goes through to the caller.
    """
    if isinstance(rule.judge, Walk):
        return _walked(view, rule, rule.judge, memo or Memo(), since)
    kept = memo.kept if memo else None
    said, kept = rule.judge.again(view, kept, since) if isinstance(rule.judge, Resumed) else (rule.judge(view), None)
    judgements = [only_critical(view, judgement) for judgement in said]
    episodes = tuple(told_apart(fold(judgements, _clearing(view, rule))))
    return Memo(
        episodes=episodes,
        alerts=tuple(_alerts(view, rule, episodes, memo or Memo(), since)),
        undetermined=tuple(open_question(rule, judgements[-1:])),
        kept=kept,
    )


def _walked(view: View, rule: Rule, walk: Walk, known: Memo, since: datetime | None) -> Memo:
    kept = settled(known.steps, since)
    last = known.steps[kept - 1] if kept else None
    steps = (*known.steps[:kept], *(_as_it_may_stand(view, step) for step in walk.onward(view, last)))
    before, start = (known.folded, known.folds) if known.folds <= kept else (Fold(), 0)
    folds = settled(steps, steps[-1].at) if steps else 0
    folded = before.take(_judgements(steps[start:folds]), _clearing(view, rule))
    whole = folded.take(_judgements(steps[folds:]), _clearing(view, rule))
    done = len(before.closed)
    episodes = (*known.episodes[:done], *told_apart(whole.episodes[done:], known.episodes[:done]))
    newest = next(_judgements(reversed(steps)), None)
    return Memo(
        steps=steps,
        episodes=episodes,
        alerts=(*known.alerts[:done], *_alerts(view, rule, episodes[done:], known, since)),
        undetermined=tuple(open_question(rule, [newest] if newest else [])),
        folded=folded,
        folds=folds,
    )


def _as_it_may_stand(view: View, step: Step) -> Step:
    judgement = step.judgement and only_critical(view, step.judgement)
    return step if judgement is step.judgement else msgspec.structs.replace(step, judgement=judgement)


def _judgements(steps: Iterable[Step]) -> Iterator[Judgement]:
    return (step.judgement for step in steps if step.judgement is not None)


def _clearing(view: View, rule: Rule) -> Clearing:
    return view.pack.clearing.get(rule.name, DEFAULT_CLEARING)


def _alerts(
    view: View, rule: Rule, episodes: Iterable[Episode], known: Memo, since: datetime | None
) -> Iterator[AlertState]:
    """Alerts in order of opening; one whose episode is the same, before the change, is kept as it was.

    The texts read the sample that is shown and those before it, never one after it.
    """
    kept = {episode.anchor: (episode, alert) for episode, alert in zip(known.episodes, known.alerts, strict=True)}
    for episode in episodes:
        before = kept.get(episode.anchor)
        reachable = since is None or episode.last.at >= since
        same = before is not None and not reachable and before[0] == episode
        yield before[1] if before is not None and same else alert_of(view, rule, episode)
