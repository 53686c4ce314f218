"""REN_DECLINE: eGFR at or below 75 % of its median of the prior 365 days, twice, 14 days apart [E] (kidney 3).

The eGFR is our own; a reported one counts only where there is no creatinine, and is compared with both kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from alerts.calm import above, not_met, number, reaches
from alerts.condition import Node, Quantity, all_of, compare, fact
from alerts.egfr import adults_only, displayed, egfr_at, missing_for_adults, missing_for_egfr, reference_sample
from alerts.intervals import median, ratio
from alerts.logic import FALSE, INDETERMINATE, TRUE, Interval, Truth
from alerts.rule import Judgement, Rule, View
from alerts.samples import hours, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import BESIDE, NOTHING_AHEAD, Walk
from alerts.thresholds import Pack


class _Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One final creatinine with its own eGFR, or a reported eGFR, and the median it is compared with."""

    point: Point
    estimate: Quantity
    usual: Interval | None
    node: Node
    """eGFR <= 75 % of the median, this sample alone."""
    methods: frozenset[str]
    """Where the estimates that are compared come from."""


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the samples so far leave behind."""

    began: datetime | None = None
    """First of a run of samples that meet it."""
    maybe: datetime | None = None
    """First of a run of samples that meet it or may do so."""
    newest: _Estimate | None = None


class _Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The eGFR of a final creatinine, or a reported one; a chain back in time."""

    point: Point
    quantity: Quantity
    before: _Estimate | None
    peak: _Peak | None
    """The highest of this one and the year before it; None where one of them is no number."""


