"""Laboratory organ findings that, near a progression, make a possible clinical relapse (relapse 9).

`CA_HALO` (CA_HIGH at HIGH or above), `REN_HALO`, `REN_RISE`, `HB_HALO`, `HB_DROP`, `HV_HIGH`: the same judgements as
those rules' own alerts. Attribution to the disease is for the clinician.
"""

from __future__ import annotations

from alerts.logic import Truth
from alerts.myeloma.ladder import Finding
from alerts.preliminary import only_critical
from alerts.rule import Judgement, Rule, View
from alerts.rules import ca_high, hb_drop, hb_halo, hv, ren_halo, ren_rise
from alerts.severity import Severity

SIBLINGS: tuple[Rule, ...] = (
    ca_high.RULE, ren_halo.RULE, ren_rise.RULE, hb_halo.RULE, hb_drop.RULE, hv.RULE,
)  # fmt: skip


def findings(view: View) -> list[Finding]:
    """Every finding of the patient that rests on final values, in collection order."""
    found = [
        Finding(name=name, at=judgement.at, slot=judgement.slot, node=judgement.node)
        for rule in SIBLINGS
        for judgement in rule.judge(view)
        if (name := _name(only_critical(view, judgement)))
    ]
    return sorted(found, key=lambda finding: (finding.at, finding.name))


def _name(judgement: Judgement) -> str:
    """Which finding a judgement is; empty when it is none."""
    if judgement.truth is not Truth.TRUE or judgement.severity is None or "preliminary" in judgement.flags:
        return ""
    if judgement.level == "CA_HIGH":
        return "CA_HALO" if judgement.severity.rank >= Severity.HIGH.rank else ""
    if judgement.level in ("HV_HIGH", "HV_CRITICAL"):
        return "HV_HIGH"
    return "" if judgement.level == "HV_CHECK" else judgement.level
