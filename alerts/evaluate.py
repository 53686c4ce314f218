"""`evaluate`: series, context, pack and as_of in; alerts, derived values and what stayed open out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from alerts.alert import AlertState, Derived, Evaluation, Undetermined
from alerts.completing import complete
from alerts.condition import used_results
from alerts.derived import derive
from alerts.episodes import Episode, fold
from alerts.logic import INDETERMINATE
from alerts.preliminary import only_critical
from alerts.rule import Judgement, Rule, View
from alerts.rules import RULES
from alerts.severity import Severity
from alerts.thresholds import Clearing
from alerts.wording import summaries
from schemas.identity import alert_id, stable_id

DEFAULT_CLEARING = Clearing(samples=2, span_hours=12, source="[E] alert behaviour 2.2, any other")


def evaluate(view: View, rules: Sequence[Rule] = RULES, *, derived: bool = True) -> Evaluation:
    """Judge every rule at every sample and fold the judgements into alerts; `derived` False leaves those values out.

    A rule that raises does not stop the others; it is reported in `failed`, for the caller to page operations.
    """
    alerts: list[AlertState] = []
    undetermined: list[Undetermined] = []
    failed: dict[str, str] = {}
    for rule in in_turn(rules):
        try:
            seen = msgspec.structs.replace(view, alerts=tuple(alerts)) if rule.timed else view
            judgements = [only_critical(seen, j) for j in rule.judge(seen)]
        except Exception as error:  # noqa: BLE001 - design 6: a rule that raises must not stop the others; reported below
            failed[rule.name] = f"{type(error).__name__}: {error}"
            continue
        episodes = fold(judgements, view.pack.clearing.get(rule.name, DEFAULT_CLEARING))
        alerts += [alert_of(view, rule, episode) for episode in told_apart(episodes)]
        undetermined += open_question(rule, judgements[-1] if judgements else None)
    return Evaluation(
        alerts=tuple(sorted(alerts, key=lambda a: (a.rule, a.opened_at, a.alert_id))),
        derived=_derived(view, failed) if derived else (),
        undetermined=tuple(undetermined),
        failed=failed,
    )


def in_turn(rules: Iterable[Rule]) -> list[Rule]:
    """As they stand, those that read what the others say last."""
    return sorted(rules, key=lambda rule: rule.timed)


def _derived(view: View, failed: dict[str, str]) -> tuple[Derived, ...]:
    try:
        return tuple(derive(view))
    except Exception as error:  # noqa: BLE001 - as for a rule
        failed["derived"] = f"{type(error).__name__}: {error}"
        return ()


def open_question(rule: Rule, newest: Judgement | None) -> tuple[Undetermined, ...]:
    """The rule, when the newest sample leaves it INDETERMINATE."""
    if newest is None or newest.truth is not INDETERMINATE:
        return ()
    return (Undetermined(rule=rule.name, collected_at=newest.at, missing=newest.missing, possible=newest.possible),)


def told_apart(episodes: Iterable[Episode], earlier: Iterable[Episode] = ()) -> Iterable[Episode]:
    """A slot used for two collections (`slot_conflict`) may open two episodes; the later one's anchor says when."""
    seen = {episode.anchor for episode in earlier}
    for episode in episodes:
        if episode.anchor not in seen:
            seen.add(episode.anchor)
            yield episode
        else:
            when = f"{episode.opened_at:%Y-%m-%dT%H:%M:%SZ}"
            yield msgspec.structs.replace(episode, anchor=stable_id(episode.anchor, when))


def alert_of(view: View, rule: Rule, episode: Episode) -> AlertState:
    """The episode as an alert, with its texts."""
    episode = msgspec.structs.replace(episode, last=complete(view, episode.last))
    last, grade = episode.last, episode.grade
    return AlertState(
        alert_id=alert_id(rule.name, view.patient, episode.anchor),
        patient=view.patient,
        family=rule.family,
        rule=rule.name,
        level=grade.level,
        severity=grade.severity,
        condition="cleared" if episode.cleared_at else "active",
        flags=last.flags,
        opened_at=episode.opened_at,
        regraded_at=grade.at,
        cleared_at=episode.cleared_at,
        clear_cause=episode.clear_cause,
        anchor=episode.anchor,
        slots=episode.slots,
        results=used_results(last.node),
        analyte=last.analyte,
        value=last.value,
        unit=last.unit,
        sampled_at=last.sampled_at or last.at,
        delivery=_delivery(rule, grade.severity, last),
        summary=summaries(rule.name, episode),
        reasons=last.node,
        facts=last.facts,
        rule_pack=view.pack.version,
    )


def _delivery(rule: Rule, severity: Severity, last: Judgement) -> Literal["now", "working_hours"]:
    """CRITICAL at once whatever the rule, HIGH as the rule says, anything below in the morning (behaviour 4)."""
    if severity is Severity.CRITICAL:
        return "now"
    if severity is Severity.HIGH and rule.at_once is not None and rule.at_once(last):
        return "now"
    return rule.delivery if severity is Severity.HIGH else "working_hours"
