"""Laboratory organ findings that, near a progression, make a possible clinical relapse (relapse 9).

`CA_HALO` (CA_HIGH at HIGH or above), `REN_HALO`, `REN_RISE`, `HB_HALO`, `HB_DROP`, `HV_HIGH`: the same judgements as
those rules' own alerts. Attribution to the disease is for the clinician.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.logic import TRUE, Interval
from alerts.myeloma.ladder import Finding
from alerts.preliminary import only_critical
from alerts.rule import Judgement, Rule, View
from alerts.rules import ca_high, hb_drop, hb_halo, hv, ren_halo, ren_rise
from alerts.severity import Severity
from alerts.stepping import Step, Walk, settled, up_to

SIBLINGS: tuple[Rule, ...] = (
    ca_high.RULE, ren_halo.RULE, ren_rise.RULE, hb_halo.RULE, hb_drop.RULE, hv.RULE,
)  # fmt: skip


Known = dict[str, tuple[Step, ...]]
"""The steps of each sibling so far; only those that meet its condition keep their judgement."""


def onward(view: View, known: Known, since: datetime | None) -> tuple[Known, datetime | None]:
    """The siblings' steps now, and from where on they may differ from `known`: None when from the start."""
    now = {rule.name: _onward(view, rule, known.get(rule.name, ()), since) for rule in SIBLINGS}
    anew = [
        steps[settled(steps, since)].at
        for steps in (*known.values(), *now.values())
        if settled(steps, since) < len(steps)
    ]
    return now, min(anew, default=since) if known else None


def _onward(view: View, rule: Rule, known: tuple[Step, ...], since: datetime | None) -> tuple[Step, ...]:
    if not isinstance(rule.judge, Walk):
        raise TypeError(f"{rule.name} cannot be followed: it is judged over the whole history, not by steps")
    same = known[: settled(known, since)]
    return (*same, *(_lean(step) for step in rule.judge.onward(view, same[-1] if same else None)))


def _lean(step: Step) -> Step:
    met = step.judgement is not None and step.judgement.truth is TRUE
    return step if met else msgspec.structs.replace(step, judgement=None)


def findings(view: View, known: Known, since: datetime | None) -> list[Finding]:
    """Every finding from `since` on that rests on final values, in collection order."""
    found = [
        _finding(view, name, step.judgement)
        for steps in known.values()
        for step in steps[up_to(steps, since) :]
        if step.judgement is not None and (name := _name(only_critical(view, step.judgement)))
    ]
    return sorted(found, key=lambda finding: (finding.at, finding.name))


def _finding(view: View, name: str, judgement: Judgement) -> Finding:
    texts = _texts(view, name, judgement)
    return Finding(name=name, at=judgement.at, slot=judgement.slot, node=judgement.node, texts=texts)


_TEXTS = {"HB_DROP": ("R:3", "R:5"), "REN_RISE": ("R:3", "R:5"), "HB_HALO": ("R:3",), "HV_HIGH": ("R:5",)}
_CALCIUM = (("R:3", "relapse.treat_calcium"), ("R:5", "relapse.clinical_calcium"))


def _texts(view: View, name: str, judgement: Judgement) -> tuple[str, ...]:
    """The texts of clinical relapse that the finding matches; of calcium by its number, which must not be ionised."""
    if name != "CA_HALO":
        return _TEXTS.get(name, ())
    if judgement.value is None or judgement.facts.get("basis") == "IONISED":
        return ()
    number = Interval.exactly(judgement.value)
    limits = ((text, view.pack.limit(key)) for text, key in _CALCIUM)
    return tuple(text for text, limit in limits if number.test(limit.operator, limit.value) is TRUE)


def _name(judgement: Judgement) -> str:
    """Which finding a judgement is; empty when it is none."""
    if judgement.truth is not TRUE or judgement.severity is None or "preliminary" in judgement.flags:
        return ""
    if judgement.level == "CA_HIGH":
        return "CA_HALO" if judgement.severity.rank >= Severity.HIGH.rank else ""
    if judgement.level in ("HV_HIGH", "HV_CRITICAL"):
        return "HV_HIGH"
    return "" if judgement.level == "HV_CHECK" else judgement.level
