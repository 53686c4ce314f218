"""SMM_EVOLVING_HB: haemoglobin falls by 5 g/L or more in 365 d in a smouldering patient [R:16] (relapse 8): MEDIUM.

HIGH when the M-protein evolves too. Never ends by itself.
"""

from __future__ import annotations

from datetime import datetime

from alerts.myeloma.evolving import onward
from alerts.myeloma.smouldering import ever
from alerts.rule import Rule, View
from alerts.rules import smm_evolving_m
from alerts.stepping import Resumed, Trail


def _onward(view: View, known: Trail, since: datetime | None) -> Trail:
    """One judgement a haemoglobin taken while the patient is smouldering."""
    if not ever(view):
        return Trail()
    return onward(
        view, known, since, "SMM_EVOLVING_HB", smm_evolving_m.haemoglobin(view), smm_evolving_m.patterns(view)
    )


RULE = Rule(
    name="SMM_EVOLVING_HB",
    family="relapse",
    inputs=smm_evolving_m.RULE.inputs,
    judge=Resumed(_onward),
    delivery="working_hours",
)
