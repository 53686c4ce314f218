"""HB_ACUTE: haemoglobin fallen by 30 g/L or more from the highest of the previous 72 h [E] (blood counts 1): CRITICAL.

The text asks to check the specimen first.
"""

from __future__ import annotations

from alerts.haemoglobin import peak, peaks
from alerts.haemoglobin_fall import Fall, judged
from alerts.rule import Rule
from alerts.severity import Severity

_FALL = Fall(
    rule="HB_ACUTE",
    limit="hb_acute.fall",
    severity=Severity.CRITICAL,
    earlier=peaks,
    before=peak,
    none_known="no_haemoglobin_in_the_previous_72_hours",
)

RULE = Rule(name="HB_ACUTE", family="anaemia", inputs=frozenset({"hb"}), judge=judged(_FALL), delivery="now")
