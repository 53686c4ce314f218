"""The quick way: ask a rule again only about samples that a change can reach, and keep the alerts before them.

Equal to `evaluate` for the same view (property-tested). A rule that is no `Walk` is asked about everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from alerts.alert import AlertState, Undetermined
from alerts.episodes import Episode, fold
from alerts.evaluate import DEFAULT_CLEARING, alert_of, open_question, told_apart
from alerts.preliminary import only_critical
from alerts.rule import Rule, View
from alerts.stepping import AHEAD, Step, Walk


class Memo(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule said of a patient last, with the way there. Good only for the same context and rule pack."""

    steps: tuple[Step, ...] = ()
    alerts: tuple[AlertState, ...] = ()
    episodes: tuple[Episode, ...] = ()
    undetermined: tuple[Undetermined, ...] = ()


def ask_again(view: View, rule: Rule, memo: Memo | None, since: datetime | None) -> Memo:
    """The rule's alerts and open questions now; `since` is `Series.reach` of what was added, None asks afresh.

    Whatever the rule raises goes through to the caller.
    """
    known = memo if memo is not None and since is not None else Memo()
    steps = rule.judge.walk(view, known.steps, since) if isinstance(rule.judge, Walk) else ()
    judgements = [s.judgement for s in steps if s.judgement is not None] if steps else rule.judge(view)
    settled = [only_critical(view, judgement) for judgement in judgements]
    clearing = view.pack.clearing.get(rule.name, DEFAULT_CLEARING)
    episodes = tuple(told_apart(fold(settled, clearing)))
    return Memo(
        steps=steps,
        episodes=episodes,
        alerts=_alerts(view, rule, episodes, known, since),
        undetermined=tuple(open_question(rule, settled)),
    )


def _alerts(
    view: View, rule: Rule, episodes: Sequence[Episode], known: Memo, since: datetime | None
) -> tuple[AlertState, ...]:
    """Alerts in order of opening; one whose episode ended out of reach of the change is kept as it was."""
    kept = {episode.anchor: (episode, alert) for episode, alert in zip(known.episodes, known.alerts, strict=True)}
    found = []
    for episode in episodes:
        before = kept.get(episode.anchor)
        reachable = since is None or episode.last.at >= since - AHEAD
        same = before is not None and not reachable and before[0] == episode
        found.append(before[1] if before is not None and same else alert_of(view, rule, episode))
    return tuple(found)
