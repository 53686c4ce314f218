"""HB_DROP: haemoglobin fallen by 20 g/L or more from its reference [R:5] (blood counts 1): HIGH.

"Not due to therapy" is for the clinician: transfusion and drugs stand in the text.
"""

from __future__ import annotations

from alerts.haemoglobin import reference, references
from alerts.haemoglobin_fall import Fall, judged
from alerts.rule import Rule
from alerts.severity import Severity

_FALL = Fall(
    rule="HB_DROP",
    limit="hb_drop.fall",
    severity=Severity.HIGH,
    earlier=references,
    before=reference,
    none_known="no_haemoglobin_in_the_prior_90_days",
)

RULE = Rule(name="HB_DROP", family="anaemia", inputs=frozenset({"hb"}), judge=judged(_FALL), delivery="working_hours")
