"""PLT_LOW: platelets < 50 x 10^9/L MEDIUM, < 25 CRITICAL [E] (blood counts 2). A clumped count is invalid."""

from __future__ import annotations

from alerts.counts import Low, clumped, judged
from alerts.rule import Rule
from alerts.severity import Severity

_LOW = Low(
    rule="PLT_LOW",
    analyte="plt",
    grades={"plt_low.critical": Severity.CRITICAL, "plt_low.medium": Severity.MEDIUM},
    clear="plt_low.clear",
    valid=lambda point: not clumped(point.result.comments),
)

RULE = Rule(name="PLT_LOW", family="cytopenia", inputs=frozenset({"plt"}), judge=judged(_LOW), delivery="working_hours")