class _Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The highest eGFR of a span, kept so that a sample need not walk through the year before it."""

    at: datetime
    value: Decimal


def _step(view: View, at: datetime, known: _Known) -> tuple[_Known, Judgement | None]:
    """A final eGFR, our own or reported; the first of a run of samples that meet it waits for the second."""
    point = reference_sample(view, at)
    if point is None or point.preliminary:
        return known, None
    estimate = egfr_at(view, point)
    start = at - hours(view.pack, "ren_decline.median_hours")
    peak = _peak(known.newest, start)
    newest = _chained(known.newest, start, peak, point, estimate)
    if _calm(view.pack, point, estimate, peak):
        return _Known(newest=newest), not_met(at, point.result.slot)
    sample = _sample(view, point, estimate, known.newest)
    began = known.began if sample.node.truth is not FALSE else None
    began = (began or at) if sample.node.truth is TRUE else began
    maybe = known.maybe or at if sample.node.truth is not FALSE else None
    twice = _twice(view.pack, began, maybe, at)
    return _Known(began=began, maybe=maybe, newest=newest), _judge(view, sample, twice)


def _peak(newest: _Estimate | None, start: datetime) -> _Peak | None:
    """The highest from `start` on; None where there is none, or one of them is no number."""
    if newest is not None and newest.peak is not None and newest.peak.at >= start:
        return newest.peak  # highest of a longer span, and still within this one
    peak = None
    while newest is not None and newest.point.at >= start:
        value = number(newest.quantity.interval)
        if value is None:
            return None
        peak = peak if peak is not None and peak.value >= value else _Peak(at=newest.point.at, value=value)
        newest = newest.before
    return peak


def _chained(
    before: _Estimate | None, start: datetime, peak: _Peak | None, point: Point, estimate: Quantity
) -> _Estimate:
    """The estimate at the end of the chain; `peak` is that of the year before it."""
    value, alone = number(estimate.interval), before is None or before.point.at < start
    if value is None or (peak is None and not alone):
        peak = None
    elif peak is None or value >= peak.value:
        peak = _Peak(at=point.at, value=value)
    return _Estimate(point=point, quantity=estimate, before=before, peak=peak)


def _calm(pack: Pack, point: Point, estimate: Quantity, peak: _Peak | None) -> bool:
    """A creatinine above both shares of the highest eGFR of the year before, which no median lies above."""
    now = number(estimate.interval) if point.result.analyte == "creat" else None
    if now is None or peak is None or peak.value <= 0:
        return False
    share = now / peak.value
    return above(pack, share, "ren_decline.share") and reaches(pack, share, "ren_decline.clear_share")


def declined(pack: Pack, share: Quantity) -> Node:
    """One sample: `share` is eGFR divided by its median of the prior 365 days."""
    return compare(share, pack.limit("ren_decline.share"))


def confirmed(pack: Pack, began: datetime, at: datetime) -> bool:
    """Whether samples in a row that meet it span 14 days."""
    return at - began >= hours(pack, "ren_decline.apart_hours")


def _twice(pack: Pack, began: datetime | None, maybe: datetime | None, at: datetime) -> Truth:
    """Met 14 days before already; open when a sample of that time may have met it."""
    if began is not None and confirmed(pack, began, at):
        return TRUE
    return INDETERMINATE if maybe is not None and confirmed(pack, maybe, at) else FALSE


def _sample(view: View, point: Point, estimate: Quantity, newest: _Estimate | None) -> _Sample:
    window = _window(newest, point.at - hours(view.pack, "ren_decline.median_hours"))
    known = [q.interval for _, q in window if q.interval is not None]
    usual = median(known) if known else None
    node = _node(view.pack, estimate, usual, [p.result.result_id for p, _ in window])
    methods = frozenset({estimate.method, *(q.method for _, q in window if q.interval is not None)})
    return _Sample(
        point=point, estimate=estimate, usual=usual, node=adults_only(view, point.at, node), methods=methods
    )  # fmt: skip


def _window(newest: _Estimate | None, start: datetime) -> list[tuple[Point, Quantity]]:
    """Estimates from `start` on, in collection order."""
    found = []
    while newest is not None and newest.point.at >= start:
        found.append((newest.point, newest.quantity))
        newest = newest.before
    return found[::-1]


def _node(pack: Pack, estimate: Quantity, usual: Interval | None, earlier: Sequence[str]) -> Node:
    if not earlier:
        return fact("no_egfr_in_the_prior_365_days", FALSE, estimate.results)
    share = ratio(estimate.interval, usual) if estimate.interval and usual else None
    return declined(
        pack,
        Quantity(
            name="egfr_share_of_median", interval=share, results=(*estimate.results, *earlier), method=estimate.method
        ),
    )  # fmt: skip


def _judge(view: View, sample: _Sample, twice: Truth) -> Judgement:
    point = sample.point
    node = all_of(sample.node, fact("met_14_days_before", twice), name="ren_decline")
    met = node.truth is TRUE
    return Judgement(
        at=point.at,
        slot=point.result.slot,
        truth=node.truth,
        node=node,
        level="REN_DECLINE" if met else "",
        severity=Severity.MEDIUM if met else None,
        clears=_clears(view.pack, sample),
        analyte=point.result.analyte,
        value=shown(point),
        unit=point.result.unit,
        flags=_flags(sample) if met else (),
        missing=_missing(view, point) if node.truth is INDETERMINATE else (),
        possible=(Severity.MEDIUM,) if node.truth is INDETERMINATE else (),
        facts=_facts(sample) if met else {},
    )


def _flags(sample: _Sample) -> tuple[str, ...]:
    return tuple(sorted({*sample.point.flags, *(["cross_method"] if len(sample.methods) > 1 else [])}))


def _missing(view: View, point: Point) -> tuple[str, ...]:
    """What the equation lacks; a reported eGFR needs none, only an adult."""
    lacking = missing_for_egfr if point.result.analyte == "creat" else missing_for_adults
    return lacking(view, point.at) or ("creat",)


def _clears(pack: Pack, sample: _Sample) -> Truth:
    """Above 80 % of the median of its own prior 365 days."""
    if sample.estimate.interval is None or sample.usual is None:
        return INDETERMINATE
    limit = pack.limit("ren_decline.clear_share")
    return ratio(sample.estimate.interval, sample.usual).test(limit.operator, limit.value)


def _facts(sample: _Sample) -> dict[str, str]:
    numbers = {"egfr": sample.estimate.interval, "median": sample.usual}
    exact: dict[str, Decimal] = {n: i.exact for n, i in numbers.items() if i is not None and i.exact is not None}
    return {"equation": sample.estimate.method} | {name: displayed(value) for name, value in exact.items()}


RULE = Rule(
    name="REN_DECLINE",
    family="renal_failure",
    inputs=frozenset({"creat", "egfr"}),
    judge=Walk(("creat", "egfr"), _step, _Known(), ahead=BESIDE, calm=NOTHING_AHEAD),
    delivery="working_hours",
)
