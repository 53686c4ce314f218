"""Derived values of every creatinine: eGFR by both equations, AKI stage by both algorithms (design 4.4)."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.alert import Derived
from alerts.egfr import EQUATIONS, UNIT, displayed, estimated
from alerts.kidney import Aki, aki_at
from alerts.rule import View


def egfr(view: View) -> Iterable[Derived]:
    """To one decimal, half up; nothing where age or sex is unknown or only a bound of the creatinine is."""
    for point in view.series.points("creat"):
        for equation in EQUATIONS:
            quantity = estimated(view, point, equation)
            exact = quantity.interval.exact if quantity.interval else None
            if exact is not None:
                yield Derived(
                    name="egfr",
                    value=displayed(exact, "0.1"),
                    collected_at=point.at,
                    unit=UNIT,
                    method=quantity.method,
                    flag="unreliable" if aki_at(view, point).stage else "",
                )


def aki(view: View) -> Iterable[Derived]:
    """The stage as a number, or `SUPPRESSED` on dialysis and in minors; the NHS one with its ratio and flag."""
    for point in view.series.points("creat"):
        yield from _both(aki_at(view, point))


def _both(found: Aki) -> Iterable[Derived]:
    suppressed = "SUPPRESSED" if found.suppressed else ""
    yield Derived(
        name="aki",
        value=suppressed or str(found.nhs_stage),
        collected_at=found.at,
        method="nhs",
        ratio="" if found.ratio is None else str(found.ratio),
        flag=found.suppressed or found.flag,
    )
    yield Derived(name="aki", value=suppressed or str(found.kdigo_stage), collected_at=found.at, method="kdigo")
