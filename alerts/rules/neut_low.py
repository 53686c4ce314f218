"""NEUT_LOW: neutrophils < 1.0 x 10^9/L MEDIUM, < 0.5 HIGH, "fever not known" [E] (blood counts 2)."""

from __future__ import annotations

from alerts.counts import Low, judged
from alerts.rule import Rule
from alerts.severity import Severity

_LOW = Low(
    rule="NEUT_LOW",
    analyte="neut",
    grades={"neut_low.high": Severity.HIGH, "neut_low.medium": Severity.MEDIUM},
    clear="neut_low.clear",
    note={"fever": "unknown"},
)

RULE = Rule(name="NEUT_LOW", family="cytopenia", inputs=frozenset({"neut"}), judge=judged(_LOW), delivery="now")
