"""Serum free light chains: involved chain, ratio, difference (relapse 1, 6, 7; analytes 4).

Platforms are not interchangeable: each method is a series of its own (analytes 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from alerts.clone import Chain, light_chain
from alerts.condition import Node, Quantity, compare
from alerts.intervals import difference, ratio
from alerts.logic import TRUE, Interval
from alerts.myeloma.readings import Reading, evaluable, one_a_specimen, post_exchange, same_specimen
from alerts.result import Status
from alerts.rule import View
from alerts.series import Point
from alerts.stepping import up_to
from alerts.thresholds import Pack

_PRELIMINARY = frozenset({Status.PRELIMINARY, Status.RESULTS_ENTERED, Status.PARTIAL})


class Pair(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Kappa and lambda of one draw, mg/L."""

    kappa: Point
    lambda_: Point
    beside: tuple[Pair, ...] = ()
    """The same draw by other methods."""

    @property
    def at(self) -> datetime:
        """When it was drawn, by kappa."""
        return self.kappa.at

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


class Draws(msgspec.Struct, frozen=True, kw_only=True):
    """Both chains of one draw (same time, else same specimen), one a specimen, in collection order."""

    pairs: tuple[Pair, ...] = ()
    kappas: tuple[Point, ...] = ()
    lambdas: tuple[Point, ...] = ()
    since: datetime | None = None
    """From which kappa on pairs were put together anew: a lambda taken later may be of an earlier kappa's specimen."""

    def onward(self, view: View, since: datetime | None = None) -> Draws:
        """With what the view has from `since` on."""
        new = {name: [p for p in view.series.since(name, since) if evaluable(p)] for name in ("flck", "flcl")}
        same, old = up_to(self.kappas, since), up_to(self.lambdas, since)
        if not any(new.values()) and same == len(self.kappas) and old == len(self.lambdas):
            return self
        fresh = one_a_specimen(view.pack, new["flck"], self.kappas[:same])
        kappas, lambdas = (*self.kappas[:same], *fresh), (*self.lambdas[:old], *new["flcl"])
        first = _first_of(view.pack, kappas[:same], (*self.lambdas[old:], *new["flcl"]))
        since = since if first == same else kappas[first].at
        return Draws(
            pairs=(*self.pairs[: up_to(self.pairs, since)], *_paired(view, kappas[first:], lambdas)),
            kappas=kappas,
            lambdas=lambdas,
            since=since,
        )


def _first_of(pack: Pack, kappas: Sequence[Point], lambdas: Sequence[Point]) -> int:
    """The first kappa that one of the lambdas may be of; their number when there is none."""
    if not lambdas:
        return len(kappas)
    start = min(p.at for p in lambdas) - timedelta(days=int(pack["relapse.specimen_days"]) + 1)
    likely = range(up_to(kappas, start), len(kappas))
    return next((i for i in likely if any(same_specimen(pack, kappas[i], p) for p in lambdas)), len(kappas))


def _paired(view: View, kappas: Iterable[Point], lambdas: Sequence[Point]) -> Iterator[Pair]:
    for kappa in kappas:
        partner = view.series.at("flcl", kappa.at)
        if partner is None or not evaluable(partner):
            partner = next((p for p in reversed(lambdas) if same_specimen(view.pack, kappa, p)), None)
        if partner is not None:
            yield _by_method(kappa, partner)


def _by_method(kappa: Point, lambda_: Point) -> Pair:
    """Both chains by one method where more than one measured the draw; what has no partner of its own is left out."""
    lambdas = _alternatives(lambda_)
    pairs = [Pair(kappa=one, lambda_=other) for one in _alternatives(kappa) if (other := _of_method(one, lambdas))]
    first, *rest = pairs or [Pair(kappa=kappa, lambda_=lambda_)]
    return msgspec.structs.replace(first, beside=tuple(rest)) if rest else first


def _alternatives(point: Point) -> list[Point]:
    """The first-ranked value, then the others of its time."""
    others = (Point(at=point.at, result=other, flags=point.flags) for other in point.others)
    return [point, *(other for other in others if other.result.status not in _PRELIMINARY and evaluable(other))]


def _of_method(kappa: Point, lambdas: Sequence[Point]) -> Point | None:
    same = (p for p in lambdas if p.result.method.casefold() == kappa.result.method.casefold())
    return next(same, None)


def unpaired(view: View, found: Sequence[Pair], since: datetime | None) -> list[tuple[Point, str]]:
    """Chains taken from `since` on whose partner is missing, with the analyte that is missing."""
    return [
        (point, missing)
        for analyte, missing in (("flck", "flcl"), ("flcl", "flck"))
        for point in view.series.since(analyte, since)
        if evaluable(point) and view.series.at(missing, point.at) is None and not _in_a_pair(point, found)
    ]


def unpaired_since(before: Sequence[Pair], now: Sequence[Pair], since: datetime | None) -> datetime | None:
    """From where on other chains may be unpaired than before, when pairs of a kappa taken from `since` on differ."""
    anew = (pair.lambda_.at for found in (before, now) for pair in found[up_to(found, since) :])
    return since and min(since, *anew, since)


def _in_a_pair(point: Point, found: Iterable[Pair]) -> bool:
    return any(point.result.result_id in pair.results for pair in found)


class Involved(msgspec.Struct, frozen=True, kw_only=True):
    """The clone's chain, one for the whole history: as `alerts.clone` names it at the first draw that can tell."""

    chain: Chain | None = None
    at: datetime | None = None
    """When that draw was."""

    def onward(self, view: View, found: Sequence[Pair], since: datetime | None = None) -> Involved:
        """Where the draws before `since` are those it was named by."""
        if self.at is not None and since is not None and self.at < since:
            return self
        if found and (since is None or found[0].kappa.at >= since):
            named = light_chain(view, found[0].kappa.at)
            if named:
                return Involved(chain=named, at=found[0].kappa.at)
        later = found[0 if self.at else up_to(found, since) :]
        sides = ((side_of(view.pack, pair.ratio), pair.kappa.at) for pair in later)
        return next((Involved(chain=side, at=at) for side, at in sides if side), Involved())


def side_of(pack: Pack, quotient: Interval) -> Chain | None:
    """Which chain the ratio is abnormal for; None when normal or not certain."""
    if abnormal(pack, "kappa", quotient).truth is TRUE:
        return "kappa"
    return "lambda" if abnormal(pack, "lambda", quotient).truth is TRUE else None


def abnormal(pack: Pack, chain: Chain, quotient: Interval, results: tuple[str, ...] = ()) -> Node:
    """Ratio abnormal on the side of the clone: kappa > 1.65, lambda < 0.26 [R:12]."""
    return compare(Quantity(name="flc_ratio", interval=quotient, unit="{ratio}", results=results),
                   pack.limit(f"clone.{chain}_ratio"))  # fmt: skip


def flc_reading(view: View, pair: Pair, chain: Chain, component: Literal["dflc", "involved_flc"]) -> Reading:
    """Difference or involved chain as a reading, with the ratio beside it."""
    return Reading(
        component=component,
        at=pair.kappa.at,
        interval=pair.dflc(chain) if component == "dflc" else pair.involved(chain).interval,
        point=pair.involved(chain),
        results=pair.results,
        post_exchange=post_exchange(view, pair.kappa.at),
        abnormal=pair.ratio,
        beside=tuple(flc_reading(view, other, chain, component) for other in pair.beside),
    )
