"""The quick way: ask a rule again only about samples that a change can reach, and keep the alerts before them.

Equal to `evaluate` for the same view (property-tested). A rule that is no `Walk` is asked about everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from alerts.alert import AlertState, Undetermined
from alerts.episodes import Episode, Fold, fold
from alerts.evaluate import DEFAULT_CLEARING, alert_of, open_question, told_apart
from alerts.logic import FALSE, TRUE
from alerts.preliminary import only_critical
from alerts.rule import Judgement, Rule, View
from alerts.stepping import Resumed, Step, Trail, Walk, settled, settled_soon
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
    """Of a `Resumed` rule; of a `Walk` the values of its `late` analytes."""


def ask_again(view: View, rule: Rule, memo: Memo | None, since: datetime | None) -> Memo:
    """The rule's alerts and open questions now; `since` is `Series.reach` of what was added, None asks afresh.

    Whatever the rule raises goes through to the caller.
    """
    known = memo or Memo()
    if isinstance(rule.judge, Walk):
        late = rule.judge.late(view)
        kept = (settled_soon if late and _are(known.kept, late) else settled)(known.steps, since)
        fresh = rule.judge.onward(view, known.steps[kept - 1] if kept else None)
        found = _folded(view, rule, known, since, (kept, fresh))
        return msgspec.structs.replace(found, kept=late) if late else found
    if isinstance(rule.judge, Resumed):
        before = Trail() if since is None else Trail(steps=known.steps, kept=known.kept)
        trail = rule.judge.onward(view, before, since)
        found = _folded(view, rule, known, since, (trail.same, trail.steps[trail.same :]), trail.steps)
        return msgspec.structs.replace(found, kept=trail.kept)
    return _afresh(view, rule, rule.judge(view), known, since)


def _are(known: Any, late: tuple[Sequence[Any], ...]) -> bool:
    """Whether these are the very values of before: a series keeps what a merge did not touch."""
    return bool(known) and all(one is other for one, other in zip(known, late, strict=True))


def _afresh(view: View, rule: Rule, said: Iterable[Judgement], known: Memo, since: datetime | None) -> Memo:
    judgements = [only_critical(view, judgement) for judgement in said]
    episodes = tuple(told_apart(fold(judgements, _clearing(view, rule))))
    return Memo(
        episodes=episodes,
        alerts=tuple(_alerts(view, rule, episodes, known, since)),
        undetermined=open_question(rule, judgements[-1] if judgements else None),
    )


def _folded(
    view: View,
    rule: Rule,
    known: Memo,
    since: datetime | None,
    found: tuple[int, Sequence[Step]],
    together: tuple[Step, ...] | None = None,
) -> Memo:
    """From the steps that are as they were, and those that follow; `together` is both, where the caller has it."""
    kept, fresh = found
    if view.series.preliminary_analytes:
        fresh, together = [_as_it_may_stand(view, step) for step in fresh], None
    if kept and not fresh and kept == len(known.steps):
        return known
    steps = known.steps[:kept] + tuple(fresh) if together is None else together
    if not known.episodes and fresh and not any(map(_met, fresh)):  # nothing to fold: no step ever met anything
        return Memo(steps=steps, folds=kept, undetermined=() if _says_no(steps[-1]) else _open(rule, steps))
    before, start = (known.folded, known.folds) if known.folds <= kept else (Fold(), 0)
    folds = max(start, settled(steps, steps[-1].at)) if steps else 0
    clearing = _clearing(view, rule)
    folded = _fold(before, steps[start:folds], clearing)
    whole = _fold(folded, steps[folds:], clearing)
    episodes, alerts = _told(view, rule, whole, known, len(before.closed), since)
    return Memo(
        steps=steps,
        episodes=episodes,
        alerts=alerts,
        undetermined=_open(rule, steps),
        folded=folded,
        folds=folds,
    )


def _met(step: Step) -> bool:
    return step.judgement is not None and step.judgement.truth is TRUE


def _says_no(step: Step) -> bool:
    return step.judgement is not None and step.judgement.truth is FALSE


def _fold(folded: Fold, steps: Sequence[Step], clearing: Clearing) -> Fold:
    said = [step.judgement for step in steps if step.judgement is not None]
    return folded.take(said, clearing) if said else folded


def _open(rule: Rule, steps: Sequence[Step]) -> tuple[Undetermined, ...]:
    return open_question(rule, _newest(steps))


def _newest(steps: Sequence[Step]) -> Judgement | None:
    for step in reversed(steps):
        if step.judgement is not None:
            judgement: Judgement = step.judgement
            return judgement
    return None


def _told(
    view: View, rule: Rule, whole: Fold, known: Memo, done: int, since: datetime | None
) -> tuple[tuple[Episode, ...], tuple[AlertState, ...]]:
    """All episodes with their alerts; the first `done` of both are as they were."""
    if whole.current is None and not whole.closed:
        return (), ()
    before = known.episodes[:done]
    later = tuple(told_apart(whole.episodes[done:], before))
    changed = msgspec.structs.replace(known, episodes=known.episodes[done:], alerts=known.alerts[done:])
    return (*before, *later), (*known.alerts[:done], *_alerts(view, rule, later, changed, since))


def _as_it_may_stand(view: View, step: Step) -> Step:
    judgement = step.judgement and only_critical(view, step.judgement)
    return step if judgement is step.judgement else msgspec.structs.replace(step, judgement=judgement)


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
