"""Which immunoglobulin the clone makes: from the context, else from serum immunofixation, else from the FLC ratio."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from alerts.intervals import ratio
from alerts.logic import TRUE
from alerts.rule import View
from alerts.series import Point

Chain = Literal["kappa", "lambda"]
_HEAVY = re.compile(r"ig\s*([gamde])(\d?)", re.IGNORECASE)


def isotype_text(view: View, at: datetime) -> str:
    """The isotype as written, for example `IgG-kappa`; empty when nothing names it at or before `at`."""
    stated = [f"{entry.code} {entry.value}".strip() for entry in view.context.of("isotype")]
    if any(stated):
        return " ".join(stated)
    fixations = [p.result.coded for p in view.series.points("sife") if p.at <= at and not p.preliminary]
    positive = [coded.partition(":")[2] for coded in fixations if coded.casefold().startswith("positive:")]
    return positive[-1] if positive else ""


def heavy_chains(view: View, at: datetime) -> frozenset[str]:
    """`igg`, `iga`, `igm`, `igd`, `ige`, and `igg3` where the subclass is named; empty when unknown."""
    found: set[str] = set()
    for letter, subclass in _HEAVY.findall(isotype_text(view, at)):
        found |= {f"ig{letter.lower()}"} | ({"igg3"} if (letter.lower(), subclass) == ("g", "3") else set())
    return frozenset(found)


def light_chain(view: View, at: datetime) -> Chain | None:
    """The involved chain: by isotype, else by the newest abnormal kappa/lambda ratio up to `at` [R:12]; else None."""
    named = isotype_text(view, at).casefold()
    kappa, lambda_ = "kappa" in named, "lambda" in named
    if kappa != lambda_:
        return "kappa" if kappa else "lambda"
    sides = (_side(view, point) for point in reversed(view.series.points("flck")) if point.at <= at)
    return next((side for side in sides if side), None)


def _side(view: View, kappa: Point) -> Chain | None:
    other = view.series.at("flcl", kappa.at)
    if other is None or kappa.preliminary or other.preliminary:
        return None
    quotient = ratio(kappa.interval, other.interval)
    high, low = view.pack.limit("clone.kappa_ratio"), view.pack.limit("clone.lambda_ratio")
    if quotient.test(high.operator, high.value) is TRUE:
        return "kappa"
    return "lambda" if quotient.test(low.operator, low.value) is TRUE else None
