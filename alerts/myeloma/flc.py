"""Serum free light chains: involved chain, ratio, difference (relapse 1, 6, 7; analytes 4).

A change of method starts a new series, because platforms are not interchangeable (analytes 4).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from alerts.clone import Chain, light_chain
from alerts.condition import Node, Quantity, compare
from alerts.intervals import difference, ratio
from alerts.logic import Interval, Truth
from alerts.myeloma.readings import Reading, evaluable, one_a_specimen, post_exchange
from alerts.rule import View
from alerts.series import Point
from alerts.thresholds import Pack


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Kappa and lambda of one draw, mg/L."""

    kappa: Point
    lambda_: Point

    @property
    def results(self) -> tuple[str, ...]:
        """Ids of both."""
        return (self.kappa.result.result_id, self.lambda_.result.result_id)

    @property
    def ratio(self) -> Interval:
        """Kappa over lambda; a censored chain makes it a bound."""
        return ratio(self.kappa.interval, self.lambda_.interval)

    def involved(self, chain: Chain) -> Point:
        """The chain of the clone."""
        return self.kappa if chain == "kappa" else self.lambda_

    def uninvolved(self, chain: Chain) -> Point:
        """The other chain."""
        return self.lambda_ if chain == "kappa" else self.kappa

    def dflc(self, chain: Chain) -> Interval:
        """Involved minus uninvolved; may be negative and is kept so (relapse 4)."""
        return difference(self.involved(chain).interval, self.uninvolved(chain).interval)


def pairs(view: View) -> list[Pair]:
    """Both chains of one draw (same time, else same specimen), one a specimen, in collection order."""
    lambdas = [p for p in view.series.points("flcl") if evaluable(p)]
    by_time = {p.at: p for p in lambdas}
    by_specimen = {p.result.specimen: p for p in lambdas if p.result.specimen}
    found = []
    for kappa in one_a_specimen(p for p in view.series.points("flck") if evaluable(p)):
        partner = by_time.get(kappa.at) or by_specimen.get(kappa.result.specimen)
        if partner is not None:
            found.append(Pair(kappa=kappa, lambda_=partner))
    return found


def unpaired(view: View) -> list[tuple[Point, str]]:
    """Chains whose partner is missing, with the analyte that is missing."""
    known = {r for pair in pairs(view) for r in pair.results}
    return [
        (point, missing)
        for analyte, missing in (("flck", "flcl"), ("flcl", "flck"))
        for point in view.series.points(analyte)
        if evaluable(point) and point.result.result_id not in known and not _twin(view, point, missing)
    ]


def _twin(view: View, point: Point, other: str) -> bool:
    return view.series.at(other, point.at) is not None


def involved_chain(view: View, found: list[Pair]) -> Chain | None:
    """The clone's chain, one for the whole history: as `alerts.clone` names it at the first draw that can tell."""
    if not found:
        return None
    named = light_chain(view, found[0].kappa.at)
    return named or next((side for pair in found if (side := side_of(view.pack, pair.ratio))), None)


def side_of(pack: Pack, quotient: Interval) -> Chain | None:
    """Which chain the ratio is abnormal for; None when normal or not certain."""
    if abnormal(pack, "kappa", quotient).truth is Truth.TRUE:
        return "kappa"
    return "lambda" if abnormal(pack, "lambda", quotient).truth is Truth.TRUE else None


def abnormal(pack: Pack, chain: Chain, quotient: Interval, results: tuple[str, ...] = ()) -> Node:
    """Ratio abnormal on the side of the clone: kappa > 1.65, lambda < 0.26 [R:12]."""
    return compare(Quantity(name="flc_ratio", interval=quotient, unit="{ratio}", results=results),
                   pack.limit(f"clone.{chain}_ratio"))  # fmt: skip


def flc_readings(
    view: View, found: list[Pair], chain: Chain, component: Literal["dflc", "involved_flc"]
) -> list[Reading]:
    """Difference or involved chain as readings, with the ratio beside them."""
    return [
        Reading(
            component=component,
            at=pair.kappa.at,
            interval=pair.dflc(chain) if component == "dflc" else pair.involved(chain).interval,
            point=pair.involved(chain),
            results=pair.results,
            post_exchange=post_exchange(view, pair.kappa.at),
            abnormal=pair.ratio,
        )
        for pair in found
    ]
