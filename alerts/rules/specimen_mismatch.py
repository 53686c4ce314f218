"""SPECIMEN_MISMATCH: two or more delta checks fail in one draw, possibly another person's blood (blood counts 5).

As severe as the highest alert below CRITICAL that this draw decides: their notifications are held for a limited time
and it lists them. CRITICAL alerts are never held, they only say so. With nothing to hold it is MEDIUM: a repeat is
needed and the other tube is someone else's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import combinations

import msgspec

from alerts.condition import Node, all_of, any_of
from alerts.delta_checks import ANALYTES, CHECKS, MISMATCH, Check, Draw, checked
from alerts.logic import FALSE, INDETERMINATE, TRUE, Truth
from alerts.preliminary import only_critical
from alerts.rule import Judgement, Rule, View
from alerts.rules import (
    bio,
    ca_high,
    ca_low,
    cr_lost,
    hb_drop,
    hb_halo,
    hb_imwg,
    hv,
    k_high,
    k_low,
    k_repeat,
    lc_escape,
    myeloma_defining_event,
    neut_low,
    plt_low,
    ren_aki,
    ren_decline,
    ren_halo,
    ren_rise,
    smm_evolving_hb,
    smm_evolving_m,
)
from alerts.series import Point
from alerts.severity import Severity, worst
from alerts.stepping import NOTHING_AHEAD, Resumed, Step, Walk, resumed, trail_of, up_to

HELD = (
    bio.RULE, cr_lost.RULE, lc_escape.RULE, smm_evolving_m.RULE, smm_evolving_hb.RULE, myeloma_defining_event.RULE,
    ca_high.RULE, ca_low.RULE, ren_aki.RULE, ren_halo.RULE, ren_rise.RULE, ren_decline.RULE, hb_halo.RULE,
    hb_imwg.RULE, hb_drop.RULE, hv.RULE, k_high.RULE, k_low.RULE, k_repeat.RULE, neut_low.RULE, plt_low.RULE,
)  # fmt: skip
"""Every rule that can say less than CRITICAL of a sample."""
_CALM = any_of(name="specimen_mismatch")
_LEVELS = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after a draw."""

    asked: frozenset[str] = frozenset()
    """The analytes of the last suspected draw, of which a repeat brings at least one."""
    draw: Draw | None = None
    """This draw, where any of its checks is failed or may be."""


def known_draws(steps: Sequence[Step], since: datetime | None) -> Callable[[datetime], Draw | None]:
    """The draws before `since` as an earlier evaluation left them in the rule's steps (for `DRAWS`)."""
    same = up_to(steps, since)

    def known(at: datetime) -> Draw | None:
        index = up_to(steps, at)
        if index >= same or steps[index].at != at:
            return None
        return steps[index].state.draw or Draw(at=at)

    return known


def _step(view: View, at: datetime, known: _Known) -> tuple[_Known, Judgement | None]:
    measured = [p for p in (view.series.at(name, at) for name in ANALYTES) if p is not None and not p.preliminary]
    if not measured:
        return _Known(asked=known.asked), None
    draw = checked(view, at)
    if draw.truth is TRUE:
        return _Known(asked=frozenset(CHECKS[one.name] for one in draw.failed), draw=draw), _mismatch(view, draw)
    repeats = any(point.result.analyte in known.asked for point in measured)
    known = _Known(asked=known.asked, draw=draw if draw.checks else None)
    return known, _calm(draw, measured[0], TRUE if repeats else INDETERMINATE)


def _calm(draw: Draw, sample: Point, repeats: Truth) -> Judgement:
    """Nothing is suspected, or it cannot be told."""
    if draw.truth is FALSE:
        return Judgement(at=draw.at, slot=sample.result.slot, truth=FALSE, node=_CALM, clears=repeats)
    return Judgement(
        at=draw.at,
        slot=sample.result.slot,
        truth=INDETERMINATE,
        node=_two_of(draw.checks),
        missing=tuple(CHECKS[c.name] for c in draw.checks if c.node.truth is INDETERMINATE),
        possible=_LEVELS,
    )


def _mismatch(view: View, draw: Draw) -> Judgement:
    held = held_back(view, draw.at)
    return Judgement(
        at=draw.at,
        slot=draw.failed[0].now.result.slot,
        truth=TRUE,
        node=_two_of(draw.failed),
        level="SPECIMEN_MISMATCH",
        severity=worst([j.severity for _, j in held if j.severity is not None]) if held else Severity.MEDIUM,
        clears=FALSE,
        facts={"failed": ",".join(check.name for check in draw.failed), **_listed(held)},
    )


def _listed(held: list[tuple[str, Judgement]]) -> dict[str, str]:
    """The rules and, for the headline, what they are about; nothing when nothing is held."""
    if not held:
        return {}
    analytes = dict.fromkeys(judgement.analyte for _, judgement in held)
    return {"held": ",".join(rule for rule, _ in held), "held_analytes": ",".join(analytes)}


def _two_of(checks: tuple[Check, ...]) -> Node:
    """TRUE when two are: as a tree, any pair of them."""
    pairs = [all_of(*(check.node for check in pair)) for pair in combinations(checks, MISMATCH)]
    return msgspec.structs.replace(pairs[0], name=_CALM.name) if len(pairs) == 1 else any_of(*pairs, name=_CALM.name)


def held_back(view: View, at: datetime) -> list[tuple[str, Judgement]]:
    """Rules that this draw decides below CRITICAL, as its own time sees it; INFO is never sent, so never held."""
    then = msgspec.structs.replace(view, series=view.series.until(at), memo={})
    judged = ((rule.name, judgement) for rule in HELD for judgement in _at(view, then, rule, at))
    return [(name, judgement) for name, judgement in judged if judgement.severity in _LEVELS]


def _at(view: View, then: View, rule: Rule, at: datetime) -> list[Judgement]:
    """What the rule says of the samples taken at `at`, which is the last time there is in `then`.

    Taken up from the rule's trail over everything: what that says of earlier samples and no later one can reach, it
    said then too.
    """
    if not any(then.series.at(name, at) for name in rule.inputs):
        return []
    if not isinstance(rule.judge, Walk | Resumed):
        raise TypeError(f"{rule.name} cannot be held back: it is judged over the whole history, not by steps")
    steps = resumed(rule.judge, then, trail_of(view, rule), view.series.parts_at(at)).steps
    said = [step.judgement for step in steps[up_to(steps, at) :] if step.judgement is not None]
    return [only_critical(then, judgement) for judgement in said if judgement.at == at]


RULE = Rule(
    name="SPECIMEN_MISMATCH",
    family="specimen_mismatch",
    inputs=frozenset({*ANALYTES, "hi"}).union(*(rule.inputs for rule in HELD)),
    judge=Walk(ANALYTES, _step, _Known(), ahead=NOTHING_AHEAD),
    delivery="now",
)
