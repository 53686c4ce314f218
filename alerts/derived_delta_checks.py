"""Derived: what the delta checks lead to at every draw where one fails (blood counts 5)."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.alert import Derived
from alerts.delta_checks import ANALYTES, checked
from alerts.rule import View
from alerts.samples import times


def delta_checks(view: View) -> Iterable[Derived]:
    """`ANNOTATE` or `HOLD_NON_CRITICAL`, with the names of the failed checks as its flag."""
    for at in times(view, ANALYTES):
        draw = checked(view, at)
        if draw.action != "NONE":
            failed = " ".join(check.name for check in draw.failed)
            yield Derived(name="delta_checks", value=draw.action, collected_at=at, flag=failed)
