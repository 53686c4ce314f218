"""SMM_EVOLVING_HB: haemoglobin falls by 5 g/L or more in 365 d in a smouldering patient [R:16] (relapse 8): MEDIUM.

HIGH when the M-protein evolves too. Never ends by itself.
"""

from __future__ import annotations

from alerts.myeloma.evolving import first_met, judged
from alerts.myeloma.smouldering import ever, evolving_hb, samples
from alerts.rule import Judgement, Rule, View
from alerts.rules import smm_evolving_m


def judge(view: View) -> list[Judgement]:
    """One judgement a haemoglobin taken while the patient is smouldering."""
    if not ever(view):
        return []
    other = first_met(view, smm_evolving_m.found(view))
    return judged(view, "SMM_EVOLVING_HB", evolving_hb(view.pack, samples(view, "hb")), other)


RULE = Rule(
    name="SMM_EVOLVING_HB",
    family="relapse",
    inputs=smm_evolving_m.RULE.inputs,
    judge=judge,
    delivery="working_hours",
)
