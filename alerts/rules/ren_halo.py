"""REN_HALO: eGFR below 40 or creatinine above 173 umol/L [S] (kidney 3): HIGH when new in 90 days, else LOW.

The eGFR is our own, by the equation the rule pack names; a reported one counts only where there is no creatinine.
Tag `imwg177`: creatinine above 177 [R:17].
"""

from __future__ import annotations

from datetime import datetime

from alerts.calm import misses, not_met
from alerts.chronic import beside
from alerts.condition import Node, Quantity, any_of, compare
from alerts.egfr import adults_only, displayed, egfr_at, missing_for_egfr, reference_sample
from alerts.kidney import aki_at
from alerts.kidney_notes import note_flags, notes
from alerts.logic import INDETERMINATE, TRUE, Interval, Truth, all_true
from alerts.rule import Judgement, Rule, View
from alerts.samples import hours, shown
from alerts.series import Point
from alerts.severity import Severity
from alerts.stepping import BESIDE, NOTHING_AHEAD, Walk
from alerts.thresholds import Pack


def _step(view: View, at: datetime, met: datetime | None) -> tuple[datetime | None, Judgement | None]:
    """A creatinine, or a reported eGFR that no creatinine goes with; carried on: the last final one that met it."""
    sample = reference_sample(view, at)
    if sample is None:
        return met, None
    known = met is not None and at - met <= hours(view.pack, "ren_halo.prior_hours")
    judgement = _beside_baseline(view, sample, _judge(view, sample, known=known))
    return (at if judgement.truth is TRUE and not sample.preliminary else met), judgement


def _judge(view: View, sample: Point, *, known: bool) -> Judgement:
    estimate, creatinine = egfr_at(view, sample), _creatinine(sample)
    clear = clears(view.pack, estimate.interval, creatinine.interval if creatinine else None)
    if clear is TRUE and within_limits(view.pack, estimate.interval, sample.interval):
        return not_met(sample.at, sample.result.slot)
    node = adults_only(view, sample.at, limbs(view.pack, estimate, creatinine))
    met = node.truth is TRUE
    return Judgement(
        at=sample.at,
        slot=sample.result.slot,
        truth=node.truth,
        node=node,
        level="REN_HALO" if met else "",
        severity=severity(known=known) if met else None,
        clears=clear,
        analyte=sample.result.analyte,
        value=shown(sample),
        unit=sample.result.unit,
        flags=_flags(view, sample) if met else (),
        missing=missing_for_egfr(view, sample.at) or ("creat",) if node.truth is INDETERMINATE else (),
        possible=(severity(known=known),) if node.truth is INDETERMINATE else (),
        facts=_facts(estimate) | notes(view, sample.at) if met else {},
    )


def _beside_baseline(view: View, sample: Point, judgement: Judgement) -> Judgement:
    """An accepted creatinine that is itself beyond the limits leaves the change to be looked at."""
    if sample.result.analyte != "creat":
        return judgement
    return beside(
        view, judgement, sample, lambda one: [limbs(view.pack, egfr_at(view, one), _creatinine(one))], "up"
    )  # fmt: skip


def severity(*, known: bool) -> Severity:
    """HIGH, or LOW (trend) when such a value is known from the prior 90 days [E]."""
    return Severity.LOW if known else Severity.HIGH


def limbs(pack: Pack, estimate: Quantity, creatinine: Quantity | None) -> Node:
    """The condition; either limb is enough."""
    second = [compare(creatinine, pack.limit("ren_halo.creatinine"))] if creatinine else []
    return any_of(compare(estimate, pack.limit("ren_halo.egfr")), *second, name="ren_halo")


def within_limits(pack: Pack, estimate: Interval | None, creatinine: Interval | None) -> bool:
    """Whether the sample certainly meets neither limb."""
    return misses(pack, estimate, ("ren_halo.egfr",)) and misses(pack, creatinine, ("ren_halo.creatinine",))


def clears(pack: Pack, estimate: Interval | None, creatinine: Interval | None) -> Truth:
    """One sample with eGFR >= 45 and creatinine <= 160 (alert behaviour 2.2); an unknown eGFR never clears."""
    parts = []
    for value, key in ((estimate, "ren_halo.clear_egfr"), (creatinine, "ren_halo.clear_creatinine")):
        limit = pack.limit(key)
        parts.append(value.test(limit.operator, limit.value) if value else INDETERMINATE)
    return all_true(parts)


def tagged_imwg(pack: Pack, creatinine: Interval) -> bool:
    """The IMWG reading of the creatinine limit, recorded beside ours."""
    limit = pack.limit("ren_halo.imwg177")
    return creatinine.test(limit.operator, limit.value) is TRUE


def _creatinine(sample: Point) -> Quantity | None:
    if sample.result.analyte != "creat":
        return None
    return Quantity(name="creat", interval=sample.interval, unit=sample.result.unit, results=(sample.result.result_id,))


def _flags(view: View, sample: Point) -> tuple[str, ...]:
    flags = {*sample.flags, *note_flags(notes(view, sample.at))}
    if sample.result.analyte == "creat":
        flags |= {"imwg177"} if tagged_imwg(view.pack, sample.interval) else set()
        flags |= {"egfr_unreliable"} if aki_at(view, sample).stage else set()
        flags |= {"recomputed"} if view.series.at("egfr", sample.at) else set()
    return tuple(sorted(flags))


def _facts(estimate: Quantity) -> dict[str, str]:
    own = estimate.interval if estimate.method != "reported" else None
    exact = own.exact if own else None
    return {"equation": estimate.method} | ({"egfr": displayed(exact)} if exact is not None else {})


RULE = Rule(
    name="REN_HALO",
    family="renal_failure",
    inputs=frozenset({"creat", "egfr", "ca", "ca_adj"}),
    judge=Walk(("creat", "egfr"), _step, ahead=BESIDE, calm=NOTHING_AHEAD),
    delivery="now",
)
